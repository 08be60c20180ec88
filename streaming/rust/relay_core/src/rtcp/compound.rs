//! Walking a compound (RFC 3550 §6.1, also reduced-size of RFC 5506): one bad part costs that part, not its neighbours.

use super::{Bye, Fir, Nack, Pli, ReceiverReport, Remb, Sdes, SenderReport, packet_type};
use crate::error::RtcpError;

/// One part of a compound.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Packet<'a> {
    /// SR.
    SenderReport(SenderReport<'a>),
    /// RR.
    ReceiverReport(ReceiverReport<'a>),
    /// SDES.
    Sdes(Sdes<'a>),
    /// BYE.
    Bye(Bye<'a>),
    /// Generic NACK.
    Nack(Nack<'a>),
    /// Picture loss indication.
    Pli(Pli),
    /// Full intra request.
    Fir(Fir<'a>),
    /// Receiver estimated maximum bitrate.
    Remb(Remb<'a>),
    /// Anything else (APP, XR, transport-cc): well framed, not understood.
    Unknown {
        /// Packet type.
        packet_type: u8,
        /// Count or feedback message type.
        count: u8,
    },
}

/// Iterator over the parts; ends after [`RtcpError::Truncated`] or [`RtcpError::BadVersion`], goes on after [`RtcpError::Malformed`].
#[derive(Debug, Clone)]
pub struct Parts<'a> {
    rest: &'a [u8],
}

/// The parts of a decrypted compound.
#[must_use]
pub const fn parts(compound: &[u8]) -> Parts<'_> {
    Parts { rest: compound }
}

impl<'a> Iterator for Parts<'a> {
    type Item = Result<Packet<'a>, RtcpError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let framed = self.split();
        if framed.is_err() {
            self.rest = &[];
        }
        Some(framed.and_then(parse_part))
    }
}

impl<'a> Parts<'a> {
    fn split(&mut self) -> Result<&'a [u8], RtcpError> {
        let head: &[u8; 4] = self.rest.first_chunk().ok_or(RtcpError::Truncated)?;
        if head[0] >> 6 != 2 {
            return Err(RtcpError::BadVersion);
        }
        let len = 4 * (usize::from(u16::from_be_bytes([head[2], head[3]])) + 1);
        let (part, rest) = self
            .rest
            .split_at_checked(len)
            .ok_or(RtcpError::Truncated)?;
        self.rest = rest;
        Ok(part)
    }
}

fn parse_part(part: &[u8]) -> Result<Packet<'_>, RtcpError> {
    let (count, kind) = (part[0] & 0x1f, part[1]);
    let mut body = &part[4..];
    if part[0] & 0x20 != 0 {
        let padding = usize::from(part[part.len() - 1]);
        let end = body
            .len()
            .checked_sub(padding)
            .filter(|_| padding != 0 && padding % 4 == 0);
        body = &body[..end.ok_or(RtcpError::Malformed)?];
    }
    Ok(match (kind, count) {
        (packet_type::SR, _) => Packet::SenderReport(SenderReport::parse(count, body)?),
        (packet_type::RR, _) => Packet::ReceiverReport(ReceiverReport::parse(count, body)?),
        (packet_type::SDES, _) => Packet::Sdes(Sdes::parse(count, body)?),
        (packet_type::BYE, _) => Packet::Bye(Bye::parse(count, body)?),
        (packet_type::RTPFB, 1) => Packet::Nack(Nack::parse(body)?),
        (packet_type::PSFB, 1) => Packet::Pli(Pli::parse(body)?),
        (packet_type::PSFB, 4) => Packet::Fir(Fir::parse(body)?),
        (packet_type::PSFB, 15) if Remb::is_remb(body) => Packet::Remb(Remb::parse(body)?),
        _ => Packet::Unknown {
            packet_type: kind,
            count,
        },
    })
}
