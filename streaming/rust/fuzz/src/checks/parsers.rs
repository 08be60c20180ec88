//! The parsers of what comes from the network, each by itself.

use hmac::{Hmac, KeyInit, Mac};
use relay_core::demux::{DatagramKind, classify};
use relay_core::payload::h264::H264Info;
use relay_core::payload::vp8::Vp8Descriptor;
use relay_core::rtcp::{Packet, ReceiverReport, parts};
use relay_core::rtp::{Header, extension};
use relay_core::rtx::{self, RtxIdentity};
use relay_core::srtp::{Profile, SrtpContext};
use relay_core::stun::{BindingRequest, ErrorCode, MAX_RESPONSE_LEN, write_error, write_success};
use sha1::Sha1;

use super::framing::{FrameReader, PREFIX};

const PASSWORD: &[u8] = b"password";

/// Every datagram has a class, and the class decides which parser sees it.
pub fn demux(data: &[u8]) {
    match classify(data) {
        DatagramKind::Stun => drop(BindingRequest::parse(data)),
        DatagramKind::Rtp => drop(Header::parse_protected(data)),
        DatagramKind::Dtls | DatagramKind::Rtcp | DatagramKind::Other => {}
    }
}

/// A byte stream of framed packets (RFC 4571): however it is cut, the same packets come out, or the same refusal.
pub fn framed(data: &[u8]) {
    let Some((&cut, stream)) = data.split_first() else {
        return;
    };
    let whole = read_frames(std::iter::once(stream));
    let pieces = read_frames(stream.chunks(usize::from(cut).max(1)));
    assert_eq!(whole, pieces);
    let octets: usize = whole.0.iter().map(|packet| packet.len() + PREFIX).sum();
    assert!(octets <= stream.len());
}

fn read_frames<'a>(mut pieces: impl Iterator<Item = &'a [u8]>) -> (Vec<Vec<u8>>, bool) {
    let (mut reader, mut packets) = (FrameReader::default(), Vec::new());
    let is_good = pieces.all(|piece| {
        let read = reader.feed(piece, |packet| packets.push(packet.to_vec()));
        read.is_ok()
    });
    (packets, is_good)
}

/// Binding requests: as they are, and as attributes that somebody with the password has sealed.
pub fn stun(data: &[u8]) {
    let _ = answer(data);
    let sealed = seal_attributes(data);
    if let Ok(request) = BindingRequest::parse(&sealed) {
        assert!(request.verify(b"another password").is_err());
    }
    let _ = answer(&sealed);
}

/// Parses, verifies, and writes both answers as the relay does.
fn answer(data: &[u8]) -> bool {
    let Ok(request) = BindingRequest::parse(data) else {
        return false;
    };
    let mut out = [0; MAX_RESPONSE_LEN];
    let id = &request.transaction_id;
    for address in ["127.0.0.1:9", "[2001:db8::1]:65535"] {
        write_success(&mut out, id, address.parse().unwrap(), PASSWORD).unwrap();
    }
    for code in [ErrorCode::UnknownAttribute, ErrorCode::RoleConflict] {
        write_error(
            &mut out,
            id,
            code,
            request.unknown.as_slice(),
            Some(PASSWORD),
        )
        .unwrap();
    }
    request.verify(PASSWORD).is_ok()
}

/// A binding request around attributes, with our USERNAME before and a good MESSAGE-INTEGRITY behind them.
fn seal_attributes(attributes: &[u8]) -> Vec<u8> {
    let attributes = &attributes[..attributes.len().min(1400) & !3];
    let mut message = vec![0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42];
    message.extend_from_slice(&[7; 12]);
    message.extend_from_slice(&[0, 6, 0, 4, b'u', b's', b':', b't']);
    message.extend_from_slice(attributes);
    let length = (message.len() - 20 + 24) as u16;
    message[2..4].copy_from_slice(&length.to_be_bytes());
    let mut mac = Hmac::<Sha1>::new_from_slice(PASSWORD).unwrap();
    mac.update(&message);
    message.extend_from_slice(&[0, 8, 0, 20]);
    message.extend_from_slice(&mac.finalize().into_bytes());
    message
}

/// RTP headers, extension elements, RTX: all offsets stay inside, rewriting keeps the rest.
pub fn rtp_header(data: &[u8]) {
    let Ok(header) = Header::parse(data) else {
        return;
    };
    assert_eq!(header.payload_end + header.padding, data.len());
    let inside: usize = extension::elements(data, &header)
        .map(|element| element.data.len() + 1)
        .sum();
    assert!(inside <= header.payload_start);
    for element in extension::elements(data, &header) {
        assert!(extension::find(data, &header, element.id).is_some());
    }

    let mut resent = Vec::new();
    let identity = RtxIdentity {
        payload_type: 1,
        ssrc: 2,
        sequence: 3,
    };
    rtx::wrap(data, &header, header.sequence, identity, &mut resent);
    let rtx_header = Header::parse(&resent).unwrap();
    let len = rtx::unwrap(&mut resent, &rtx_header, header.payload_type, header.ssrc).unwrap();
    assert_eq!(resent[header.payload_start..len], data[header.payload()]);
}

/// RTCP compounds: every part and everything inside it can be walked, and what is read of a report can be written again.
pub fn rtcp_compound(data: &[u8]) {
    for part in parts(data).flatten() {
        match part {
            Packet::SenderReport(report) => drop(report.blocks.count()),
            Packet::ReceiverReport(report) => {
                let blocks: Vec<_> = report.blocks.collect();
                let mut again = Vec::new();
                ReceiverReport::write(&mut again, 1, &blocks);
                assert!(
                    matches!(parts(&again).next(), Some(Ok(Packet::ReceiverReport(same))) if same.blocks.eq(blocks))
                );
            }
            Packet::Sdes(sdes) => drop(sdes.cnames().count()),
            Packet::Bye(bye) => drop(bye.ssrcs().count()),
            Packet::Nack(nack) => assert!(nack.sequences().count() <= 17 * data.len() / 4),
            Packet::Fir(fir) => drop(fir.entries().count()),
            Packet::Remb(remb) => drop(remb.ssrcs().count()),
            Packet::Pli(_) | Packet::Unknown { .. } => {}
        }
    }
}

fn context(profile: Profile) -> SrtpContext {
    SrtpContext::new(profile, &[7; 16], &[9; 14][..profile.salt_len()]).unwrap()
}

/// SRTP and SRTCP from the network: refused or, when sealed by us, opened to the same bytes.
pub fn srtp_unprotect(data: &[u8]) {
    for profile in [Profile::AeadAes128Gcm, Profile::Aes128CmSha1_80] {
        let mut receiver = context(profile);
        assert!(receiver.unprotect_rtp(&mut data.to_vec()).is_err());
        assert!(receiver.unprotect_rtcp(&mut data.to_vec()).is_err());

        let mut sealed = data.to_vec();
        if Header::parse(data).is_ok() && context(profile).protect_rtp(&mut sealed).is_ok() {
            let mut damaged = sealed.clone();
            let middle = damaged.len() / 2;
            damaged[middle] ^= 1;
            assert!(receiver.unprotect_rtp(&mut damaged).is_err());
            let opened = receiver.unprotect_rtp(&mut sealed).unwrap();
            assert_eq!(&sealed[..opened.len], data);
        }
        let mut sealed = data.to_vec();
        if data.first().is_some_and(|first| first >> 6 == 2)
            && context(profile).protect_rtcp(&mut sealed).is_ok()
        {
            let mut again = sealed.clone();
            let len = receiver.unprotect_rtcp(&mut sealed).unwrap();
            assert_eq!(&sealed[..len], data);
            assert!(receiver.unprotect_rtcp(&mut again).is_err(), "a replay");
        }
    }
}

/// H.264 payloads: looked into without panic, and a key-frame start is never a continuation.
pub fn h264_payload(data: &[u8]) {
    if let Ok(info) = H264Info::parse(data) {
        assert!(!info.keyframe_start || info.starts_nal);
        assert!(!info.first_slice || info.vcl);
    }
}

/// VP8 descriptors: rewriting picture id and TL0PICIDX changes nothing else.
pub fn vp8_payload(data: &[u8]) {
    let Ok(before) = Vp8Descriptor::parse(data) else {
        return;
    };
    let mut copy = data.to_vec();
    before.set_picture_id(&mut copy, 0x7abc);
    before.set_tl0_picture_index(&mut copy, 0x5a);
    let after = Vp8Descriptor::parse(&copy).unwrap();
    let expected = Vp8Descriptor {
        picture_id: after.picture_id,
        tl0_picture_index: before.tl0_picture_index.map(|(offset, _)| (offset, 0x5a)),
        ..before
    };
    assert_eq!(after, expected);
    assert_eq!(after.picture_id.is_some(), before.picture_id.is_some());
    assert_eq!(copy[before.len..], data[before.len..]);
}
