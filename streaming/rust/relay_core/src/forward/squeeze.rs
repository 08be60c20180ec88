//! Timestamps of frames shown again: pushed together just before the live edge, so that a receiver sees frames that were captured and
//! arrive in one burst, and does not take their age for delay of the network. Arithmetic only.

use super::cache::PacketMeta;

/// What a replayed group may span, in 90 kHz ticks (25 ms): small against any play-out delay.
const SPAN: u32 = 2250;

/// Frames up to a packet get timestamps closer together than they were captured; a function of the packet, so that resends repeat it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Squeeze {
    /// Last packet it is about.
    until: u64,
    /// Newest source timestamp among them …
    newest: u32,
    /// … and the output timestamp it gets.
    edge: u32,
    /// The distance to the newest is divided by two to this.
    shift: u32,
}

/// What is to be squeezed.
#[derive(Debug, Clone, Copy)]
pub struct Group {
    /// Last packet.
    pub until: u64,
    /// Oldest timestamp.
    pub oldest: u32,
    /// Newest timestamp.
    pub newest: u32,
    /// Least distance between two of its timestamps that differ.
    pub step: u32,
}

impl Group {
    /// Reads a group off its packets; None without any.
    pub fn of<'a>(packets: impl Iterator<Item = &'a PacketMeta>) -> Option<Self> {
        let mut group: Option<Self> = None;
        let mut last = 0;
        for packet in packets {
            let found = group.get_or_insert(Self {
                until: packet.sequence,
                oldest: packet.timestamp,
                newest: packet.timestamp,
                step: u32::MAX,
            });
            found.until = packet.sequence;
            let ahead = |timestamp: u32| packet.timestamp.wrapping_sub(timestamp) as i32;
            if ahead(found.newest) > 0 {
                found.newest = packet.timestamp;
            } else if ahead(found.oldest) < 0 {
                found.oldest = packet.timestamp;
            }
            match ahead(last).unsigned_abs() {
                0 => {}
                step => found.step = found.step.min(step),
            }
            last = packet.timestamp;
        }
        group
    }
}

impl Squeeze {
    /// Squeezes a group so that it ends at `edge` and, where its frames leave room for that, begins behind `after`.
    pub fn new(group: Group, edge: u32, after: Option<u32>) -> Self {
        let span = group.newest.wrapping_sub(group.oldest);
        // Any more, and two frames would become one.
        let most = group.step.max(1).ilog2();
        let fits = |shift: u32| {
            let first = edge.wrapping_sub(span >> shift);
            span >> shift <= SPAN && after.is_none_or(|after| first.wrapping_sub(after) as i32 > 0)
        };
        let shift = (0..most).find(|shift| fits(*shift)).unwrap_or(most);
        Self {
            until: group.until,
            newest: group.newest,
            edge,
            shift,
        }
    }

    /// The output timestamp of a packet; None = it is not about it.
    #[inline]
    pub fn timestamp_of(&self, packet: &PacketMeta) -> Option<u32> {
        let back = self.newest.wrapping_sub(packet.timestamp);
        (packet.sequence <= self.until).then(|| self.edge.wrapping_sub(back >> self.shift))
    }

    /// The same, later.
    pub fn moved(self, ticks: u32) -> Self {
        Self {
            edge: self.edge.wrapping_add(ticks),
            ..self
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn packet(sequence: u64, timestamp: u32) -> PacketMeta {
        PacketMeta {
            sequence,
            timestamp,
            marker: false,
            is_entry: false,
            vp8: None,
        }
    }

    #[test]
    fn a_second_of_video_becomes_a_burst_that_ends_at_the_edge() {
        let packets: Vec<_> = (0..30)
            .map(|frame| packet(frame, frame as u32 * 3000))
            .collect();
        let group = Group::of(packets.iter()).expect("packets");
        let squeeze = Squeeze::new(group, 500_000, None);
        let squeezed: Vec<_> = packets
            .iter()
            .filter_map(|packet| squeeze.timestamp_of(packet))
            .collect();
        assert!(
            squeezed.windows(2).all(|pair| pair[0] < pair[1]),
            "{squeezed:?}"
        );
        assert_eq!(squeezed.last(), Some(&500_000));
        assert!(squeezed[0] >= 500_000 - SPAN);
        assert_eq!(squeeze.timestamp_of(&packet(30, 90_000)), None, "live");
    }

    proptest! {
        /// Frames stay apart and in order, whatever their distances and wherever the clock wraps.
        #[test]
        fn squeezed_frames_strictly_increase(
            steps in proptest::collection::vec(1u32..200_000, 1..200),
            start in any::<u32>(), edge in any::<u32>(), after in proptest::option::of(0u32..10_000),
        ) {
            let mut timestamp = start;
            let packets: Vec<_> = steps.iter().enumerate().map(|(index, step)| {
                timestamp = timestamp.wrapping_add(*step);
                packet(index as u64, timestamp)
            }).collect();
            let group = Group::of(packets.iter()).expect("packets");
            let squeeze = Squeeze::new(group, edge, after.map(|distance| edge.wrapping_sub(distance)));
            let squeezed: Vec<_> = packets.iter().filter_map(|packet| squeeze.timestamp_of(packet)).collect();
            prop_assert_eq!(squeezed.len(), packets.len());
            prop_assert!(squeezed.windows(2).all(|pair| pair[1].wrapping_sub(pair[0]) as i32 > 0));
            prop_assert_eq!(squeezed.last(), Some(&edge));
        }
    }
}
