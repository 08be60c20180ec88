//! Receiver estimated maximum bitrate (draft-alvestrand-rmcat-remb-03 §2).

use super::{packet_type, put_words, word, write_packet};
use crate::error::RtcpError;

const MANTISSA_BITS: u32 = 18;

/// A receiver estimated maximum bitrate message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Remb<'a> {
    /// Who says so.
    pub sender_ssrc: u32,
    /// Bits per second over all named sources.
    pub bitrate: u64,
    sources: &'a [u8],
}

impl<'a> Remb<'a> {
    pub(super) fn is_remb(body: &[u8]) -> bool {
        body.get(8..12) == Some(b"REMB")
    }

    pub(super) fn parse(body: &'a [u8]) -> Result<Self, RtcpError> {
        let (Some(sender_ssrc), Some(value)) = (word(body, 0), word(body, 12)) else {
            return Err(RtcpError::Malformed);
        };
        let sources = body[16..]
            .get(..4 * (value >> 24) as usize)
            .ok_or(RtcpError::Malformed)?;
        let exponent = (value >> MANTISSA_BITS) & 0x3f;
        let mantissa = u64::from(value & ((1 << MANTISSA_BITS) - 1));
        let bitrate = if exponent <= mantissa.leading_zeros() {
            mantissa << exponent
        } else {
            u64::MAX
        };
        Ok(Self {
            sender_ssrc,
            bitrate,
            sources,
        })
    }

    /// The sources it is about.
    pub fn ssrcs(&self) -> impl Iterator<Item = u32> + use<'a> {
        self.sources
            .chunks_exact(4)
            .filter_map(|chunk| word(chunk, 0))
    }

    /// Appends a REMB; the bitrate loses what does not fit 18 bits of mantissa, sources beyond 255 are left out.
    pub fn write(out: &mut Vec<u8>, sender_ssrc: u32, bitrate: u64, ssrcs: &[u32]) {
        let ssrcs = &ssrcs[..ssrcs.len().min(255)];
        let exponent = (u64::BITS - bitrate.leading_zeros()).saturating_sub(MANTISSA_BITS);
        let value = ((ssrcs.len() as u32) << 24)
            | (exponent << MANTISSA_BITS)
            | (bitrate >> exponent) as u32;
        write_packet(out, 15, packet_type::PSFB, |out| {
            put_words(out, &[sender_ssrc, 0, u32::from_be_bytes(*b"REMB"), value]);
            put_words(out, ssrcs);
        });
    }
}
