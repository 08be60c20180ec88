//! Retransmission payloads (RFC 4588 §4): putting a media packet into RTX form and back. Which packet to resend is the caller's.

use crate::error::RtpError;
use crate::rtp::{self, Header};

/// Appends to `out` the RTX form of `packet`: header (extension included) with the RTX identity, original sequence, payload.
///
/// `original_sequence` is what the receiver knows the packet by, which after a rewrite is not what `packet` says.
/// The timestamp stays; padding is dropped.
pub fn wrap(
    packet: &[u8],
    header: &Header,
    original_sequence: u16,
    rtx: RtxIdentity,
    out: &mut Vec<u8>,
) {
    let start = out.len();
    out.extend_from_slice(packet.get(..header.payload_start).unwrap_or_default());
    out.extend_from_slice(&original_sequence.to_be_bytes());
    out.extend_from_slice(packet.get(header.payload()).unwrap_or_default());
    let packet = &mut out[start..];
    rtp::set_payload_type(packet, rtx.payload_type);
    rtp::set_sequence(packet, rtx.sequence);
    rtp::set_ssrc(packet, rtx.ssrc);
    rtp::clear_padding(packet);
}

/// What an RTX packet is sent as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RtxIdentity {
    /// Payload type of the RTX format.
    pub payload_type: u8,
    /// SSRC of the RTX stream.
    pub ssrc: u32,
    /// Next sequence number of the RTX stream.
    pub sequence: u16,
}

/// Turns an RTX packet back into the media packet, in place; returns its new length (padding removed).
///
/// # Errors
/// [`RtpError::EmptyPayload`] for padding-only probes and payloads without an original sequence number.
pub fn unwrap(
    packet: &mut [u8],
    header: &Header,
    media_payload_type: u8,
    media_ssrc: u32,
) -> Result<usize, RtpError> {
    if header.payload_end > packet.len() || header.payload_end < header.payload_start + 2 {
        return Err(RtpError::EmptyPayload);
    }
    let start = header.payload_start;
    let original = u16::from_be_bytes([packet[start], packet[start + 1]]);
    packet.copy_within(start + 2..header.payload_end, start);
    rtp::set_payload_type(packet, media_payload_type);
    rtp::set_sequence(packet, original);
    rtp::set_ssrc(packet, media_ssrc);
    rtp::clear_padding(packet);
    Ok(header.payload_end - 2)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn unwrapping_a_wrapped_packet_gives_the_original(payload in proptest::collection::vec(any::<u8>(), 0..1300), seq in any::<u16>(), extension in any::<bool>()) {
            let mut packet = vec![0x80, 0xe0, 0, 0, 1, 2, 3, 4, 0, 0, 0, 9];
            if extension {
                packet[0] |= 0x10;
                rtp::extension::write(&mut packet, &[(3, b"a")]);
            }
            rtp::set_sequence(&mut packet, seq);
            packet.extend_from_slice(&payload);
            let header = Header::parse(&packet).unwrap();
            let mut resent = Vec::new();
            wrap(&packet, &header, seq, RtxIdentity { payload_type: 97, ssrc: 10, sequence: 5 }, &mut resent);
            let rtx = Header::parse(&resent).unwrap();
            prop_assert_eq!((rtx.payload_type, rtx.ssrc, rtx.sequence, rtx.marker), (97, 10, 5, true));
            let len = unwrap(&mut resent, &rtx, 96, 9).unwrap();
            prop_assert_eq!(&resent[..len], &packet[..]);
        }

        #[test]
        fn any_bytes_unwrap_or_fail(mut bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
            if let Ok(header) = Header::parse(&bytes) {
                let _ = unwrap(&mut bytes, &header, 96, 1);
            }
        }
    }

    #[test]
    fn a_padding_only_probe_is_refused() {
        let mut packet = vec![0xa0, 97, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 3];
        let header = Header::parse(&packet).unwrap();
        assert!(header.is_padding_only());
        assert_eq!(
            unwrap(&mut packet, &header, 96, 1),
            Err(RtpError::EmptyPayload)
        );
    }
}
