//! RTCP (RFC 3550 §6, RFC 4585, RFC 5104, REMB draft): reading compounds part by part and writing packets. No timers, no state.
//!
//! ```
//! use relay_core::rtcp::{self, Packet, Pli};
//! let mut compound = Vec::new();
//! Pli { sender_ssrc: 1, media_ssrc: 2 }.write(&mut compound);
//! assert!(matches!(rtcp::parts(&compound).next(), Some(Ok(Packet::Pli(pli))) if pli.media_ssrc == 2));
//! ```

pub mod bye;
pub mod compound;
pub mod fir;
pub mod nack;
pub mod ntp;
pub mod pli;
pub mod receiver_report;
pub mod remb;
pub mod sdes;
pub mod sender_report;

pub use bye::Bye;
pub use compound::{Packet, Parts, parts};
pub use fir::{Fir, FirEntry};
pub use nack::{Nack, NackPairs};
pub use pli::Pli;
pub use receiver_report::{ReceiverReport, ReportBlock, ReportBlocks};
pub use remb::Remb;
pub use sdes::Sdes;
pub use sender_report::{SenderInfo, SenderReport};

/// Packet types (RFC 3550 §12.1, RFC 4585 §6.1).
pub mod packet_type {
    /// Sender report.
    pub const SR: u8 = 200;
    /// Receiver report.
    pub const RR: u8 = 201;
    /// Source description.
    pub const SDES: u8 = 202;
    /// Goodbye.
    pub const BYE: u8 = 203;
    /// Transport-layer feedback.
    pub const RTPFB: u8 = 205;
    /// Payload-specific feedback.
    pub const PSFB: u8 = 206;
}

/// Big-endian word at `offset`; `None` behind the end.
fn word(data: &[u8], offset: usize) -> Option<u32> {
    data.get(offset..)?
        .first_chunk()
        .map(|bytes| u32::from_be_bytes(*bytes))
}

/// Appends a packet: header with `count` and `kind`, body written by `body`, padded by it to whole words; sets the length.
fn write_packet(out: &mut Vec<u8>, count: u8, kind: u8, body: impl FnOnce(&mut Vec<u8>)) {
    let start = out.len();
    out.extend_from_slice(&[0x80 | (count & 0x1f), kind, 0, 0]);
    body(out);
    while (out.len() - start) % 4 != 0 {
        out.push(0);
    }
    let words = ((out.len() - start) / 4 - 1) as u16;
    out[start + 2..start + 4].copy_from_slice(&words.to_be_bytes());
}

/// Appends big-endian words.
fn put_words(out: &mut Vec<u8>, words: &[u32]) {
    for word in words {
        out.extend_from_slice(&word.to_be_bytes());
    }
}
