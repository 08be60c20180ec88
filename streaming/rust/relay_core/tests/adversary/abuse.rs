//! Floods: what strangers and members may cost is bounded, nobody can make the relay flood a third one, and whoever watches notices
//! nothing.

use std::net::SocketAddr;

use hmac::{Hmac, KeyInit, Mac};
use proptest::prelude::*;
use relay_core::forward::{Command, Event, MILLISECOND, SECOND};
use sha1::Sha1;

use crate::world::{Client, FIRST, PASSWORD, World};

/// First flight of a DTLS server towards a client that has shown nothing but its hello.
const FLIGHT: usize = 900;
const HELLO: [u8; 180] = {
    let mut hello = [0; 180];
    hello[0] = 22;
    hello
};

fn at(port: u16) -> SocketAddr {
    SocketAddr::from(([192, 0, 2, 66], port))
}

/// A binding request with any attributes, sealed with a password.
fn sealed(ufrag: &str, attributes: &[u8], password: &str) -> Vec<u8> {
    let mut message = vec![0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42];
    message.extend_from_slice(&[7; 12]);
    let name = format!("{ufrag}:t");
    message.extend_from_slice(&[0, 6, 0, name.len() as u8]);
    message.extend_from_slice(name.as_bytes());
    message.resize(message.len().next_multiple_of(4), 0);
    message.extend_from_slice(attributes);
    let length = (message.len() - 20 + 24) as u16;
    message[2..4].copy_from_slice(&length.to_be_bytes());
    let mut mac = Hmac::<Sha1>::new_from_slice(password.as_bytes()).unwrap();
    mac.update(&message);
    message.extend_from_slice(&[0, 8, 0, 20]);
    message.extend_from_slice(&mac.finalize().into_bytes());
    message
}

fn send(world: &mut World, from: SocketAddr, datagram: &[u8]) {
    let mut datagram = datagram.to_vec();
    world
        .relay
        .datagram(world.now, (0, from), &mut datagram, &mut world.sent);
}

/// Octets sent to an address, and forgets them.
fn sent_to(world: &mut World, to: SocketAddr) -> usize {
    let (theirs, others): (Vec<_>, Vec<_>) = std::mem::take(&mut world.sent.datagrams)
        .into_iter()
        .partition(|(address, _)| *address == to);
    world.sent.datagrams = others;
    theirs.iter().map(|(_, bytes)| bytes.len()).sum()
}

fn handshakes(world: &World) -> usize {
    let is_dtls = |event: &&Event| matches!(event, Event::Dtls(..));
    world.sent.events.iter().filter(is_dtls).count()
}

/// A publisher, and a viewer at an address of its own who must get everything.
fn lecture() -> (World, Client, Client) {
    let mut world = World::new();
    let publisher = world.publisher(1, "room");
    world.show("room", 1);
    let viewer = world.viewer(2, "room");
    (world, publisher, viewer)
}

fn attribute() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        Just(vec![0, 0x25, 0, 0]),
        Just(vec![0, 0x24, 0, 4, 1, 2, 3, 4]),
        Just(vec![0x80, 0x29, 0, 8, 0, 0, 0, 0, 0, 0, 0, 1]),
        Just(vec![0x80, 0x2a, 0, 8, 0, 0, 0, 0, 0, 0, 0, 1]),
        (0x30u8..0x7f).prop_map(|kind| vec![0, kind, 0, 0]),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever comes from an address that no check has proved, never more octets go there than came.
    #[test]
    fn an_unverified_address_never_gets_more_than_it_sent(
        attributes in proptest::collection::vec(attribute(), 0..12),
        ufrag in prop_oneof![Just("ufrag2"), Just("ufrag9"), Just("")],
        password in prop_oneof![Just(PASSWORD), Just("guess")],
        garbage in proptest::collection::vec(any::<u8>(), 1..300),
    ) {
        let (mut world, _, _) = lecture();
        let datagrams = [sealed(ufrag, &attributes.concat(), password), garbage, HELLO.to_vec(), vec![0x80; 40]];
        for (port, datagram) in datagrams.iter().enumerate() {
            for address in [at(40_000 + port as u16), format!("[2001:db8::9]:{}", 4000 + port).parse().unwrap()] {
                send(&mut world, address, datagram);
                prop_assert!(sent_to(&mut world, address) <= datagram.len());
            }
        }
    }
}

#[test]
fn a_check_too_short_to_be_answered_is_answered_when_it_comes_again() {
    let mut world = World::new();
    let client = world.connect(5, "room");
    let request = sealed("ufrag5", &[], PASSWORD);
    let newcomer: SocketAddr = "[2001:db8::9]:5000".parse().unwrap();
    send(&mut world, newcomer, &request);
    assert_eq!(sent_to(&mut world, newcomer), 0);
    send(&mut world, newcomer, &request);
    assert!(sent_to(&mut world, newcomer) > 0);
    drop(client);
}

#[test]
fn a_handshake_is_answered_in_proportion_until_the_peer_has_proved_that_it_listens() {
    let (mut world, _, _) = lecture();
    let session = relay_core::forward::SessionId(7);
    world.command(Command::AddSession {
        session,
        room: "room".into(),
        ufrag: "ufrag7".into(),
        pwd: PASSWORD.into(),
    });
    // A member gives somebody else's address as his own: he knows the password, but does not hear there.
    let victim = at(50_000);
    world.check(victim, "ufrag7");
    let mut heard = sent_to(&mut world, victim); // The answer is not longer than the check.
    send(&mut world, victim, &HELLO);
    heard += HELLO.len();
    let mut told = 0;
    for _ in 0..40 {
        world.command(Command::SendDtls(session, vec![22; FLIGHT]));
        told += sent_to(&mut world, victim);
    }
    assert!(told >= FLIGHT, "an honest peer gets the first flight");
    assert!(told <= 5 * heard + 5 * 40, "{told} octets for {heard}");
    let dropped = world.relay.snapshot(world.now).dropped;
    assert!(dropped.dtls_excess >= 38, "{dropped:?}");
}

#[test]
fn a_flood_of_checks_from_one_address_is_cut_and_costs_nobody_else_anything() {
    let (mut world, mut publisher, mut viewer) = lecture();
    let mut got = 0;
    // Ten seconds of strangers at one address: guesses at names, at passwords, and bytes that only look like STUN.
    for second in 0..10 {
        for count in 0..3000u16 {
            let flood = match count % 3 {
                0 => sealed("nobody", &[], "guess"),
                1 => sealed("ufrag2", &[], "guess"),
                _ => vec![0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42],
            };
            send(&mut world, at(count), &flood);
        }
        world.publish(&mut publisher, FIRST + second, second == 0);
        world.end_batch();
        world.now += SECOND;
        world.check(viewer.address, "ufrag2");
        world.relay.tick(world.now, &mut world.sent);
        got += world.receive(&mut viewer).0.len();
    }
    assert_eq!(got, 10);
    let dropped = world.relay.snapshot(world.now).dropped;
    let examined = dropped.unknown_ufrag + dropped.bad_integrity + dropped.malformed_stun;
    assert!(examined <= 1024 + 512 * 10, "{dropped:?}");
    assert_eq!(examined + dropped.stun_excess, 30_000, "{dropped:?}");
    assert_eq!(sent_to(&mut world, at(1)), 0, "strangers are told nothing");
    // Newcomers elsewhere come in at once, one behind the flooding address as soon as the flood ebbs.
    let newcomer = world.viewer(3, "room");
    assert!(sent_to(&mut world, newcomer.address) > 0);
    let neighbour = world.viewer(4, "room");
    world.now += 100 * MILLISECOND;
    world.check(at(4), "ufrag4");
    assert!(sent_to(&mut world, at(4)) > 0);
    drop(neighbour);
}

#[test]
fn a_member_that_checks_without_end_is_answered_a_few_hundred_times() {
    let (mut world, _, viewer) = lecture();
    sent_to(&mut world, viewer.address);
    for _ in 0..5000 {
        world.check(viewer.address, "ufrag2");
    }
    let answers = sent_to(&mut world, viewer.address) / 64;
    assert!((200..=260).contains(&answers), "{answers}");
    world.now += SECOND;
    world.check(viewer.address, "ufrag2");
    assert!(sent_to(&mut world, viewer.address) > 0);
}

#[test]
fn a_flood_of_handshake_packets_reaches_python_at_a_walk() {
    let (mut world, mut publisher, mut viewer) = lecture();
    for _ in 0..10 {
        for _ in 0..2000 {
            send(&mut world, viewer.address, &HELLO);
        }
        world.now += SECOND;
        world.check(viewer.address, "ufrag2");
    }
    assert!(handshakes(&world) <= 96 + 10 * 32, "{}", handshakes(&world));
    world.publish(&mut publisher, FIRST, true);
    world.end_batch();
    assert_eq!(world.receive(&mut viewer).0.len(), 1);
    assert!(world.relay.snapshot(world.now).dropped.dtls_excess > 19_000);
}
