//! When a media thread has more to send than it can: how far behind the arrival of its packets it works, and what it gives up first.
//!
//! Being late for a moment costs nobody anything: a busy machine does that, and catches up. Being late for long means that each packet waits
//! behind all those before it, and then nobody has a lecture; so viewers get fewer frames, in time. Sound is given up last. No clock here.

use relay_core::forward::{MILLISECOND, MediaKind, Nanos, SECOND};

/// Later than this, …
const LATE: Nanos = 150 * MILLISECOND;
/// … in all it did for so long, and the thread is overloaded. Together less than what fills the kernel's receive buffer, which drops sound
/// as well as pictures.
const FOR_LONG: Nanos = 150 * MILLISECOND;
/// While it is, video is sent only this close behind its arrival: above the time between two frames, so that no core rests.
const CLOSE: Nanos = 50 * MILLISECOND;
/// Later than this even sound is given up.
const HOPELESS: Nanos = SECOND;
/// It is over when nothing was refused for so long.
const CALM: Nanos = 2 * SECOND;

/// How far behind a media thread is.
#[derive(Debug, Clone)]
pub struct Pressure {
    /// Arrival of the oldest media in hand; nothing is late while there is none.
    since: Nanos,
    /// Since when nothing was in time.
    late_since: Option<Nanos>,
    refused_at: Option<Nanos>,
}

impl Default for Pressure {
    fn default() -> Self {
        Self {
            since: Nanos::MAX,
            late_since: None,
            refused_at: None,
        }
    }
}

impl Pressure {
    /// Everything in hand was sent.
    pub fn end(&mut self) {
        self.since = Nanos::MAX;
    }

    /// The media that arrived at `oldest` is about to be sent on.
    pub fn begin(&mut self, oldest: Nanos, now: Nanos) {
        self.since = oldest;
        if now.saturating_sub(oldest) < LATE {
            self.late_since = None;
        } else {
            self.late_since.get_or_insert(now);
        }
    }

    /// Whether there is time for one more viewer.
    pub fn admits(&mut self, kind: MediaKind, now: Nanos) -> bool {
        let behind = now.saturating_sub(self.since);
        if kind == MediaKind::Audio {
            return behind < HOPELESS;
        }
        let is_overloaded = self
            .refused_at
            .is_some_and(|at| now.saturating_sub(at) < CALM);
        let is_late_for_long = self
            .late_since
            .is_some_and(|since| now.saturating_sub(since) >= FOR_LONG);
        let admits = match is_overloaded {
            true => behind < CLOSE,
            false => behind < LATE || !is_late_for_long,
        };
        if !admits {
            self.refused_at = Some(now);
        }
        admits
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use MediaKind::{Audio, Video};

    #[test]
    fn a_moment_of_lateness_is_nothing_and_a_queue_is_cut_short() {
        let mut pressure = Pressure::default();
        let now = 100 * SECOND;
        pressure.begin(now - 900 * MILLISECOND, now);
        assert!(pressure.admits(Video, now), "somebody else had the core");
        let longer = now + FOR_LONG;
        pressure.begin(longer - LATE, longer);
        assert!(!pressure.admits(Video, longer));
        assert!(pressure.admits(Audio, longer));
        // From now on it has to keep up, until it has for a while.
        pressure.begin(longer - CLOSE, longer);
        assert!(!pressure.admits(Video, longer));
        pressure.begin(longer, longer);
        assert!(pressure.admits(Video, longer + CLOSE - 1));
        assert!(!pressure.admits(Video, longer + CLOSE));
        let later = longer + CLOSE + CALM;
        pressure.begin(later - 200 * MILLISECOND, later);
        assert!(pressure.admits(Video, later));
        pressure.begin(later - HOPELESS, later);
        assert!(!pressure.admits(Audio, later));
    }
}
