//! RTP packets: the fixed header ([`header`]) and header extensions ([`extension`]). Nothing codec-specific, no crypto.
//!
//! [`Header::parse`] gives offsets into the caller's bytes and borrows nothing, so the packet can be rewritten in place:
//!
//! ```
//! use relay_core::rtp;
//! let mut packet = *b"\x80\x60\x00\x01\x00\x00\x00\x02\x00\x00\x00\x03payload";
//! let header = rtp::Header::parse(&packet)?;
//! assert_eq!(&packet[header.payload()], b"payload");
//! rtp::set_ssrc(&mut packet, 99);
//! # Ok::<(), relay_core::error::RtpError>(())
//! ```

pub mod extension;
pub mod header;

pub use extension::{Element, Elements};
pub use header::{
    ExtensionSpan, FIXED_HEADER_LEN, Header, clear_padding, set_marker, set_payload_type,
    set_sequence, set_ssrc, set_timestamp,
};
