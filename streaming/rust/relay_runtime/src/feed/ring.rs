//! What a recorder has not acknowledged yet, bounded by time and size; overflow drops whole GOPs as a marked gap.
//!
//! No sockets, no threads. Feed sequence numbers ascend; dropped frames leave holes.

use std::collections::VecDeque;
use std::sync::Arc;

use relay_core::forward::{Nanos, SECOND, Slot};

use super::frame::{Frame, kind};

/// Bookkeeping per frame that counts against the size, too.
const FRAME_OVERHEAD: usize = 128;

/// How much a ring keeps.
#[derive(Debug, Clone, Copy)]
pub struct RingLimits {
    /// Age of the oldest packet.
    pub age: Nanos,
    /// Octets.
    pub bytes: usize,
}

impl Default for RingLimits {
    /// 60 s or 64 MiB (joints.md §6).
    fn default() -> Self {
        Self {
            age: 60 * SECOND,
            bytes: 64 << 20,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Role {
    Packet { is_entry: bool },
    Source,
    Overflow { dropped: u64 },
    Other,
}

#[derive(Debug)]
struct Kept {
    frame: Frame,
    role: Role,
}

/// The ring of one recording.
#[derive(Debug)]
pub struct Ring {
    limits: RingLimits,
    kept: VecDeque<Kept>,
    bytes: usize,
    next_seq: u64,
    acked: u64,
    /// `source` payloads by slot, as of the front of the ring.
    sources: [Option<Arc<[u8]>>; Slot::COUNT],
    /// Slots whose GOP was cut at the end: nothing more of them until an entry point.
    cut: [bool; Slot::COUNT],
    overflow: u64,
}

impl Ring {
    /// An empty ring whose first frame will be number 1.
    pub fn new(limits: RingLimits) -> Self {
        Self {
            limits,
            kept: VecDeque::new(),
            bytes: 0,
            next_seq: 1,
            acked: 0,
            sources: Default::default(),
            cut: [false; Slot::COUNT],
            overflow: 0,
        }
    }

    /// The number of the next frame.
    pub fn next_seq(&self) -> u64 {
        self.next_seq
    }

    /// The highest acknowledged number.
    pub fn acked(&self) -> u64 {
        self.acked
    }

    /// Octets kept.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Packets dropped in all.
    pub fn overflow(&self) -> u64 {
        self.overflow
    }

    /// Whether everything was acknowledged.
    pub fn is_empty(&self) -> bool {
        self.kept.is_empty()
    }

    /// Appends a packet; returns whether a slot now waits for a key frame because of overflow.
    pub fn push_packet(&mut self, frame: Frame, is_entry: bool) -> Option<Slot> {
        let slot = Slot::from_octet(frame.slot)?;
        let at = frame.monotonic_ns;
        if self.cut[slot.index()] && is_entry {
            self.cut[slot.index()] = false;
        }
        if self.cut[slot.index()] {
            self.next_seq += 1;
            self.mark_dropped(slot, 1, None);
            return Some(slot);
        }
        self.push(frame, Role::Packet { is_entry });
        self.enforce(at)
    }

    /// Appends a `source` control frame.
    pub fn push_source(&mut self, frame: Frame) {
        self.push(frame, Role::Source);
    }

    /// Appends another control frame.
    pub fn push_control(&mut self, frame: Frame) {
        self.push(frame, Role::Other);
    }

    /// Packets of a slot never came this far: a marked gap here.
    pub fn push_lost(&mut self, slot: Slot, count: u64, at: Frame) {
        let seq = self.next_seq;
        self.next_seq += count;
        self.mark_dropped(
            slot,
            count,
            Some(Frame {
                feed_seq: seq,
                ..at
            }),
        );
        if slot.index() < 7 {
            self.cut[slot.index()] = true;
        }
    }

    /// The recorder has fsynced everything up to `seq`.
    pub fn ack(&mut self, seq: u64) {
        let seq = seq.min(self.next_seq - 1);
        self.acked = self.acked.max(seq);
        while self
            .kept
            .front()
            .is_some_and(|kept| kept.frame.feed_seq <= seq)
        {
            self.pop_front();
        }
    }

    /// Forgets every frame and gives their memory back; the numbers go on if the recording is switched on again.
    pub fn clear(&mut self) {
        self.ack(u64::MAX);
        self.kept = VecDeque::new();
    }

    /// The first number a recorder that has everything up to `after` will get.
    pub fn first_after(&self, after: u64) -> u64 {
        let index = self.index_after(after);
        self.kept
            .get(index)
            .map_or(self.next_seq.max(after + 1), |kept| kept.frame.feed_seq)
    }

    /// Slot and `source` payload of every filled slot, as they are just behind `after`.
    pub fn sources_at(&self, after: u64) -> Vec<(u8, Arc<[u8]>)> {
        let mut sources = self.sources.clone();
        for kept in self
            .kept
            .iter()
            .take_while(|kept| kept.frame.feed_seq <= after)
        {
            note_source(&mut sources, kept);
        }
        let filled = sources.into_iter().enumerate();
        filled
            .filter_map(|(index, payload)| Some((Slot::from_index(index)?.octet(), payload?)))
            .collect()
    }

    /// Appends frames behind `after` to `out` until it holds `limit` octets; returns the number of the last one.
    pub fn write_after(&self, after: u64, limit: usize, out: &mut Vec<u8>) -> u64 {
        let mut last = after;
        for kept in self.kept.range(self.index_after(after)..) {
            if out.len() >= limit {
                break;
            }
            kept.frame.write(out);
            last = kept.frame.feed_seq;
        }
        last
    }

    fn index_after(&self, after: u64) -> usize {
        self.kept
            .partition_point(|kept| kept.frame.feed_seq <= after)
    }

    fn push(&mut self, frame: Frame, role: Role) {
        let frame = Frame {
            feed_seq: self.next_seq,
            ..frame
        };
        self.next_seq += 1;
        self.bytes += cost(&frame);
        self.kept.push_back(Kept { frame, role });
    }

    fn pop_front(&mut self) {
        if let Some(kept) = self.kept.pop_front() {
            self.bytes -= cost(&kept.frame);
            note_source(&mut self.sources, &kept);
        }
    }

    /// Drops GOPs until the limits hold: of video first, beginning with the slot whose packet is oldest.
    fn enforce(&mut self, now: Nanos) -> Option<Slot> {
        let mut waiting = None;
        loop {
            let is_too_big = self.bytes > self.limits.bytes;
            let oldest_allowed = now.saturating_sub(self.limits.age);
            let oldest = self
                .kept
                .iter()
                .find(|kept| matches!(kept.role, Role::Packet { .. }));
            if !is_too_big && oldest.is_none_or(|kept| kept.frame.monotonic_ns >= oldest_allowed) {
                return waiting;
            }
            let is_due = |kept: &Kept| is_too_big || kept.frame.monotonic_ns < oldest_allowed;
            let find = |is_video: bool| {
                self.kept.iter().position(|kept| {
                    matches!(kept.role, Role::Packet { .. })
                        && (kept.frame.slot < 16) == is_video
                        && is_due(kept)
                })
            };
            let Some(first) = find(true).or_else(|| find(false)) else {
                return waiting;
            };
            let Some(slot) = Slot::from_octet(self.kept[first].frame.slot) else {
                return waiting;
            };
            if self.drop_gop(first, slot) {
                self.cut[slot.index()] = true;
                waiting = Some(slot);
            }
        }
    }

    /// Drops the packets of `slot` from index `first` to its next entry point (audio: one second); tells whether none was found.
    fn drop_gop(&mut self, first: usize, slot: Slot) -> bool {
        let start = self.kept[first].frame.monotonic_ns;
        let is_video = slot.index() < 7;
        let ends_at = |index: usize, kept: &Kept| match kept.role {
            Role::Packet { is_entry } if kept.frame.slot == slot.octet() => {
                index > first && is_entry && (is_video || kept.frame.monotonic_ns >= start + SECOND)
            }
            _ => false,
        };
        let end = self
            .kept
            .iter()
            .enumerate()
            .position(|(index, kept)| ends_at(index, kept));
        let last = end.unwrap_or(self.kept.len());
        let marker = Frame {
            kind: kind::CONTROL,
            publication: 0,
            ..self.kept[first].frame.clone()
        };
        let mut index = 0;
        let (mut dropped, mut freed) = (0, 0);
        self.kept.retain(|kept| {
            let doomed = (first..last).contains(&index)
                && kept.frame.slot == slot.octet()
                && matches!(kept.role, Role::Packet { .. });
            index += 1;
            if doomed {
                dropped += 1;
                freed += cost(&kept.frame);
            }
            !doomed
        });
        self.bytes -= freed;
        self.mark_dropped(slot, dropped, Some(marker));
        is_video && end.is_none()
    }

    /// Adds to the slot's last overflow mark when no packet of the slot stands behind it, else sets a new one.
    fn mark_dropped(&mut self, slot: Slot, count: u64, marker: Option<Frame>) {
        self.overflow += count;
        let seq = marker
            .as_ref()
            .map_or(self.next_seq - 1, |frame| frame.feed_seq);
        let index = self.kept.partition_point(|kept| kept.frame.feed_seq < seq);
        let last = self
            .kept
            .range_mut(..index)
            .rev()
            .find(|kept| kept.frame.slot == slot.octet() && kept.role != Role::Source);
        if let Some(Kept {
            frame,
            role: Role::Overflow { dropped },
        }) = last
        {
            *dropped += count;
            self.bytes -= cost(frame);
            frame.payload = overflow_payload(slot, *dropped);
            self.bytes += cost(frame);
            return;
        }
        let Some(template) = marker else { return };
        let frame = Frame {
            kind: kind::CONTROL,
            slot: slot.octet(),
            payload: overflow_payload(slot, count),
            ..template
        };
        self.bytes += cost(&frame);
        self.kept.insert(
            index,
            Kept {
                frame,
                role: Role::Overflow { dropped: count },
            },
        );
    }
}

fn note_source(sources: &mut [Option<Arc<[u8]>>; Slot::COUNT], kept: &Kept) {
    if kept.role == Role::Source {
        if let Some(slot) = Slot::from_octet(kept.frame.slot) {
            sources[slot.index()] = Some(kept.frame.payload.clone());
        }
    }
}

fn overflow_payload(slot: Slot, dropped: u64) -> Arc<[u8]> {
    Arc::from(
        format!(
            r#"{{"event":"overflow","slot":"{}","dropped":{dropped}}}"#,
            slot.name()
        )
        .into_bytes(),
    )
}

fn cost(frame: &Frame) -> usize {
    frame.payload.len() + FRAME_OVERHEAD
}

#[cfg(test)]
#[path = "ring_tests.rs"]
mod tests;
