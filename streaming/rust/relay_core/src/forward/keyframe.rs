//! When to ask a publisher for a key frame: at most once per 300 ms, again while nobody got one (aiortc.md §4).

use super::model::{MILLISECOND, Nanos, SECOND};

/// Browsers make at most one key frame in about 300 ms; requests inside that window are lost.
const COALESCE: Nanos = 300 * MILLISECOND;
/// Without a key frame the request is repeated after this long.
const REPEAT: Nanos = 400 * MILLISECOND;
/// While there is more to send than can be sent, key frames come no closer than this.
const PATIENCE: Nanos = SECOND;
/// Repeats towards a publisher that sends nothing at all.
const REPEAT_STALLED: Nanos = SECOND;

/// The key frame requests of one publication.
#[derive(Debug, Clone, Default)]
pub struct KeyframeRequests {
    wanted: bool,
    /// Those who wait can wait a second.
    is_patient: bool,
    last_sent: Option<Nanos>,
    next: Nanos,
}

impl KeyframeRequests {
    /// Somebody waits for a key frame from now on.
    pub fn want(&mut self, now: Nanos) {
        if !self.wanted || self.is_patient {
            (self.wanted, self.is_patient) = (true, false);
            self.next = self.last_sent.map_or(now, |last| now.max(last + COALESCE));
        }
    }

    /// Somebody waits who was left out because there is too much to send: key frames are large, so not at once.
    pub fn want_patiently(&mut self, now: Nanos) {
        if !self.wanted {
            (self.wanted, self.is_patient) = (true, true);
            self.next = self.last_sent.map_or(now, |last| now.max(last + PATIENCE));
        }
    }

    /// A key frame came: nobody waits any longer.
    pub fn satisfied(&mut self) {
        self.wanted = false;
    }

    /// Whether somebody waits.
    pub fn is_wanted(&self) -> bool {
        self.wanted
    }

    /// When a request was sent last.
    pub fn last_sent(&self) -> Option<Nanos> {
        self.last_sent
    }

    /// Whether to send a request now; counts as sent when it says so.
    pub fn take_due(&mut self, now: Nanos, is_stalled: bool) -> bool {
        if !self.wanted || now < self.next {
            return false;
        }
        self.last_sent = Some(now);
        self.next = now + if is_stalled { REPEAT_STALLED } else { REPEAT };
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_coalesce_to_one_per_300_ms() {
        let mut requests = KeyframeRequests::default();
        requests.want(0);
        assert!(requests.take_due(0, false));
        requests.satisfied();
        for now in (0..COALESCE).step_by(50_000_000) {
            requests.want(now);
            assert!(!requests.take_due(now, false), "{now}");
        }
        assert!(requests.take_due(COALESCE, false));
    }

    #[test]
    fn a_request_repeats_until_a_key_frame_came() {
        let mut requests = KeyframeRequests::default();
        requests.want(0);
        assert!(requests.take_due(0, false));
        assert!(!requests.take_due(REPEAT - 1, false));
        assert!(requests.take_due(REPEAT, false));
        assert!(requests.take_due(2 * REPEAT, true));
        assert!(!requests.take_due(3 * REPEAT, true));
        requests.satisfied();
        assert!(!requests.take_due(9 * SECOND, false));
    }
}
