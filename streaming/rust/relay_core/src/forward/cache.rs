//! The packets of one publication that can still be sent again: one ring, shared by all its viewers, no allocation per packet.
//!
//! Keyed by the extended source sequence number. Holds payloads without header, extension or padding. Knows no viewers.

use crate::payload::vp8::Vp8Descriptor;

/// Largest payload the ring keeps: more than an Ethernet frame carries.
pub const MAX_PAYLOAD: usize = 1472;

/// Ring size for video: ≥ 1 s up to 1000 packets a second (10 Mbit/s). A power of two.
pub const VIDEO_CAPACITY: usize = 1024;
/// Ring size for audio: 5 s of 20 ms packets. A power of two.
pub const AUDIO_CAPACITY: usize = 256;

/// What a packet is to a viewer, besides its payload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PacketMeta {
    /// Extended source sequence number.
    pub sequence: u64,
    /// Source RTP timestamp.
    pub timestamp: u32,
    /// Marker bit.
    pub marker: bool,
    /// A viewer may start here: key frame start, or any audio.
    pub is_entry: bool,
    /// The VP8 payload descriptor.
    pub vp8: Option<Vp8Descriptor>,
}

/// What became of an insertion.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Insertion {
    /// Kept; it was not there before.
    New,
    /// The ring has it already.
    Duplicate,
    /// Too far behind the newest.
    TooOld,
    /// Larger than [`MAX_PAYLOAD`].
    TooLarge,
}

#[derive(Debug, Clone, Copy)]
struct Entry {
    meta: PacketMeta,
    len: u16,
    /// Octets added towards viewers.
    padding: u8,
}

/// A ring of the last packets.
#[derive(Debug)]
pub struct PacketCache {
    entries: Vec<Option<Entry>>,
    bytes: Vec<u8>,
    highest: Option<u64>,
}

impl PacketCache {
    /// A ring of `capacity` packets (a power of two).
    pub fn new(capacity: usize) -> Self {
        debug_assert!(capacity.is_power_of_two());
        Self {
            entries: vec![None; capacity],
            bytes: vec![0; capacity * MAX_PAYLOAD],
            highest: None,
        }
    }

    /// Keeps a packet unless it is there already: a sequence number never changes its payload, which GCM resends rely on.
    pub fn insert(&mut self, meta: PacketMeta, payload: &[u8]) -> Insertion {
        let capacity = self.entries.len() as u64;
        if self
            .highest
            .is_some_and(|highest| meta.sequence + capacity <= highest)
        {
            return Insertion::TooOld;
        }
        if payload.len() > MAX_PAYLOAD {
            return Insertion::TooLarge;
        }
        let index = self.index(meta.sequence);
        if self.entries[index].is_some_and(|entry| entry.meta.sequence == meta.sequence) {
            return Insertion::Duplicate;
        }
        self.bytes[index * MAX_PAYLOAD..][..payload.len()].copy_from_slice(payload);
        self.entries[index] = Some(Entry {
            meta,
            len: payload.len() as u16,
            padding: 0,
        });
        self.highest = self.highest.max(Some(meta.sequence));
        Insertion::New
    }

    /// The packet with this extended sequence number.
    #[inline]
    pub fn get(&self, sequence: u64) -> Option<(&PacketMeta, &[u8])> {
        let index = self.index(sequence);
        let entry = self.entries[index]
            .as_ref()
            .filter(|entry| entry.meta.sequence == sequence)?;
        let payload = &self.bytes[index * MAX_PAYLOAD..][..usize::from(entry.len)];
        Some((&entry.meta, payload))
    }

    /// Octets of padding (RFC 3550 §5.1) that viewers get behind the payload.
    #[inline]
    pub fn padding(&self, sequence: u64) -> u8 {
        let entry = self.entries[self.index(sequence)].as_ref();
        entry.map_or(0, |entry| entry.padding)
    }

    /// Fills a packet that nobody was sent yet up to `len` octets.
    pub fn pad_to(&mut self, sequence: u64, len: usize) {
        let index = self.index(sequence);
        if let Some(entry) = &mut self.entries[index] {
            if entry.meta.sequence == sequence {
                entry.padding = len.saturating_sub(usize::from(entry.len)).min(255) as u8;
            }
        }
    }

    /// The newest sequence number kept.
    pub fn highest(&self) -> Option<u64> {
        self.highest
    }

    /// Forgets everything: the source started anew.
    pub fn clear(&mut self) {
        self.entries.fill(None);
        self.highest = None;
    }

    fn index(&self, sequence: u64) -> usize {
        (sequence as usize) & (self.entries.len() - 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn meta(sequence: u64) -> PacketMeta {
        PacketMeta {
            sequence,
            timestamp: 1,
            marker: false,
            is_entry: false,
            vp8: None,
        }
    }

    #[test]
    fn a_sequence_number_never_changes_its_payload() {
        let mut cache = PacketCache::new(8);
        assert_eq!(cache.insert(meta(100), b"first"), Insertion::New);
        assert_eq!(cache.insert(meta(100), b"other"), Insertion::Duplicate);
        assert_eq!(
            cache.get(100).map(|(_, payload)| payload),
            Some(&b"first"[..])
        );
    }

    #[test]
    fn the_ring_keeps_exactly_its_capacity() {
        let mut cache = PacketCache::new(8);
        for sequence in 0..20 {
            assert_eq!(
                cache.insert(meta(sequence), &[sequence as u8]),
                Insertion::New
            );
        }
        assert!(cache.get(11).is_none());
        assert!((12..20).all(|sequence| cache.get(sequence).is_some()));
        assert_eq!(cache.insert(meta(11), b""), Insertion::TooOld);
        assert_eq!(
            cache.insert(meta(20), &[0; MAX_PAYLOAD + 1]),
            Insertion::TooLarge
        );
    }
}
