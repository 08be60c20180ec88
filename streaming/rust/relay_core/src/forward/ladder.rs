//! A simulcast publication (RFC 8853): its layers, lowest first, which of them send, and which one the recorder gets.
//!
//! A layer is a source of its own in the relay's tables; here is what only makes sense for all of them together. No packets.

use std::sync::Arc;

use super::dynacast::Dynacast;
use super::mirror::WorkerIndex;
use super::model::{MILLISECOND, Nanos, PublicationId, SECOND, SessionId};

/// Silence after which a layer has stopped, if others went on.
const STOPPED_AFTER: Nanos = 500 * MILLISECOND;
/// Frames the others must have sent meanwhile: a still screen is silent for a second, on all layers alike.
const STOPPED_FRAMES: u64 = 3;
/// What a layer is taken to cost before it was ever sent.
const GUESSED_BPS: [u64; PublicationId::MAX_LAYERS] = [150_000, 500_000, 1_500_000];
/// A layer is recorded again when it has sent this long: each change costs the recording a discontinuity.
const STEADY: Nanos = 2 * SECOND;

/// A simulcast publication.
pub(crate) struct Ladder {
    pub id: PublicationId,
    pub owner: SessionId,
    pub room: Arc<str>,
    /// The worker of the owner, if it is not this one.
    pub mirror_of: Option<WorkerIndex>,
    pub rungs: Vec<Rung>,
    pub dynacast: Dynacast,
    /// Any media came yet.
    pub is_started: bool,
    /// All layers are silent.
    pub is_stalled: bool,
    /// The rung the recorder gets.
    pub fed: Option<usize>,
    /// The rung the recorder is to get from its next key frame on.
    pub fed_next: Option<usize>,
    rated_at: Nanos,
}

/// One layer.
pub(crate) struct Rung {
    pub id: PublicationId,
    pub rid: String,
    pub is_sending: bool,
    /// Bits per second, smoothed; 0 = never sent.
    rate: u64,
    since: Nanos,
    heard: Nanos,
    packets: u64,
    others_frames: u64,
}

/// What the counters of a layer say.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct RungCounters {
    pub packets: u64,
    pub frames: u64,
}

impl Ladder {
    pub fn new(id: PublicationId, owner: SessionId, room: Arc<str>, rids: &[String]) -> Self {
        let rung = |(index, rid): (usize, &String)| Rung {
            id: id.layer(index),
            rid: rid.clone(),
            is_sending: false,
            rate: 0,
            since: 0,
            heard: 0,
            packets: 0,
            others_frames: 0,
        };
        Self {
            id,
            owner,
            room,
            mirror_of: None,
            dynacast: Dynacast::new(rids.len()),
            rungs: rids.iter().enumerate().map(rung).collect(),
            is_started: false,
            is_stalled: false,
            fed: None,
            fed_next: None,
            rated_at: 0,
        }
    }

    /// The highest rung.
    pub fn top(&self) -> usize {
        self.rungs.len().saturating_sub(1)
    }

    /// A silent rung has sent something. The recorder never waits for a better one.
    pub fn on_awoken(&mut self, index: usize, now: Nanos) {
        if let Some(rung) = self.rungs.get_mut(index) {
            (rung.is_sending, rung.since, rung.heard) = (true, now, now);
        }
    }

    /// Compares the counters, one set a rung, with those of before; tells whether a rung has stopped.
    pub fn observe(&mut self, counters: &[RungCounters], now: Nanos) -> bool {
        let frames: u64 = counters.iter().map(|of_rung| of_rung.frames).sum();
        let mut has_stopped = false;
        for (rung, of_rung) in self.rungs.iter_mut().zip(counters) {
            let others_frames = frames - of_rung.frames;
            if of_rung.packets != rung.packets {
                (rung.packets, rung.heard) = (of_rung.packets, now);
                rung.others_frames = others_frames;
            } else if rung.is_sending
                && now.saturating_sub(rung.heard) >= STOPPED_AFTER
                && others_frames - rung.others_frames >= STOPPED_FRAMES
            {
                rung.is_sending = false;
                has_stopped = true;
            }
        }
        has_stopped
    }

    /// Whether the rates of the last second are to be told.
    pub fn wants_rates(&self, now: Nanos) -> bool {
        now.saturating_sub(self.rated_at) >= SECOND
    }

    /// What each rung sent in the last second. Of one that is silent the last rate is remembered.
    pub fn on_rates(&mut self, bps: &[u64], now: Nanos) {
        self.rated_at = now;
        for (rung, bps) in self.rungs.iter_mut().zip(bps).filter(|(_, bps)| **bps > 0) {
            rung.rate = match rung.rate {
                0 => *bps,
                known => (3 * known + bps) / 4,
            };
        }
    }

    /// Bits per second of each layer, never falling towards the higher ones.
    pub fn rates(&self) -> [u64; PublicationId::MAX_LAYERS] {
        let mut rates = GUESSED_BPS;
        let mut least = 0;
        for (index, rate) in rates.iter_mut().enumerate() {
            let known = self.rungs.get(index).map_or(0, |rung| rung.rate);
            *rate = if known > 0 { known } else { *rate }.max(least);
            least = *rate;
        }
        rates
    }

    /// The rung to show where `wanted` is wanted: the next sending one down, else up; None when nothing is sent.
    pub fn nearest(&self, wanted: usize) -> Option<usize> {
        let sends = |index: &usize| self.rungs[*index].is_sending;
        let wanted = wanted.min(self.top());
        (0..=wanted)
            .rev()
            .find(sends)
            .or_else(|| (wanted + 1..self.rungs.len()).find(sends))
    }

    /// The highest rung that could be had: it is sent, or only not sent because nobody wants it.
    pub fn reach(&self) -> usize {
        let can_be_had =
            |index: &usize| self.rungs[*index].is_sending || self.dynacast.is_off(*index);
        (0..self.rungs.len()).rev().find(can_be_had).unwrap_or(0)
    }

    /// The rung the recorder should get instead of the one it gets: the highest, once that is steady or the present one has stopped.
    pub fn better_feed(&self, now: Nanos) -> Option<usize> {
        let best = self.nearest(self.top())?;
        let Some(fed) = self.fed else {
            return Some(best);
        };
        let is_steady = |index: &usize| {
            let rung = &self.rungs[*index];
            rung.is_sending && now.saturating_sub(rung.since) >= STEADY
        };
        if self.rungs.get(fed).is_none_or(|rung| !rung.is_sending) {
            return Some(best);
        }
        (fed + 1..self.rungs.len()).rev().find(is_steady)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ladder() -> Ladder {
        let rids = ["l", "m", "h"].map(String::from);
        Ladder::new(PublicationId(7), SessionId(1), Arc::from("room"), &rids)
    }

    fn counters(frames: [u64; 3]) -> Vec<RungCounters> {
        frames
            .iter()
            .map(|frames| RungCounters {
                packets: 3 * frames,
                frames: *frames,
            })
            .collect()
    }

    #[test]
    fn a_layer_has_stopped_when_others_go_on_without_it_for_half_a_second() {
        let mut ladder = ladder();
        (0..3).for_each(|index| ladder.on_awoken(index, 0));
        assert!(!ladder.observe(&counters([10, 10, 10]), SECOND));
        assert!(!ladder.observe(&counters([20, 20, 10]), SECOND + STOPPED_AFTER - 1));
        assert!(ladder.observe(&counters([21, 21, 10]), SECOND + STOPPED_AFTER));
        assert_eq!((ladder.nearest(2), ladder.nearest(0)), (Some(1), Some(0)));
        ladder.on_awoken(2, 2 * SECOND);
        assert_eq!(ladder.nearest(2), Some(2));
    }

    #[test]
    fn a_still_screen_stops_no_layer() {
        let mut ladder = ladder();
        (0..3).for_each(|index| ladder.on_awoken(index, 0));
        ladder.observe(&counters([10, 10, 10]), SECOND);
        assert!(!ladder.observe(&counters([10, 10, 10]), 60 * SECOND));
        assert!(!ladder.observe(&counters([11, 11, 10]), 61 * SECOND));
        assert_eq!(ladder.nearest(2), Some(2));
    }

    #[test]
    fn with_nothing_below_the_next_above_is_shown() {
        let mut ladder = ladder();
        assert_eq!(ladder.nearest(1), None);
        ladder.on_awoken(2, 0);
        assert_eq!((ladder.nearest(0), ladder.nearest(9)), (Some(2), Some(2)));
    }

    #[test]
    fn the_recorder_falls_at_once_and_climbs_when_the_higher_layer_is_steady() {
        let mut ladder = ladder();
        assert_eq!(ladder.better_feed(0), None);
        ladder.on_awoken(0, 0);
        assert_eq!(ladder.better_feed(0), Some(0));
        ladder.fed = Some(0);
        ladder.on_awoken(2, SECOND);
        assert_eq!(ladder.better_feed(SECOND), None);
        assert_eq!(ladder.better_feed(SECOND + STEADY), Some(2));
        ladder.fed = Some(2);
        ladder.observe(&counters([10, 0, 1]), 2 * SECOND);
        ladder.observe(&counters([90, 0, 1]), 9 * SECOND);
        assert_eq!(ladder.better_feed(9 * SECOND), Some(0));
    }
}
