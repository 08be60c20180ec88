//! Picture loss indication (RFC 4585 §6.3.1).

use super::{packet_type, put_words, word, write_packet};
use crate::error::RtcpError;

/// A picture loss indication.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pli {
    /// Who asks.
    pub sender_ssrc: u32,
    /// Whose key frame is wanted.
    pub media_ssrc: u32,
}

impl Pli {
    pub(super) fn parse(body: &[u8]) -> Result<Self, RtcpError> {
        match (word(body, 0), word(body, 4)) {
            (Some(sender_ssrc), Some(media_ssrc)) => Ok(Self {
                sender_ssrc,
                media_ssrc,
            }),
            _ => Err(RtcpError::Malformed),
        }
    }

    /// Appends it.
    pub fn write(&self, out: &mut Vec<u8>) {
        write_packet(out, 1, packet_type::PSFB, |out| {
            put_words(out, &[self.sender_ssrc, self.media_ssrc])
        });
    }
}
