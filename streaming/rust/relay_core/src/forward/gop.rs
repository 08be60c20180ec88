//! The group of pictures a newcomer can be shown at once: where the last key frame lies in the packet cache, and whether showing it
//! again is better than asking the publisher for another. Knows numbers and times; the packets are the cache's.

use super::cache::{PacketCache, PacketMeta, VIDEO_CAPACITY};
use super::model::{Nanos, SECOND};

/// A key frame younger than this is shown again …
const YOUNG: Nanos = SECOND;
/// … with what followed it, if that is no more than this.
const MAX_PACKETS: u64 = 200;
/// Within a second of the last request another one would cost the publisher a second key frame, so more is shown again: what leaves
/// half of the ring to answer NACKs from.
const MAX_PACKETS_ASKED: u64 = VIDEO_CAPACITY as u64 / 2;
/// So few frames are shown again at any age: those of a static screen, whose key frames are dear and may be long in coming.
const FEW_FRAMES: u32 = 15;
/// More probes than this among the pictures, and the group is not shown again.
const MAX_PROBES: usize = 64;

/// The last key frame of a video source and what numbers behind it were no media.
#[derive(Debug, Clone, Default)]
pub struct Gop {
    entry: Option<(u64, Nanos)>,
    /// Frames since the key frame, with it; reordering may count one twice.
    frames: u32,
    last_timestamp: u32,
    probes: Vec<u64>,
    /// Packets behind the key frame were lost for good, or the probes are too many to remember.
    is_broken: bool,
}

impl Gop {
    /// A media packet came.
    pub fn on_packet(&mut self, meta: &PacketMeta, now: Nanos) {
        if meta.is_entry && self.entry.is_none_or(|(from, _)| meta.sequence > from) {
            self.entry = Some((meta.sequence, now));
            (self.frames, self.last_timestamp) = (1, meta.timestamp);
            self.probes.retain(|probe| *probe > meta.sequence);
            self.is_broken = false;
        } else if meta.timestamp != self.last_timestamp {
            self.last_timestamp = meta.timestamp;
            self.frames = self.frames.saturating_add(1);
        }
    }

    /// A number was spent on padding.
    pub fn on_probe(&mut self, sequence: u64) {
        if self.entry.is_none() || self.probes.contains(&sequence) {
            return;
        }
        self.is_broken |= self.probes.len() == MAX_PROBES;
        if !self.is_broken {
            self.probes.push(sequence);
        }
    }

    /// More was lost than can be repaired: only a new key frame helps.
    pub fn on_outage(&mut self) {
        self.is_broken = true;
    }

    /// The source started anew.
    pub fn clear(&mut self) {
        *self = Self::default();
    }

    /// Whether a number behind the key frame was padding.
    pub fn is_probe(&self, sequence: u64) -> bool {
        self.probes.contains(&sequence)
    }

    /// The first packet of the group, if it is worth being shown again; `asked` is when a key frame was asked for last.
    pub fn replayable(
        &self,
        cache: &PacketCache,
        highest: u64,
        asked: Option<Nanos>,
        now: Nanos,
    ) -> Option<u64> {
        let (mut from, at) = self.entry.filter(|_| !self.is_broken)?;
        let entry = cache.get(from)?.0.timestamp;
        // The packet that was known as key frame first need not be its first one.
        while cache
            .get(from.wrapping_sub(1))
            .is_some_and(|(before, _)| before.timestamp == entry)
        {
            from -= 1;
        }
        let length = highest.saturating_sub(from) + 1;
        let was_asked = asked.is_some_and(|at| now.saturating_sub(at) < SECOND);
        let is_young = now.saturating_sub(at) <= YOUNG;
        let most = match (is_young, self.frames <= FEW_FRAMES) {
            (true, false) if !was_asked => MAX_PACKETS,
            (true, _) | (_, true) => MAX_PACKETS_ASKED,
            (false, false) => 0,
        };
        (length <= most).then_some(from)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled(numbers: std::ops::Range<u64>, entry: u64) -> (Gop, PacketCache) {
        let (mut gop, mut cache) = (Gop::default(), PacketCache::new(VIDEO_CAPACITY));
        for sequence in numbers {
            let meta = PacketMeta {
                sequence,
                // Two packets a frame.
                timestamp: (sequence / 2) as u32 * 3000,
                marker: false,
                is_entry: sequence == entry,
                vp8: None,
            };
            cache.insert(meta, b"p");
            gop.on_packet(&meta, 0);
        }
        (gop, cache)
    }

    #[test]
    fn a_young_group_is_shown_again_an_old_or_long_one_is_not() {
        let (gop, cache) = filled(100..300, 120);
        assert_eq!(gop.replayable(&cache, 299, None, YOUNG), Some(120));
        assert_eq!(gop.replayable(&cache, 299, None, YOUNG + 1), None);
        assert_eq!(gop.replayable(&cache, 320, None, 0), None, "201 packets");
        assert_eq!(
            gop.replayable(&cache, 320, Some(0), YOUNG / 2),
            Some(120),
            "a second request within the second is dearer"
        );
    }

    #[test]
    fn a_group_of_few_frames_is_shown_again_at_any_age() {
        let (gop, cache) = filled(100..130, 100);
        assert_eq!(gop.replayable(&cache, 129, None, 3600 * SECOND), Some(100));
        let (gop, cache) = filled(100..132, 100);
        assert_eq!(
            gop.replayable(&cache, 131, None, 3600 * SECOND),
            None,
            "16 frames"
        );
    }

    #[test]
    fn a_group_begins_with_the_first_packet_of_its_key_frame() {
        let (gop, cache) = filled(100..130, 121);
        assert_eq!(gop.replayable(&cache, 129, None, 0), Some(120));
    }

    #[test]
    fn a_torn_group_is_not_shown_again_until_the_next_key_frame() {
        let (mut gop, cache) = filled(100..130, 120);
        gop.on_outage();
        assert_eq!(gop.replayable(&cache, 129, None, 0), None);
        let meta = PacketMeta {
            is_entry: true,
            ..*cache.get(128).expect("kept").0
        };
        gop.on_packet(&meta, 0);
        assert_eq!(gop.replayable(&cache, 129, None, 0), Some(128));
        (0..65).for_each(|probe| gop.on_probe(1000 + probe));
        assert_eq!(gop.replayable(&cache, 129, None, 0), None);
    }
}
