//! Goodbye (RFC 3550 §6.6).

use super::{packet_type, put_words, word, write_packet};
use crate::error::RtcpError;

/// A goodbye; its reason is ignored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bye<'a> {
    sources: &'a [u8],
}

impl<'a> Bye<'a> {
    pub(super) fn parse(count: u8, body: &'a [u8]) -> Result<Self, RtcpError> {
        let sources = body
            .get(..4 * usize::from(count))
            .ok_or(RtcpError::Malformed)?;
        Ok(Self { sources })
    }

    /// The sources that leave.
    pub fn ssrcs(&self) -> impl Iterator<Item = u32> + use<'a> {
        self.sources
            .chunks_exact(4)
            .filter_map(|chunk| word(chunk, 0))
    }

    /// Appends a goodbye; sources beyond the 31st are left out.
    pub fn write(out: &mut Vec<u8>, ssrcs: &[u32]) {
        let ssrcs = &ssrcs[..ssrcs.len().min(31)];
        write_packet(out, ssrcs.len() as u8, packet_type::BYE, |out| {
            put_words(out, ssrcs)
        });
    }
}
