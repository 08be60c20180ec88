//! The line of one output: how source sequence numbers, timestamps and picture ids map to what the viewer sees.
//!
//! Kept as switch points, not per packet (joints.md §3): between two points the mapping is an addition. Points replaced less than
//! [`ANSWERABLE`] ago still answer NACKs and place late packets. No packets, no clock of its own.

use std::collections::VecDeque;

use super::cache::PacketMeta;
use super::model::{Nanos, PublicationId, SECOND};
use super::squeeze::{Group, Squeeze};

/// How long a replaced switch point still answers.
pub const ANSWERABLE: Nanos = SECOND;

/// Most switch points kept; only bursts of probes dropped from the middle of the media could want more.
const MAX_SWITCHES: usize = 64;

/// Which run of which publication a mapping is about: a publisher that starts anew gets a new generation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct SourceKey {
    /// The publication.
    pub publication: PublicationId,
    /// Counts restarts of its source.
    pub generation: u32,
}

/// From here on the output shows this source with these offsets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Switch {
    /// The source.
    pub source: SourceKey,
    /// First source sequence number mapped.
    pub source_from: u64,
    /// The output sequence number it becomes.
    pub output_from: u64,
    /// Added to source timestamps.
    pub timestamp_offset: u32,
    /// Added to VP8 picture ids.
    pub picture_offset: u16,
    /// Added to VP8 TL0PICIDX.
    pub tl0_offset: u8,
    /// Timestamps of what was shown again at its beginning.
    squeeze: Option<Squeeze>,
    replaced_at: Option<Nanos>,
}

/// The mapping of one output.
#[derive(Debug, Clone)]
pub struct Line {
    switches: VecDeque<Switch>,
    next_output: u64,
    first_output: u64,
    last_timestamp: Option<u32>,
    last_picture: u16,
    last_tl0: u8,
}

impl Line {
    /// A line whose first packet will have `first_sequence` (1..0x8000: an early ROC wrap would lose joining receivers).
    pub fn new(first_sequence: u16) -> Self {
        let first = u64::from(first_sequence & 0x7fff).max(1);
        Self {
            switches: VecDeque::new(),
            next_output: first,
            first_output: first,
            last_timestamp: None,
            last_picture: 0,
            last_tl0: 0,
        }
    }

    /// The output sequence number behind the highest one given out.
    pub fn next_output(&self) -> u64 {
        self.next_output
    }

    /// Whether any packet was placed.
    pub fn is_started(&self) -> bool {
        self.next_output > self.first_output
    }

    /// The current switch point.
    pub fn current(&self) -> Option<&Switch> {
        self.switches.back()
    }

    /// Starts a new mapping at `packet`, which is to get `timestamp` or, when that would not increase, the next one.
    pub fn switch_to(
        &mut self,
        source: SourceKey,
        packet: &PacketMeta,
        timestamp: u32,
        now: Nanos,
    ) {
        let timestamp = match self.last_timestamp {
            Some(last) if (timestamp.wrapping_sub(last) as i32) <= 0 => last.wrapping_add(1),
            _ => timestamp,
        };
        let picture = packet
            .vp8
            .and_then(|vp8| vp8.picture_id)
            .map_or(0, |id| id.value);
        let tl0 = packet
            .vp8
            .and_then(|vp8| vp8.tl0_picture_index)
            .map_or(0, |(_, value)| value);
        let first = self.switches.is_empty();
        self.replace(
            Switch {
                source,
                source_from: packet.sequence,
                output_from: self.next_output,
                timestamp_offset: timestamp.wrapping_sub(packet.timestamp),
                picture_offset: if first {
                    0
                } else {
                    self.last_picture.wrapping_add(1).wrapping_sub(picture)
                },
                tl0_offset: if first {
                    0
                } else {
                    self.last_tl0.wrapping_add(1).wrapping_sub(tl0)
                },
                squeeze: None,
                replaced_at: None,
            },
            now,
        );
    }

    /// Starts a new mapping at `packet`, the first of a cached group whose newest frame is to get `edge`; what follows the group goes
    /// on from `timestamp`, which belongs to that newest frame.
    pub fn replay_from(
        &mut self,
        source: SourceKey,
        packet: &PacketMeta,
        group: Group,
        (timestamp, edge): (u32, u32),
        now: Nanos,
    ) {
        let after = self.last_timestamp;
        let squeeze = Squeeze::new(group, edge, after);
        let first = squeeze.timestamp_of(packet).unwrap_or(edge);
        let late = after.map_or(0, |after| after.wrapping_add(1).wrapping_sub(first) as i32);
        let late = late.max(0) as u32;
        self.switch_to(source, packet, first.wrapping_add(late), now);
        if let Some(current) = self.switches.back_mut() {
            current.timestamp_offset = timestamp.wrapping_add(late).wrapping_sub(group.newest);
            current.squeeze = Some(squeeze.moved(late));
        }
    }

    /// Takes a packet that must not be forwarded (a probe) out of the numbering, if nothing behind it was placed yet.
    pub fn skip(&mut self, source: SourceKey, sequence: u64, now: Nanos) {
        let next_output = self.next_output;
        let Some(current) = self
            .switches
            .back_mut()
            .filter(|current| current.source == source)
        else {
            return;
        };
        if sequence != current.source_from + (next_output - current.output_from) {
            return;
        }
        if current.output_from == next_output {
            current.source_from += 1;
            return;
        }
        let next = Switch {
            source_from: sequence + 1,
            output_from: next_output,
            ..*current
        };
        self.replace(next, now);
    }

    /// The output sequence number of a source packet, and the switch point that says so; None = not on the line.
    #[inline]
    pub fn place(&mut self, source: SourceKey, packet: &PacketMeta) -> Option<(u64, Switch)> {
        let current = *self.switches.back()?;
        if current.source == source && packet.sequence >= current.source_from {
            let output = current.output_from + (packet.sequence - current.source_from);
            if output >= self.next_output {
                self.next_output = output + 1;
                self.last_timestamp = Some(current.timestamp_of(packet));
                if let Some(vp8) = packet.vp8 {
                    self.last_picture = vp8
                        .picture_id
                        .map_or(0, |id| id.value.wrapping_add(current.picture_offset));
                    self.last_tl0 = vp8
                        .tl0_picture_index
                        .map_or(0, |(_, value)| value.wrapping_add(current.tl0_offset));
                }
            }
            return Some((output, current));
        }
        self.place_late(source, packet.sequence)
    }

    /// The source packet behind an output sequence number that was given out; None = never given out, or too long ago.
    pub fn source_of(&self, output: u64, now: Nanos) -> Option<(Switch, u64)> {
        if output >= self.next_output {
            return None;
        }
        let switch = *self
            .switches
            .iter()
            .rev()
            .find(|switch| switch.output_from <= output)?;
        switch
            .answers(now)
            .then(|| (switch, switch.source_from + (output - switch.output_from)))
    }

    fn place_late(&self, source: SourceKey, sequence: u64) -> Option<(u64, Switch)> {
        let mut end_output = self.switches.back()?.output_from;
        for switch in self.switches.iter().rev().skip(1) {
            let length = end_output - switch.output_from;
            if switch.source == source
                && (switch.source_from..switch.source_from + length).contains(&sequence)
            {
                return Some((
                    switch.output_from + (sequence - switch.source_from),
                    *switch,
                ));
            }
            end_output = switch.output_from;
        }
        None
    }

    fn replace(&mut self, next: Switch, now: Nanos) {
        if let Some(current) = self.switches.back_mut() {
            current.replaced_at = Some(now);
        }
        while self.switches.len() >= MAX_SWITCHES
            || self
                .switches
                .front()
                .is_some_and(|switch| !switch.answers(now))
        {
            self.switches.pop_front();
        }
        self.switches.push_back(next);
    }
}

impl Switch {
    /// The output timestamp of a packet it maps.
    #[inline]
    pub fn timestamp_of(&self, packet: &PacketMeta) -> u32 {
        self.squeeze
            .and_then(|squeeze| squeeze.timestamp_of(packet))
            .unwrap_or_else(|| packet.timestamp.wrapping_add(self.timestamp_offset))
    }

    fn answers(&self, now: Nanos) -> bool {
        self.replaced_at
            .is_none_or(|at| now.saturating_sub(at) <= ANSWERABLE)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use proptest::prelude::*;

    use super::*;

    fn key(publication: u64) -> SourceKey {
        SourceKey {
            publication: PublicationId(publication),
            generation: 0,
        }
    }

    fn packet(sequence: u64) -> PacketMeta {
        PacketMeta {
            sequence,
            timestamp: (sequence as u32).wrapping_mul(3000),
            marker: false,
            is_entry: true,
            vp8: None,
        }
    }

    #[test]
    fn a_switch_continues_the_numbers_and_both_sides_stay_answerable() {
        let mut line = Line::new(100);
        line.switch_to(key(1), &packet(5000), 77, 0);
        assert_eq!(
            line.place(key(1), &packet(5000)).map(|placed| placed.0),
            Some(100)
        );
        assert_eq!(
            line.place(key(1), &packet(5002)).map(|placed| placed.0),
            Some(102)
        );
        line.switch_to(key(2), &packet(9), 50, SECOND);
        let (output, switch) = line
            .place(key(2), &packet(9))
            .expect("the entry is on the line");
        assert_eq!(output, 103);
        assert_eq!(
            packet(9).timestamp.wrapping_add(switch.timestamp_offset),
            77 + 2 * 3000 + 1
        );
        assert_eq!(
            line.place(key(1), &packet(5001)).map(|placed| placed.0),
            Some(101),
            "late packet of before"
        );
        assert_eq!(
            line.place(key(1), &packet(5003)),
            None,
            "the old source goes no further"
        );
        assert_eq!(
            line.source_of(101, 2 * SECOND)
                .map(|found| (found.0.source, found.1)),
            Some((key(1), 5001))
        );
        assert_eq!(
            line.source_of(101, 2 * SECOND + 1),
            None,
            "one second is over"
        );
        assert_eq!(
            line.source_of(103, 9 * SECOND)
                .map(|found| (found.0.source, found.1)),
            Some((key(2), 9))
        );
        assert_eq!(line.source_of(104, 9 * SECOND), None, "never sent");
    }

    #[test]
    fn a_skipped_probe_leaves_no_gap() {
        let mut line = Line::new(7);
        line.switch_to(key(1), &packet(10), 0, 0);
        line.skip(key(1), 10, 0);
        assert_eq!(
            line.place(key(1), &packet(11)).map(|placed| placed.0),
            Some(7)
        );
        line.skip(key(1), 12, 0);
        line.skip(key(1), 13, 0);
        assert_eq!(
            line.place(key(1), &packet(14)).map(|placed| placed.0),
            Some(8)
        );
        assert_eq!(line.source_of(7, 0).map(|found| found.1), Some(11));
        assert_eq!(line.source_of(8, 0).map(|found| found.1), Some(14));
    }

    proptest! {
        /// Whatever order, loss and duplication the input has: an output number stands for exactly one source packet, numbers grow
        /// with the source, and the gaps of the output are exactly the packets that are missing.
        #[test]
        fn the_line_is_gap_honest(
            steps in proptest::collection::vec((0u64..40, 0u8..20, any::<bool>()), 1..200),
        ) {
            let mut line = Line::new(1);
            let mut source = key(1);
            let mut base = 1000;
            line.switch_to(source, &packet(base), 0, 0);
            let mut seen: BTreeMap<u64, (SourceKey, u64)> = BTreeMap::new();
            let mut probes = BTreeSet::new();
            for (offset, action, forward) in steps {
                match action {
                    0 => {
                        source = key(source.publication.0 % 2 + 1);
                        base += 500;
                        line.switch_to(source, &packet(base), 0, 0);
                    }
                    1 => {
                        let probe = base + offset;
                        if !seen.values().any(|known| *known == (source, probe)) {
                            line.skip(source, probe, 0);
                            probes.insert((source.publication, probe));
                        }
                    }
                    _ => {}
                }
                let sequence = base + offset;
                if forward && !probes.contains(&(source.publication, sequence)) {
                    if let Some((output, _)) = line.place(source, &packet(sequence)) {
                        let known = seen.entry(output).or_insert((source, sequence));
                        prop_assert_eq!(*known, (source, sequence));
                        let back = line.source_of(output, 0).map(|(switch, number)| (switch.source, number));
                        prop_assert_eq!(back, Some((source, sequence)));
                    }
                }
            }
            let in_order: Vec<_> = seen.values().filter(|entry| entry.0 == source && entry.1 >= base).map(|entry| entry.1).collect();
            prop_assert!(in_order.windows(2).all(|pair| pair[0] < pair[1]), "{:?}", in_order);
        }
    }
}
