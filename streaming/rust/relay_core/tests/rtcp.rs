//! RTCP: what is written is read back, a bad part costs only itself, and bytes that are no packets do no harm.

use proptest::prelude::*;
use relay_core::error::RtcpError;
use relay_core::rtcp::{
    Bye, Fir, FirEntry, Nack, Packet, Pli, ReceiverReport, Remb, ReportBlock, Sdes, SenderInfo,
    SenderReport, ntp, parts,
};

fn only(compound: &[u8]) -> Packet<'_> {
    let mut found = parts(compound);
    let packet = found.next().unwrap().unwrap();
    assert_eq!(found.next(), None);
    packet
}

const BLOCK: ReportBlock = ReportBlock {
    ssrc: 0x0102_0304,
    fraction_lost: 200,
    cumulative_lost: -3,
    highest_sequence: 0x0005_fffe,
    jitter: 90,
    last_sr: 0xaabb_ccdd,
    delay_since_last_sr: 65_536,
};

#[test]
fn reports_are_read_back() {
    let info = SenderInfo {
        ssrc: 1,
        ntp: 0x1122_3344_5566_7788,
        rtp_timestamp: 3,
        packet_count: 4,
        octet_count: 5,
    };
    let mut compound = Vec::new();
    SenderReport::write(&mut compound, &info, &[BLOCK]);
    let Packet::SenderReport(report) = only(&compound) else {
        panic!()
    };
    assert_eq!(
        (report.info, report.blocks.collect::<Vec<_>>()),
        (info, vec![BLOCK])
    );

    compound.clear();
    ReceiverReport::write(&mut compound, 9, &[BLOCK; 40]);
    let Packet::ReceiverReport(report) = only(&compound) else {
        panic!()
    };
    assert_eq!((report.sender_ssrc, report.blocks.count()), (9, 31));
}

#[test]
fn cumulative_loss_is_clamped_to_24_bits_and_keeps_its_sign() {
    for (lost, want) in [
        (i32::MAX, 0x7f_ffff),
        (i32::MIN, -0x80_0000),
        (-1, -1),
        (7, 7),
    ] {
        let mut compound = Vec::new();
        ReceiverReport::write(
            &mut compound,
            9,
            &[ReportBlock {
                cumulative_lost: lost,
                ..BLOCK
            }],
        );
        let Packet::ReceiverReport(mut report) = only(&compound) else {
            panic!()
        };
        assert_eq!(
            report.blocks.next().unwrap(),
            ReportBlock {
                cumulative_lost: want,
                ..BLOCK
            }
        );
    }
}

#[test]
fn descriptions_and_goodbyes_are_read_back() {
    for cname in ["", "a", "ab", "abc", "abcd", "指尖"] {
        let mut compound = Vec::new();
        Sdes::write_cname(&mut compound, 5, cname);
        Bye::write(&mut compound, &[5, 6]);
        let found: Vec<_> = parts(&compound).map(Result::unwrap).collect();
        let [Packet::Sdes(sdes), Packet::Bye(bye)] = found[..] else {
            panic!()
        };
        assert_eq!(sdes.cnames().collect::<Vec<_>>(), [(5, cname.as_bytes())]);
        assert_eq!(bye.ssrcs().collect::<Vec<_>>(), [5, 6]);
    }
}

#[test]
fn a_description_without_end_is_malformed() {
    assert_eq!(
        parts(&[0x81, 202, 0, 2, 0, 0, 0, 5, 1, 2, b'a', b'b']).next(),
        Some(Err(RtcpError::Malformed))
    );
    assert_eq!(
        parts(&[0x81, 202, 0, 2, 0, 0, 0, 5, 1, 200, b'a', b'b']).next(),
        Some(Err(RtcpError::Malformed))
    );
}

#[test]
fn feedback_is_read_back() {
    let mut compound = Vec::new();
    Pli {
        sender_ssrc: 1,
        media_ssrc: 2,
    }
    .write(&mut compound);
    Fir::write(
        &mut compound,
        1,
        &[FirEntry {
            ssrc: 7,
            sequence: 255,
        }],
    );
    Remb::write(&mut compound, 1, 2_500_000, &[2, 3]);
    let found: Vec<_> = parts(&compound).map(Result::unwrap).collect();
    let [Packet::Pli(pli), Packet::Fir(fir), Packet::Remb(remb)] = found[..] else {
        panic!()
    };
    assert_eq!(pli.media_ssrc, 2);
    assert_eq!(
        fir.entries().collect::<Vec<_>>(),
        [FirEntry {
            ssrc: 7,
            sequence: 255
        }]
    );
    assert_eq!(
        (remb.bitrate, remb.ssrcs().collect::<Vec<_>>()),
        (2_500_000, vec![2, 3])
    );
}

#[test]
fn a_remb_beyond_64_bits_saturates() {
    let mut compound = Vec::new();
    Remb::write(&mut compound, 1, u64::MAX, &[]);
    let Packet::Remb(remb) = only(&compound) else {
        panic!()
    };
    assert!(remb.bitrate > u64::MAX - (u64::MAX >> 17));
    compound[17..20].fill(0xff);
    let Packet::Remb(remb) = only(&compound) else {
        panic!()
    };
    assert_eq!(remb.bitrate, u64::MAX);
}

#[test]
fn a_malformed_part_is_dropped_alone() {
    let mut compound = vec![0x82, 201, 0, 1, 0, 0, 0, 1];
    Pli {
        sender_ssrc: 1,
        media_ssrc: 2,
    }
    .write(&mut compound);
    compound.extend_from_slice(&[0x80, 204, 0, 0]);
    let found: Vec<_> = parts(&compound).collect();
    assert_eq!(found[0], Err(RtcpError::Malformed));
    assert!(matches!(found[1], Ok(Packet::Pli(_))));
    assert_eq!(
        found[2],
        Ok(Packet::Unknown {
            packet_type: 204,
            count: 0
        })
    );
}

#[test]
fn an_unframed_rest_ends_the_compound() {
    let mut compound = Vec::new();
    Pli {
        sender_ssrc: 1,
        media_ssrc: 2,
    }
    .write(&mut compound);
    for (rest, error) in [
        (&[0x80, 201, 0, 9][..], RtcpError::Truncated),
        (&[0x40, 1, 0, 0], RtcpError::BadVersion),
        (&[0x80], RtcpError::Truncated),
    ] {
        let bytes = [&compound[..], rest].concat();
        let found: Vec<_> = parts(&bytes).collect();
        assert_eq!((found.len(), found[1]), (2, Err(error)));
    }
}

#[test]
fn padding_is_removed_and_wrong_padding_refused() {
    let mut compound = vec![0xa0, 201, 0, 2, 0, 0, 0, 1, 0, 0, 0, 4];
    assert!(matches!(only(&compound), Packet::ReceiverReport(_)));
    for padding in [0, 3, 12, 255] {
        compound[11] = padding;
        assert_eq!(
            parts(&compound).next(),
            Some(Err(RtcpError::Malformed)),
            "{padding}"
        );
    }
}

#[test]
fn round_trip_time_is_arrival_minus_last_report_minus_delay() {
    let sent = ntp::from_unix_nanos(1_700_000_000_000_000_000);
    let arrival = sent + ntp::duration_from_nanos(250_000_000);
    let rtt =
        ntp::round_trip_nanos(arrival, ntp::middle(sent), ntp::delay_units(200_000_000)).unwrap();
    assert!(rtt.abs_diff(50_000_000) < 50_000, "{rtt}");
    assert_eq!(ntp::round_trip_nanos(arrival, 0, 0), None);
    assert_eq!(ntp::round_trip_nanos(sent, ntp::middle(arrival), 0), None);
}

proptest! {
    #[test]
    fn nacked_sequences_are_read_back(start in any::<u16>(), steps in proptest::collection::vec(1u16..40, 0..60)) {
        let mut sequences = vec![start];
        for step in steps {
            sequences.push(sequences[sequences.len() - 1].wrapping_add(step));
        }
        let mut compound = Vec::new();
        Nack::write(&mut compound, 1, 2, &sequences);
        let Packet::Nack(nack) = only(&compound) else { panic!() };
        prop_assert_eq!(nack.sequences().collect::<Vec<_>>(), sequences);
    }

    #[test]
    fn a_remb_loses_at_most_its_mantissa(bitrate in any::<u64>()) {
        let mut compound = Vec::new();
        Remb::write(&mut compound, 1, bitrate, &[]);
        let Packet::Remb(remb) = only(&compound) else { panic!() };
        prop_assert!(remb.bitrate <= bitrate && bitrate - remb.bitrate <= bitrate >> 17);
    }

    #[test]
    fn nanoseconds_survive_ntp(nanos in 0u64..4_000_000_000_000_000_000, span in 0u64..1 << 60) {
        prop_assert_eq!(ntp::to_unix_nanos(ntp::from_unix_nanos(nanos)), nanos);
        prop_assert_eq!(ntp::duration_to_nanos(ntp::duration_from_nanos(span)), span);
    }

    #[test]
    fn any_framed_parts_parse_or_fail(bodies in proptest::collection::vec((any::<u8>(), 195u8..210, proptest::collection::vec(any::<u8>(), 0..80)), 0..6)) {
        let mut compound = Vec::new();
        for (count, kind, body) in &bodies {
            let words = body.len() / 4;
            compound.extend_from_slice(&[0x80 | (count & 0x3f), *kind, 0, words as u8]);
            compound.extend_from_slice(&body[..4 * words]);
        }
        prop_assert_eq!(walk(&compound), bodies.len());
    }

    #[test]
    fn any_bytes_parse_or_fail(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        walk(&bytes);
    }
}

/// Reads everything there is to read; the number of parts.
fn walk(compound: &[u8]) -> usize {
    parts(compound)
        .inspect(|part| match part {
            Ok(Packet::SenderReport(report)) => drop(report.blocks.count()),
            Ok(Packet::ReceiverReport(report)) => drop(report.blocks.count()),
            Ok(Packet::Sdes(sdes)) => drop(sdes.cnames().count()),
            Ok(Packet::Bye(bye)) => drop(bye.ssrcs().count()),
            Ok(Packet::Nack(nack)) => drop(nack.sequences().count()),
            Ok(Packet::Fir(fir)) => drop(fir.entries().count()),
            Ok(Packet::Remb(remb)) => drop(remb.ssrcs().count()),
            Ok(Packet::Pli(_) | Packet::Unknown { .. }) | Err(_) => {}
        })
        .count()
}
