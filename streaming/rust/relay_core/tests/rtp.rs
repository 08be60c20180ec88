//! RTP headers and extensions: round trips, in-place rewriting, and bytes that are no packets.

use proptest::prelude::*;
use relay_core::error::RtpError;
use relay_core::rtp::{self, Header, extension};

fn with_extension(profile: u16, body: &[u8], payload: &[u8]) -> Vec<u8> {
    let mut packet = vec![0x90, 0x60, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3];
    packet.extend_from_slice(&profile.to_be_bytes());
    packet.extend_from_slice(&((body.len() / 4) as u16).to_be_bytes());
    packet.extend_from_slice(body);
    packet.extend_from_slice(payload);
    packet
}

fn ids(packet: &[u8]) -> Vec<(u8, Vec<u8>)> {
    let header = Header::parse(packet).unwrap();
    extension::elements(packet, &header)
        .map(|element| (element.id, element.data.to_vec()))
        .collect()
}

#[test]
fn a_full_header_is_read() {
    let packet = [
        0xb2, 0xe3, 0x12, 0x34, 0, 0, 1, 0, 0, 0, 0, 7, 0, 0, 0, 8, 0, 0, 0, 9, 0xbe, 0xde, 0, 1,
        0x10, 5, 0, 0, 1, 2, 3, 0, 2,
    ];
    let header = Header::parse(&packet).unwrap();
    assert!(header.marker);
    assert_eq!(
        (
            header.payload_type,
            header.sequence,
            header.timestamp,
            header.ssrc
        ),
        (0x63, 0x1234, 256, 7)
    );
    assert_eq!(header.csrc_count, 2);
    assert_eq!((header.payload(), header.padding), (28..31, 2));
    assert_eq!(extension::find(&packet, &header, 1), Some(&[5][..]));
}

#[test]
fn wrong_padding_versions_and_cuts_are_refused() {
    let packet = [0xa0, 96, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3, 1, 2];
    assert_eq!(Header::parse(&packet).unwrap().padding, 2);
    for last in [0, 3, 255] {
        let mut bad = packet;
        bad[13] = last;
        assert_eq!(Header::parse(&bad), Err(RtpError::BadPadding), "{last}");
    }
    assert_eq!(Header::parse(&packet[..12]), Err(RtpError::BadPadding));
    assert_eq!(Header::parse(&packet[..11]), Err(RtpError::Truncated));
    assert_eq!(Header::parse(&[0x40; 12]), Err(RtpError::BadVersion));
    assert_eq!(
        Header::parse(&[0x81, 96, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3]),
        Err(RtpError::Truncated)
    );
    let extended = with_extension(0xbede, &[0x10, 1, 0, 0], b"");
    for len in 12..extended.len() {
        assert_eq!(Header::parse(&extended[..len]), Err(RtpError::Truncated));
    }
}

#[test]
fn two_byte_elements_may_be_empty_and_long() {
    let packet = with_extension(0x1007, &[1, 0, 200, 3, 7, 8, 9, 0], b"p");
    assert_eq!(ids(&packet), [(1, vec![]), (200, vec![7, 8, 9])]);
}

#[test]
fn reserved_ids_overlong_elements_and_other_profiles_yield_nothing() {
    assert_eq!(
        ids(&with_extension(
            0xbede,
            &[0x10, 1, 0xf0, 0x20, 2, 0, 0, 0],
            b""
        )),
        [(1, vec![1])]
    );
    assert_eq!(
        ids(&with_extension(0xbede, &[0x1f, 1, 2, 3], b"payload behind")),
        []
    );
    assert_eq!(
        ids(&with_extension(0x1000, &[0, 0, 0, 5], b"payload behind")),
        []
    );
    assert_eq!(ids(&with_extension(0xabac, &[0x10, 1, 0, 0], b"")), []);
}

#[test]
fn setters_change_their_field_only_and_ignore_short_slices() {
    let mut packet = [0x80, 0xe0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3];
    rtp::set_payload_type(&mut packet, 0xff);
    rtp::set_marker(&mut packet, false);
    rtp::set_sequence(&mut packet, 65_535);
    rtp::set_timestamp(&mut packet, 1 << 31);
    rtp::set_ssrc(&mut packet, 4);
    let header = Header::parse(&packet).unwrap();
    assert_eq!(
        (
            header.payload_type,
            header.marker,
            header.sequence,
            header.timestamp,
            header.ssrc
        ),
        (127, false, 65_535, 1 << 31, 4)
    );
    for len in 0..12 {
        rtp::set_ssrc(&mut packet[..len], 9);
    }
    assert_eq!(packet[8..], [0, 0, 0, 4]);
}

proptest! {
    #[test]
    fn any_bytes_parse_or_fail_and_every_offset_is_inside(bytes in proptest::collection::vec(any::<u8>(), 0..100), lead in any::<bool>()) {
        let mut bytes = bytes;
        if let (true, Some(first)) = (lead, bytes.first_mut()) {
            *first = 0x80 | (*first & 0x3f);
        }
        if let Ok(header) = Header::parse(&bytes) {
            prop_assert!(header.payload_start <= header.payload_end && header.payload_end + header.padding == bytes.len());
            let inside = extension::elements(&bytes, &header).map(|element| element.data.len() + 1).sum::<usize>();
            prop_assert!(inside <= header.payload_start);
        }
    }

    #[test]
    fn written_elements_are_read_back(elements in proptest::collection::vec((1u8..=255, proptest::collection::vec(any::<u8>(), 0..40)), 0..6)) {
        let mut packet = vec![0x90, 0x60, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3];
        let borrowed: Vec<_> = elements.iter().map(|(id, data)| (*id, &data[..])).collect();
        extension::write(&mut packet, &borrowed);
        packet.extend_from_slice(b"payload");
        prop_assert_eq!(ids(&packet), elements);
    }
}
