//! Receiver reports and the report blocks they share with sender reports (RFC 3550 §6.4.1, §6.4.2).

use super::{packet_type, put_words, word, write_packet};
use crate::error::RtcpError;

/// Bytes of one report block.
pub(super) const BLOCK_LEN: usize = 24;
/// Blocks that fit one packet.
pub(super) const MAX_BLOCKS: usize = 31;

/// One report block.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ReportBlock {
    /// The source reported on.
    pub ssrc: u32,
    /// Fraction lost since the last report, in 1/256.
    pub fraction_lost: u8,
    /// Packets lost since the beginning, 24-bit signed: negative with duplicates.
    pub cumulative_lost: i32,
    /// Extended highest sequence number received: low 32 bits.
    pub highest_sequence: u32,
    /// Interarrival jitter in timestamp units.
    pub jitter: u32,
    /// Middle 32 bits of the NTP time of the last SR, 0 for none.
    pub last_sr: u32,
    /// Time since that SR, in 1/65536 s.
    pub delay_since_last_sr: u32,
}

impl ReportBlock {
    fn parse(data: &[u8]) -> Option<Self> {
        let loss = word(data, 4)?;
        Some(Self {
            ssrc: word(data, 0)?,
            fraction_lost: (loss >> 24) as u8,
            // Sign-extends the low 24 bits.
            cumulative_lost: ((loss << 8) as i32) >> 8,
            highest_sequence: word(data, 8)?,
            jitter: word(data, 12)?,
            last_sr: word(data, 16)?,
            delay_since_last_sr: word(data, 20)?,
        })
    }

    pub(super) fn write(&self, out: &mut Vec<u8>) {
        let lost = self.cumulative_lost.clamp(-0x80_0000, 0x7f_ffff) as u32 & 0xff_ffff;
        let loss = (u32::from(self.fraction_lost) << 24) | lost;
        put_words(
            out,
            &[
                self.ssrc,
                loss,
                self.highest_sequence,
                self.jitter,
                self.last_sr,
                self.delay_since_last_sr,
            ],
        );
    }
}

/// Iterator over report blocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReportBlocks<'a>(&'a [u8]);

impl<'a> ReportBlocks<'a> {
    pub(super) fn parse(count: u8, data: &'a [u8]) -> Result<Self, RtcpError> {
        data.get(..usize::from(count) * BLOCK_LEN)
            .map(Self)
            .ok_or(RtcpError::Malformed)
    }
}

impl Iterator for ReportBlocks<'_> {
    type Item = ReportBlock;

    fn next(&mut self) -> Option<ReportBlock> {
        let (block, rest) = self.0.split_at_checked(BLOCK_LEN)?;
        self.0 = rest;
        ReportBlock::parse(block)
    }
}

/// A receiver report.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReceiverReport<'a> {
    /// Who reports.
    pub sender_ssrc: u32,
    /// The blocks.
    pub blocks: ReportBlocks<'a>,
}

impl<'a> ReceiverReport<'a> {
    pub(super) fn parse(count: u8, body: &'a [u8]) -> Result<Self, RtcpError> {
        let sender_ssrc = word(body, 0).ok_or(RtcpError::Malformed)?;
        Ok(Self {
            sender_ssrc,
            blocks: ReportBlocks::parse(count, &body[4..])?,
        })
    }

    /// Appends a receiver report; blocks beyond the 31st are left out.
    pub fn write(out: &mut Vec<u8>, sender_ssrc: u32, blocks: &[ReportBlock]) {
        let blocks = &blocks[..blocks.len().min(MAX_BLOCKS)];
        write_packet(out, blocks.len() as u8, packet_type::RR, |out| {
            put_words(out, &[sender_ssrc]);
            blocks.iter().for_each(|block| block.write(out));
        });
    }
}
