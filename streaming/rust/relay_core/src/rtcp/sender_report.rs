//! Sender reports (RFC 3550 §6.4.1).

use super::receiver_report::MAX_BLOCKS;
use super::{ReportBlock, ReportBlocks, packet_type, put_words, word, write_packet};
use crate::error::RtcpError;

/// The sender's part of a sender report.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SenderInfo {
    /// The source.
    pub ssrc: u32,
    /// NTP time, 32.32 fixed point; see [`super::ntp`].
    pub ntp: u64,
    /// The RTP timestamp of the same instant.
    pub rtp_timestamp: u32,
    /// Packets sent, modulo 2³².
    pub packet_count: u32,
    /// Payload octets sent, modulo 2³².
    pub octet_count: u32,
}

/// A sender report.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SenderReport<'a> {
    /// The sender's part.
    pub info: SenderInfo,
    /// Report blocks on what the sender receives.
    pub blocks: ReportBlocks<'a>,
}

impl<'a> SenderReport<'a> {
    pub(super) fn parse(count: u8, body: &'a [u8]) -> Result<Self, RtcpError> {
        let (fixed, rest) = body.split_at_checked(24).ok_or(RtcpError::Malformed)?;
        let at = |offset| word(fixed, offset).ok_or(RtcpError::Malformed);
        let info = SenderInfo {
            ssrc: at(0)?,
            ntp: (u64::from(at(4)?) << 32) | u64::from(at(8)?),
            rtp_timestamp: at(12)?,
            packet_count: at(16)?,
            octet_count: at(20)?,
        };
        Ok(Self {
            info,
            blocks: ReportBlocks::parse(count, rest)?,
        })
    }

    /// Appends a sender report; blocks beyond the 31st are left out.
    pub fn write(out: &mut Vec<u8>, info: &SenderInfo, blocks: &[ReportBlock]) {
        let blocks = &blocks[..blocks.len().min(MAX_BLOCKS)];
        write_packet(out, blocks.len() as u8, packet_type::SR, |out| {
            let ntp = [(info.ntp >> 32) as u32, info.ntp as u32];
            put_words(
                out,
                &[
                    info.ssrc,
                    ntp[0],
                    ntp[1],
                    info.rtp_timestamp,
                    info.packet_count,
                    info.octet_count,
                ],
            );
            blocks.iter().for_each(|block| block.write(out));
        });
    }
}
