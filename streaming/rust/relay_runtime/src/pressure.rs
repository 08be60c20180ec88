//! When a media thread has more to send than it can: how far behind the arrival of its packets it works, and what it gives up first.
//!
//! Being late for a moment costs nobody anything: a busy machine does that, and catches up. Being late for long means that each packet waits
//! behind all those before it, and then nobody has a lecture; so viewers get fewer frames, in time. Sound is given up last. No clock here.

use relay_core::forward::{MILLISECOND, MediaKind, Nanos, SECOND};

/// Later than this the thread is overloaded.
const LATE: Nanos = 300 * MILLISECOND;
/// While it is, video is sent only this close behind its arrival: above the time between two frames, so that no core rests.
const CLOSE: Nanos = 50 * MILLISECOND;
/// Later than this even sound is given up.
const HOPELESS: Nanos = SECOND;
/// It is over when nothing was refused for so long.
const CALM: Nanos = 2 * SECOND;

/// How far behind a media thread is.
#[derive(Debug, Clone, Default)]
pub struct Pressure {
    /// Arrival of the oldest media in hand.
    since: Nanos,
    refused_at: Option<Nanos>,
}

impl Pressure {
    /// The media that arrived at `oldest` is about to be sent on.
    pub fn begin(&mut self, oldest: Nanos) {
        self.since = oldest;
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
        let admits = behind < if is_overloaded { CLOSE } else { LATE };
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
        pressure.begin(now - 200 * MILLISECOND);
        assert!(pressure.admits(Video, now));
        pressure.begin(now - LATE);
        assert!(!pressure.admits(Video, now));
        assert!(pressure.admits(Audio, now));
        // From now on it has to keep up, until it has for a while.
        pressure.begin(now - CLOSE);
        assert!(!pressure.admits(Video, now));
        pressure.begin(now);
        assert!(pressure.admits(Video, now + CLOSE - 1));
        assert!(!pressure.admits(Video, now + CLOSE));
        let later = now + CLOSE + CALM;
        pressure.begin(later - 200 * MILLISECOND);
        assert!(pressure.admits(Video, later));
        pressure.begin(later - HOPELESS);
        assert!(!pressure.admits(Audio, later));
    }
}
