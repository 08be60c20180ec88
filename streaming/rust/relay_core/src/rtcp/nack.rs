//! Generic NACK (RFC 4585 §6.2.1).

use super::{packet_type, put_words, word, write_packet};
use crate::error::RtcpError;

/// A generic NACK.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Nack<'a> {
    /// Who asks.
    pub sender_ssrc: u32,
    /// Whose packets are missing.
    pub media_ssrc: u32,
    pairs: &'a [u8],
}

/// Iterator over `(packet id, bitmask of the following sixteen)`.
#[derive(Debug, Clone)]
pub struct NackPairs<'a>(&'a [u8]);

impl Iterator for NackPairs<'_> {
    type Item = (u16, u16);

    fn next(&mut self) -> Option<(u16, u16)> {
        let (pair, rest) = self.0.split_first_chunk::<4>()?;
        self.0 = rest;
        Some((
            u16::from_be_bytes([pair[0], pair[1]]),
            u16::from_be_bytes([pair[2], pair[3]]),
        ))
    }
}

impl<'a> Nack<'a> {
    pub(super) fn parse(body: &'a [u8]) -> Result<Self, RtcpError> {
        let (Some(sender_ssrc), Some(media_ssrc)) = (word(body, 0), word(body, 4)) else {
            return Err(RtcpError::Malformed);
        };
        Ok(Self {
            sender_ssrc,
            media_ssrc,
            pairs: &body[8..],
        })
    }

    /// The pairs as sent.
    #[must_use]
    pub const fn pairs(&self) -> NackPairs<'a> {
        NackPairs(self.pairs)
    }

    /// Every missing sequence number, in the order of the pairs; repeats as the sender repeated.
    pub fn sequences(&self) -> impl Iterator<Item = u16> + use<'a> {
        self.pairs().flat_map(|(first, mask)| {
            let following = (0..16u16).filter(move |bit| mask & (1 << bit) != 0);
            core::iter::once(first).chain(following.map(move |bit| first.wrapping_add(bit + 1)))
        })
    }

    /// Appends a NACK for `sequences`, which should ascend (wrapping); runs within seventeen share a pair. Nothing for none.
    pub fn write(out: &mut Vec<u8>, sender_ssrc: u32, media_ssrc: u32, sequences: &[u16]) {
        let Some((&first, rest)) = sequences.split_first() else {
            return;
        };
        write_packet(out, 1, packet_type::RTPFB, |out| {
            put_words(out, &[sender_ssrc, media_ssrc]);
            let (mut pid, mut mask) = (first, 0u16);
            for &sequence in rest {
                match sequence.wrapping_sub(pid) {
                    0 => {}
                    distance @ 1..=16 => mask |= 1 << (distance - 1),
                    _ => {
                        put_words(out, &[(u32::from(pid) << 16) | u32::from(mask)]);
                        (pid, mask) = (sequence, 0);
                    }
                }
            }
            put_words(out, &[(u32::from(pid) << 16) | u32::from(mask)]);
        });
    }
}
