//! Full intra request (RFC 5104 §4.3.1).

use super::{packet_type, put_words, word, write_packet};
use crate::error::RtcpError;

/// A full intra request; the media SSRC of its header is not used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fir<'a> {
    /// Who asks.
    pub sender_ssrc: u32,
    entries: &'a [u8],
}

/// One request of a FIR.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FirEntry {
    /// Whose key frame is wanted.
    pub ssrc: u32,
    /// Command sequence number: a repeated one is the same request.
    pub sequence: u8,
}

impl<'a> Fir<'a> {
    pub(super) fn parse(body: &'a [u8]) -> Result<Self, RtcpError> {
        match (word(body, 0), body.get(8..)) {
            (Some(sender_ssrc), Some(entries)) if entries.len() % 8 == 0 => Ok(Self {
                sender_ssrc,
                entries,
            }),
            _ => Err(RtcpError::Malformed),
        }
    }

    /// The requests.
    pub fn entries(&self) -> impl Iterator<Item = FirEntry> + use<'a> {
        self.entries.chunks_exact(8).filter_map(|entry| {
            Some(FirEntry {
                ssrc: word(entry, 0)?,
                sequence: entry[4],
            })
        })
    }

    /// Appends a full intra request.
    pub fn write(out: &mut Vec<u8>, sender_ssrc: u32, entries: &[FirEntry]) {
        write_packet(out, 4, packet_type::PSFB, |out| {
            put_words(out, &[sender_ssrc, 0]);
            for entry in entries {
                put_words(out, &[entry.ssrc, u32::from(entry.sequence) << 24]);
            }
        });
    }
}
