//! The RTP fixed header, CSRC list, extension span and padding (RFC 3550 §5.1, RFC 8285 §4). Setters change bytes in place.

use core::ops::Range;

use crate::error::RtpError;

/// Bytes before the CSRC list.
pub const FIXED_HEADER_LEN: usize = 12;

/// Where the header extension lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ExtensionSpan {
    /// "Defined by profile": 0xBEDE (one-byte elements), 0x100x (two-byte elements) or anything else (opaque).
    pub profile: u16,
    /// Offset of the first element byte, behind the four-byte extension header.
    pub start: usize,
    /// Offset behind the last element byte.
    pub end: usize,
}

/// A parsed RTP header: values and offsets, no borrow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    /// Marker bit.
    pub marker: bool,
    /// Payload type, 0..=127.
    pub payload_type: u8,
    /// Sequence number; wraps at 16 bits.
    pub sequence: u16,
    /// Timestamp in clock-rate units; wraps at 32 bits.
    pub timestamp: u32,
    /// Synchronization source.
    pub ssrc: u32,
    /// Number of contributing sources, 0..=15.
    pub csrc_count: u8,
    /// The header extension, if any.
    pub extension: Option<ExtensionSpan>,
    /// Offset of the first payload byte: length of header, CSRCs and extension.
    pub payload_start: usize,
    /// Offset behind the last payload byte, padding excluded.
    pub payload_end: usize,
    /// Padding bytes behind the payload, counting octet included; 0 without the P bit.
    pub padding: usize,
}

impl Header {
    /// Parses a plain packet and checks its padding.
    ///
    /// # Errors
    /// [`RtpError`] when the bytes are no RTP packet.
    pub fn parse(packet: &[u8]) -> Result<Self, RtpError> {
        let mut header = Self::parse_protected(packet)?;
        if packet[0] & 0x20 != 0 {
            let padding = usize::from(*packet.last().ok_or(RtpError::Truncated)?);
            if padding == 0 || padding > packet.len() - header.payload_start {
                return Err(RtpError::BadPadding);
            }
            header.padding = padding;
            header.payload_end -= padding;
        }
        Ok(header)
    }

    /// Parses the header of an SRTP packet: the padding is still encrypted, so `payload_end` is the end of the bytes.
    ///
    /// # Errors
    /// [`RtpError::Truncated`] or [`RtpError::BadVersion`].
    pub fn parse_protected(packet: &[u8]) -> Result<Self, RtpError> {
        let fixed: &[u8; FIXED_HEADER_LEN] = packet.first_chunk().ok_or(RtpError::Truncated)?;
        if fixed[0] >> 6 != 2 {
            return Err(RtpError::BadVersion);
        }
        let csrc_count = fixed[0] & 0x0f;
        let mut payload_start = FIXED_HEADER_LEN + 4 * usize::from(csrc_count);
        let mut extension = None;
        if fixed[0] & 0x10 != 0 {
            let head: &[u8; 4] = packet
                .get(payload_start..)
                .and_then(<[u8]>::first_chunk)
                .ok_or(RtpError::Truncated)?;
            let start = payload_start + 4;
            payload_start = start + 4 * usize::from(u16::from_be_bytes([head[2], head[3]]));
            extension = Some(ExtensionSpan {
                profile: u16::from_be_bytes([head[0], head[1]]),
                start,
                end: payload_start,
            });
        }
        if payload_start > packet.len() {
            return Err(RtpError::Truncated);
        }
        Ok(Self {
            marker: fixed[1] & 0x80 != 0,
            payload_type: fixed[1] & 0x7f,
            sequence: u16::from_be_bytes([fixed[2], fixed[3]]),
            timestamp: u32::from_be_bytes([fixed[4], fixed[5], fixed[6], fixed[7]]),
            ssrc: u32::from_be_bytes([fixed[8], fixed[9], fixed[10], fixed[11]]),
            csrc_count,
            extension,
            payload_start,
            payload_end: packet.len(),
            padding: 0,
        })
    }

    /// Range of the payload, padding excluded.
    #[must_use]
    pub const fn payload(&self) -> Range<usize> {
        self.payload_start..self.payload_end
    }

    /// Whether the packet carries nothing but padding (a probe).
    #[must_use]
    pub const fn is_padding_only(&self) -> bool {
        self.payload_start == self.payload_end
    }
}

fn put<const N: usize>(packet: &mut [u8], offset: usize, value: [u8; N]) {
    if let Some(target) = packet.get_mut(offset..offset + N) {
        target.copy_from_slice(&value);
    }
}

/// Sets the marker bit. All setters ignore slices that are too short.
#[inline]
pub fn set_marker(packet: &mut [u8], marker: bool) {
    if let Some(byte) = packet.get_mut(1) {
        *byte = (*byte & 0x7f) | (u8::from(marker) << 7);
    }
}

/// Sets the payload type (low seven bits), keeping the marker.
#[inline]
pub fn set_payload_type(packet: &mut [u8], payload_type: u8) {
    if let Some(byte) = packet.get_mut(1) {
        *byte = (*byte & 0x80) | (payload_type & 0x7f);
    }
}

/// Sets the sequence number.
#[inline]
pub fn set_sequence(packet: &mut [u8], sequence: u16) {
    put(packet, 2, sequence.to_be_bytes());
}

/// Sets the timestamp.
#[inline]
pub fn set_timestamp(packet: &mut [u8], timestamp: u32) {
    put(packet, 4, timestamp.to_be_bytes());
}

/// Sets the synchronization source.
#[inline]
pub fn set_ssrc(packet: &mut [u8], ssrc: u32) {
    put(packet, 8, ssrc.to_be_bytes());
}

/// Clears the P bit; the caller truncates to [`Header::payload_end`].
#[inline]
pub fn clear_padding(packet: &mut [u8]) {
    if let Some(byte) = packet.first_mut() {
        *byte &= !0x20;
    }
}
