//! What is lost on the way from a publisher is asked for, repaired and shown; what its path carries is told.

use proptest::prelude::*;
use relay_core::forward::{Command, MILLISECOND, PublicationId, PublicationSpec};
use relay_core::rtcp::{self, Packet};
use relay_core::rtp::extension;

use super::world::{Client, FIRST, World, camera};

const SEND_TIME_EXT: u8 = 2;

/// What the relay tells a publisher: numbers it misses and the bit rate it allows.
fn feedback(world: &mut World, publisher: &mut Client) -> (Vec<u16>, Option<u64>) {
    let (mut missed, mut allowed) = (Vec::new(), None);
    for (to, mut bytes) in std::mem::take(&mut world.sent.datagrams) {
        if to != publisher.address {
            world.sent.datagrams.push((to, bytes));
        } else if (192..=223).contains(&bytes[1]) {
            let len = publisher.receiving.unprotect_rtcp(&mut bytes).unwrap();
            for part in rtcp::parts(&bytes[..len]) {
                match part.unwrap() {
                    Packet::Nack(nack) => missed.extend(nack.sequences()),
                    Packet::Remb(remb) => allowed = Some(remb.bitrate),
                    _ => {}
                }
            }
        }
    }
    (missed, allowed)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, failure_persistence: None, ..ProptestConfig::default() })]

    /// One packet in ten is lost, repairs too: the viewer gets every packet, each once.
    #[test]
    fn lost_publisher_packets_are_repaired(fates in proptest::collection::vec(0u8..10, 400)) {
        let mut world = World::new();
        let mut publisher = world.publisher(1, "room");
        world.show("room", 1);
        let mut viewer = world.viewer(2, "room");
        let (mut repairs, mut fate) = (0, fates.iter().cycle());
        for number in 0..300 {
            let is_lost = number != 0 && number < 280 && fate.next() == Some(&0);
            if !is_lost {
                world.publish(&mut publisher, FIRST + number, number == 0);
            }
            world.end_batch();
            world.now += 10 * MILLISECOND;
            world.relay.tick(world.now, &mut world.sent);
            for missed in feedback(&mut world, &mut publisher).0 {
                if fate.next() != Some(&0) {
                    let original = FIRST + u64::from(missed.wrapping_sub(FIRST as u16));
                    world.repair(&mut publisher, repairs, original);
                    repairs += 1;
                }
            }
        }
        world.end_batch();
        let mut shown: Vec<_> = world.receive(&mut viewer).0.iter().map(|found| found.2).collect();
        shown.sort_unstable();
        prop_assert_eq!(shown, (FIRST..FIRST + 300).collect::<Vec<_>>());
    }
}

/// A packet that says when it was sent.
fn send_timed(world: &mut World, publisher: &mut Client, number: u64, sent: u64) {
    let mut packet = vec![0x90, 102];
    packet.extend_from_slice(&(number as u16).to_be_bytes());
    packet.extend_from_slice(&(number as u32).wrapping_mul(900).to_be_bytes());
    packet.extend_from_slice(&(publisher.session.0 as u32).to_be_bytes());
    let raw = ((u128::from(sent) << 18) / 1_000_000_000) as u32;
    extension::write(&mut packet, &[(SEND_TIME_EXT, &raw.to_be_bytes()[1..])]);
    packet.extend_from_slice(&[0x41; 1100]);
    publisher
        .sending
        .protect_rtp_with_index(&mut packet, number)
        .unwrap();
    world.relay.datagram(
        world.now,
        (0, publisher.address),
        &mut packet,
        &mut world.sent,
    );
}

#[test]
fn a_publisher_whose_packets_come_ever_later_is_told_to_send_less_at_once() {
    let mut world = World::new();
    let mut publisher = world.connect(1, "room");
    let spec = PublicationSpec {
        send_time_ext: Some(SEND_TIME_EXT),
        ..camera(1)
    };
    world.command(Command::Publish(publisher.session, PublicationId(1), spec));
    let (start, mut told) = (world.now, Vec::new());
    for number in 0..600 {
        // 880 kbit/s; from the 300th packet on each comes 2 ms later than the path used to take.
        let sent = start + number * 10 * MILLISECOND;
        world.now = sent + 20 * MILLISECOND + number.saturating_sub(300) * 2 * MILLISECOND;
        send_timed(&mut world, &mut publisher, FIRST + number, sent);
        world.end_batch();
        world.relay.tick(world.now, &mut world.sent);
        if let (_, Some(allowed)) = feedback(&mut world, &mut publisher) {
            told.push((number, allowed));
        }
    }
    assert!(
        told.iter()
            .filter(|(number, _)| *number <= 300)
            .all(|(_, allowed)| *allowed > 2_490_000)
    );
    let (number, allowed) = *told
        .iter()
        .find(|(_, allowed)| *allowed < 2_000_000)
        .expect("less");
    assert!(number < 350, "after {} packets", number - 300);
    assert!((400_000..900_000).contains(&allowed), "{allowed}");
}
