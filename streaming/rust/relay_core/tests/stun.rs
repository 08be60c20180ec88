//! STUN against RFC 5769, against its own writer, and against bytes that are no messages.

use std::net::SocketAddr;

use proptest::prelude::*;
use relay_core::error::StunError;
use relay_core::stun::{
    BindingRequest, ErrorCode, IceRole, MAX_RESPONSE_LEN, RequestParts, write_error, write_request,
    write_success,
};

const PASSWORD: &[u8] = b"VOkJxbRl1RmTxUk/WvJxBt";
/// RFC 5769 §2.1.
const REQUEST: &str = "000100582112a442b7e7a701bc34d686fa87dfae802200105354554e207465737420636c69656e74002400046e0001ff\
                       80290008932ff9b151263b36000600096576746a3a68367659202020000800149aeaa70cbfd8cb56781ef2b5b2d3f249\
                       c1b571a280280004e57a3bcf";

fn unhex(text: &str) -> Vec<u8> {
    (0..text.len() / 2)
        .map(|at| u8::from_str_radix(&text[2 * at..2 * at + 2], 16).unwrap())
        .collect()
}

fn parts() -> RequestParts<'static> {
    RequestParts {
        remote_ufrag: "ours",
        local_ufrag: "theirs",
        priority: 77,
        use_candidate: true,
        role: IceRole::Controlling(9),
    }
}

fn request() -> Vec<u8> {
    let mut out = [0; 200];
    let len = write_request(&mut out, b"0123456789ab", &parts(), PASSWORD).unwrap();
    out[..len].to_vec()
}

/// Attributes of a response, in order: `(type, value)`.
fn attributes(message: &[u8]) -> Vec<(u16, Vec<u8>)> {
    let (mut found, mut at) = (Vec::new(), 20);
    while at < message.len() {
        let kind = u16::from_be_bytes([message[at], message[at + 1]]);
        let len = usize::from(u16::from_be_bytes([message[at + 2], message[at + 3]]));
        found.push((kind, message[at + 4..at + 4 + len].to_vec()));
        at += 4 + len.next_multiple_of(4);
    }
    found
}

#[test]
fn the_sample_request_of_rfc_5769_is_read_and_verified() {
    let bytes = unhex(REQUEST);
    let request = BindingRequest::parse(&bytes).unwrap();
    assert_eq!(
        (request.local_ufrag, request.remote_ufrag),
        (&b"evtj"[..], &b"h6vY"[..])
    );
    assert_eq!(request.priority, Some(0x6e00_01ff));
    assert_eq!(
        request.role,
        Some(IceRole::Controlled(0x932f_f9b1_5126_3b36))
    );
    assert!(!request.use_candidate && request.unknown.as_slice().is_empty());
    assert_eq!(request.verify(PASSWORD), Ok(()));
    assert_eq!(
        request.verify(b"another password"),
        Err(StunError::BadIntegrity)
    );
}

#[test]
fn a_request_of_our_own_is_read_back() {
    let bytes = request();
    let request = BindingRequest::parse(&bytes).unwrap();
    assert_eq!(
        (request.local_ufrag, request.remote_ufrag),
        (&b"ours"[..], &b"theirs"[..])
    );
    assert_eq!(
        (request.priority, request.use_candidate, request.role),
        (Some(77), true, Some(IceRole::Controlling(9)))
    );
    assert_eq!(request.verify(PASSWORD), Ok(()));
}

/// RFC 5769 §2.2 and §2.3 carry SOFTWARE, which we do not send; their mapped addresses are compared.
#[test]
fn mapped_addresses_match_rfc_5769() {
    let id = unhex("b7e7a701bc34d686fa87dfae").try_into().unwrap();
    for (address, want) in [
        ("192.0.2.1:32853", "0001a147e112a643"),
        (
            "[2001:db8:1234:5678:11:2233:4455:6677]:32853",
            "0002a1470113a9faa5d3f179bc25f4b5bed2b9d9",
        ),
        ("[::ffff:192.0.2.1]:32853", "0001a147e112a643"),
    ] {
        let mut out = [0; MAX_RESPONSE_LEN];
        let len = write_success(
            &mut out,
            &id,
            address.parse::<SocketAddr>().unwrap(),
            PASSWORD,
        )
        .unwrap();
        let found = attributes(&out[..len]);
        assert_eq!(found[0], (0x0020, unhex(want)), "{address}");
        assert_eq!(
            found.iter().map(|(kind, _)| *kind).collect::<Vec<_>>(),
            [0x0020, 0x0008, 0x8028]
        );
    }
}

/// Integrity and fingerprint computed by other means than the crate's; the sample of RFC 5769 §2.2 proves this witness.
fn assert_authentic(message: &[u8]) {
    let (fingerprint, integrity) = (message.len() - 8, message.len() - 32);
    let mut covered = message[..integrity].to_vec();
    covered[2..4].copy_from_slice(&((integrity + 4) as u16).to_be_bytes());
    let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, PASSWORD);
    assert!(ring::hmac::verify(&key, &covered, &message[integrity + 4..fingerprint]).is_ok());
    let crc = !message[..fingerprint].iter().fold(!0u32, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| {
            (crc >> 1) ^ (0xEDB8_8320 * (crc & 1))
        })
    });
    assert_eq!(
        message[fingerprint + 4..],
        (crc ^ 0x5354_554e).to_be_bytes()
    );
}

#[test]
fn responses_carry_valid_integrity_and_fingerprint() {
    let sample = unhex(
        "0101003c2112a442b7e7a701bc34d686fa87dfae8022000b7465737420766563746f7220002000080001a147e112a643\
         000800142b91f599fd9e90c38c7489f92af9ba53f06be7d780280004c07d4c96",
    );
    assert_authentic(&sample);
    let mut out = [0; MAX_RESPONSE_LEN];
    let len = write_success(
        &mut out,
        b"0123456789ab",
        "127.0.0.1:9".parse().unwrap(),
        PASSWORD,
    )
    .unwrap();
    assert_authentic(&out[..len]);
    assert_eq!(
        BindingRequest::parse(&out[..len]),
        Err(StunError::NotBindingRequest)
    );
    let len = write_error(
        &mut out,
        b"0123456789ab",
        ErrorCode::RoleConflict,
        &[],
        Some(PASSWORD),
    )
    .unwrap();
    assert_authentic(&out[..len]);
}

#[test]
fn error_responses_name_their_reason() {
    let mut out = [0; MAX_RESPONSE_LEN];
    let len = write_error(
        &mut out,
        b"0123456789ab",
        ErrorCode::UnknownAttribute,
        &[0x7777, 0x1234],
        Some(PASSWORD),
    )
    .unwrap();
    let found = attributes(&out[..len]);
    assert_eq!(out[..2], [0x01, 0x11]);
    assert_eq!(found[0].1[..4], [0, 0, 4, 20]);
    assert_eq!(found[1], (0x000a, vec![0x77, 0x77, 0x12, 0x34]));
    for (code, bytes) in [
        (ErrorCode::BadRequest, [4, 0]),
        (ErrorCode::Unauthenticated, [4, 1]),
        (ErrorCode::RoleConflict, [4, 87]),
    ] {
        let len = write_error(&mut out, b"0123456789ab", code, &[], None).unwrap();
        let found = attributes(&out[..len]);
        assert_eq!(
            (found[0].0, &found[0].1[2..4], found.len()),
            (0x0009, &bytes[..], 2)
        );
    }
}

#[test]
fn unknown_required_attributes_are_listed_and_optional_ones_skipped() {
    let mut bytes = unhex("000100182112a442000000000000000000000000");
    bytes.extend_from_slice(&unhex("00060003613a620077770004000000009999000100000000"));
    let request = BindingRequest::parse(&bytes).unwrap();
    assert_eq!(request.unknown.as_slice(), [0x7777]);
    assert_eq!(request.verify(PASSWORD), Err(StunError::MissingIntegrity));
}

#[test]
fn every_damaged_byte_of_a_request_is_noticed() {
    let good = request();
    // A fingerprint that got another type is an attribute behind the integrity, and those are ignored.
    let fingerprint_type = good.len() - 8..good.len() - 6;
    for at in (0..good.len()).filter(|at| !fingerprint_type.contains(at)) {
        let mut bytes = good.clone();
        bytes[at] ^= 0x01;
        let accepted = BindingRequest::parse(&bytes).and_then(|request| request.verify(PASSWORD));
        assert!(accepted.is_err(), "byte {at}");
    }
}

#[test]
fn every_cut_of_a_request_is_refused() {
    let good = request();
    for len in 0..good.len() {
        assert_eq!(
            BindingRequest::parse(&good[..len]),
            Err(StunError::Truncated),
            "{len}"
        );
    }
    assert_eq!(
        BindingRequest::parse(&[&good[..], &[0]].concat()),
        Err(StunError::Malformed)
    );
}

#[test]
fn a_short_buffer_is_refused() {
    for len in 0..60 {
        let mut out = vec![0; len];
        let written = write_success(
            &mut out,
            b"0123456789ab",
            "127.0.0.1:9".parse().unwrap(),
            PASSWORD,
        );
        assert_eq!(written, Err(StunError::NoRoom), "{len}");
    }
}

proptest! {
    #[test]
    fn any_bytes_parse_or_fail(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = BindingRequest::parse(&bytes).map(|request| request.verify(PASSWORD));
    }

    #[test]
    fn any_attributes_parse_or_fail(body in proptest::collection::vec((proptest::sample::select(&[6u16, 8, 0x24, 0x25, 0x8028, 0x802a, 0x7fff, 0xffff][..]), proptest::collection::vec(any::<u8>(), 0..30)), 0..8)) {
        let mut bytes = unhex("000100002112a442000000000000000000000000");
        for (kind, value) in body {
            bytes.extend_from_slice(&kind.to_be_bytes());
            bytes.extend_from_slice(&(value.len() as u16).to_be_bytes());
            bytes.extend_from_slice(&value);
            bytes.resize(bytes.len().next_multiple_of(4), 0);
        }
        let len = (bytes.len() - 20) as u16;
        bytes[2..4].copy_from_slice(&len.to_be_bytes());
        let _ = BindingRequest::parse(&bytes).map(|request| request.verify(PASSWORD));
    }
}
