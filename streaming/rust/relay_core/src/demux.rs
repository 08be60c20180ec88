//! Telling apart what shares one UDP port, by its first bytes (RFC 7983 §7, RFC 5761 §4). Looks at two bytes only.

/// What a datagram claims to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DatagramKind {
    /// First byte 0..=3.
    Stun,
    /// First byte 20..=63.
    Dtls,
    /// First byte 128..=191 and not RTCP.
    Rtp,
    /// First byte 128..=191, second byte 192..=223: an RTP payload type of 64..=95 is never used.
    Rtcp,
    /// ZRTP, TURN channels, QUIC, empty datagrams: dropped and counted.
    Other,
}

/// Classifies a datagram; never fails.
#[must_use]
pub fn classify(datagram: &[u8]) -> DatagramKind {
    match datagram {
        [0..=3, ..] => DatagramKind::Stun,
        [20..=63, ..] => DatagramKind::Dtls,
        [128..=191, 192..=223, ..] => DatagramKind::Rtcp,
        [128..=191, _, ..] => DatagramKind::Rtp,
        _ => DatagramKind::Other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_first_byte_has_the_class_of_rfc_7983() {
        for first in 0..=255u8 {
            let want = match first {
                0..=3 => DatagramKind::Stun,
                20..=63 => DatagramKind::Dtls,
                128..=191 => DatagramKind::Rtp,
                _ => DatagramKind::Other,
            };
            assert_eq!(classify(&[first, 96]), want, "{first}");
        }
    }

    #[test]
    fn rtcp_is_the_payload_types_64_to_95_with_marker() {
        for second in 0..=255u8 {
            let want = if (192..=223).contains(&second) {
                DatagramKind::Rtcp
            } else {
                DatagramKind::Rtp
            };
            assert_eq!(classify(&[0x80, second]), want, "{second}");
        }
    }

    #[test]
    fn empty_and_single_byte_datagrams_are_harmless() {
        assert_eq!(classify(&[]), DatagramKind::Other);
        assert_eq!(classify(&[0x80]), DatagramKind::Other);
    }
}
