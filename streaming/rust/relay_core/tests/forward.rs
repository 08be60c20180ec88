//! The relay as a whole, without sockets: whatever the network does to the input, what viewers decrypt keeps its promises.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;

use proptest::prelude::*;
use proptest::strategy::ValueTree;
use relay_core::forward::{
    Codec, Command, Config, DATAGRAM_CAPACITY, Egress, Event, FeedItem, MILLISECOND, MediaKind,
    Nanos, OutputPayload, OutputSpec, PayloadRole, PublicationId, PublicationSpec, Relay, SECOND,
    SessionId, SessionKeys, Slot,
};
use relay_core::rtcp::{self, Nack, Packet, ReceiverReport};
use relay_core::rtp::Header;
use relay_core::srtp::{Profile, SrtpContext};
use relay_core::stun::{self, IceRole, RequestParts};

#[derive(Default)]
struct Sent {
    datagrams: Vec<(SocketAddr, Vec<u8>)>,
    events: Vec<Event>,
}

impl Egress for Sent {
    fn datagram(&mut self, _: usize, to: SocketAddr, write: impl FnOnce(&mut [u8]) -> usize) {
        let mut buffer = vec![0; DATAGRAM_CAPACITY];
        let len = write(&mut buffer);
        if len > 0 {
            buffer.truncate(len);
            self.datagrams.push((to, buffer));
        }
    }

    fn event(&mut self, event: Event) {
        self.events.push(event);
    }

    fn feed(&mut self, _: FeedItem) {}
}

/// One session seen from outside, with its end of the SRTP.
struct Client {
    session: SessionId,
    address: SocketAddr,
    sending: SrtpContext,
    receiving: SrtpContext,
}

struct World {
    relay: Relay,
    sent: Sent,
    now: Nanos,
}

impl World {
    fn new() -> Self {
        let now = 5 * SECOND;
        Self {
            relay: Relay::new(Config::new(2_500_000, 1_790_000_000 * SECOND, 7), now),
            sent: Sent::default(),
            now,
        }
    }

    fn command(&mut self, command: Command) {
        self.relay.command(self.now, command, &mut self.sent);
        self.relay.end_batch(self.now, &mut self.sent);
    }

    fn connect(&mut self, number: u64, room: &str) -> Client {
        let session = SessionId(number);
        let (ufrag, pwd) = (
            format!("ufrag{number}"),
            "password-password-password".to_owned(),
        );
        self.command(Command::AddSession {
            session,
            room: room.into(),
            ufrag: ufrag.clone(),
            pwd: pwd.clone(),
        });
        let address = SocketAddr::from(([127, 0, 0, 1], 10_000 + number as u16));
        let mut request = [0; 256];
        let parts = RequestParts {
            remote_ufrag: &ufrag,
            local_ufrag: "them",
            priority: 1,
            use_candidate: true,
            role: IceRole::Controlling(1),
        };
        let len =
            stun::write_request(&mut request, &[number as u8; 12], &parts, pwd.as_bytes()).unwrap();
        self.relay
            .datagram(self.now, (0, address), &mut request[..len], &mut self.sent);
        let (local, remote) = (vec![number as u8; 28], vec![number as u8 ^ 0x80; 28]);
        let context = |material: &[u8]| {
            SrtpContext::from_keying_material(Profile::AeadAes128Gcm, material).unwrap()
        };
        let client = Client {
            session,
            address,
            sending: context(&remote),
            receiving: context(&local),
        };
        self.command(Command::SetKeys(
            session,
            SessionKeys {
                profile: Profile::AeadAes128Gcm,
                local,
                remote,
            },
        ));
        client
    }

    fn publisher(&mut self, number: u64, room: &str) -> Client {
        let client = self.connect(number, room);
        let spec = PublicationSpec {
            kind: MediaKind::Video,
            codec: Codec::H264,
            mid: "0".into(),
            clock_rate: 90_000,
            payload_types: vec![(102, PayloadRole::Media), (103, PayloadRole::Rtx)],
            ssrc: vec![number as u32],
            rtx_ssrc: vec![number as u32 + 1000],
            mid_ext: None,
            nack: true,
            pli: true,
            remb: true,
            source: "camera".into(),
        };
        self.command(Command::Publish(
            client.session,
            PublicationId(number),
            spec,
        ));
        client
    }

    fn viewer(&mut self, number: u64, room: &str) -> Client {
        let client = self.connect(number, room);
        let output = OutputSpec {
            slot: program(),
            mid: "0".into(),
            ssrc: 111,
            rtx_ssrc: Some(112),
            payload_types: vec![(
                Codec::H264,
                OutputPayload {
                    media: 120,
                    rtx: Some(121),
                },
            )],
            mid_ext: None,
            cname: "c".into(),
        };
        self.command(Command::Subscribe(client.session, vec![output]));
        client
    }

    fn show(&mut self, room: &str, publication: u64) {
        self.command(Command::SetSlot(
            room.into(),
            program(),
            Some(PublicationId(publication)),
        ));
    }

    /// One packet of a publisher: number is the extended sequence, the payload names publisher and number.
    fn publish(&mut self, client: &mut Client, number: u64, is_key: bool) {
        let mut packet = vec![0x80, 0x80 | 102];
        packet.extend_from_slice(&(number as u16).to_be_bytes());
        packet.extend_from_slice(&((number as u32).wrapping_mul(3000)).to_be_bytes());
        packet.extend_from_slice(&(client.session.0 as u32).to_be_bytes());
        packet.push(if is_key { 0x65 } else { 0x41 });
        packet.push(0x88);
        packet.extend_from_slice(&client.session.0.to_be_bytes());
        packet.extend_from_slice(&number.to_be_bytes());
        client
            .sending
            .protect_rtp_with_index(&mut packet, number)
            .unwrap();
        self.relay
            .datagram(self.now, (0, client.address), &mut packet, &mut self.sent);
    }

    fn end_batch(&mut self) {
        self.relay.end_batch(self.now, &mut self.sent);
    }

    fn nack(&mut self, client: &mut Client, sequences: &[u16]) {
        let mut compound = Vec::new();
        ReceiverReport::write(&mut compound, 1, &[]);
        Nack::write(&mut compound, 1, 111, sequences);
        client.sending.protect_rtcp(&mut compound).unwrap();
        self.relay
            .datagram(self.now, (0, client.address), &mut compound, &mut self.sent);
    }

    /// Takes what was sent to a client: decrypted RTP as (header, publisher, number), and the kinds of RTCP parts.
    fn receive(&mut self, client: &mut Client) -> (Vec<(Header, u64, u64)>, Vec<&'static str>) {
        let (mut media, mut feedback) = (Vec::new(), Vec::new());
        for (to, mut bytes) in std::mem::take(&mut self.sent.datagrams) {
            if to != client.address {
                self.sent.datagrams.push((to, bytes));
            } else if (192..=223).contains(&bytes[1]) {
                let len = client.receiving.unprotect_rtcp(&mut bytes).unwrap();
                feedback.extend(rtcp::parts(&bytes[..len]).map(|part| match part.unwrap() {
                    Packet::Pli(_) => "pli",
                    Packet::Nack(_) => "nack",
                    Packet::SenderReport(_) => "sr",
                    _ => "other",
                }));
            } else if bytes[0] >= 128 {
                let plain = client
                    .receiving
                    .unprotect_rtp(&mut bytes)
                    .expect("no packet is sent twice on one number");
                let payload = &bytes[plain.header.payload()];
                let tail = &payload[payload.len() - 16..];
                let number = |at: usize| u64::from_be_bytes(tail[at..at + 8].try_into().unwrap());
                media.push((plain.header, number(0), number(8)));
            }
        }
        (media, feedback)
    }
}

fn program() -> Slot {
    Slot::from_name("V0").unwrap()
}

/// First sequence number of every publisher, in the first cycle as a receiver without history assumes.
const FIRST: u64 = 30_000;

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    /// Order, loss and duplication of the input are arbitrary: a viewer's number stands for one packet, numbers grow exactly as
    /// the source's do, and every packet that came in time and behind the key frame went out.
    #[test]
    fn the_forwarded_stream_is_gap_honest(
        order in proptest::collection::vec((0u64..120, any::<bool>()), 1..150),
        batch in 1usize..12,
    ) {
        let mut world = World::new();
        let mut publisher = world.publisher(1, "room");
        world.show("room", 1);
        let mut viewer = world.viewer(2, "room");
        world.publish(&mut publisher, FIRST, true);
        world.end_batch();
        let mut given = BTreeSet::from([FIRST]);
        for (count, (offset, is_key)) in order.iter().enumerate() {
            world.publish(&mut publisher, FIRST + offset, *is_key);
            given.insert(FIRST + offset);
            if count % batch == 0 {
                world.end_batch();
            }
        }
        world.end_batch();
        let (media, _) = world.receive(&mut viewer);
        let base = u64::from(media[0].0.sequence);
        let mut seen = BTreeMap::new();
        for (header, source, number) in &media {
            prop_assert_eq!((header.payload_type, header.ssrc, *source), (120, 111, 1));
            prop_assert_eq!(u64::from(header.sequence) - base, number - FIRST);
            prop_assert_eq!(header.timestamp.wrapping_sub(media[0].0.timestamp), ((number - FIRST) * 3000) as u32);
            prop_assert!(seen.insert(header.sequence, *number).is_none());
        }
        prop_assert_eq!(seen.values().copied().collect::<BTreeSet<_>>(), given);
    }

    /// Switching at arbitrary moments: the viewer's numbers have no gap that the source of the moment does not have.
    #[test]
    fn switches_never_tear_the_line(switches in proptest::collection::vec((1u64..4, 1u64..6), 1..40)) {
        let mut world = World::new();
        let mut publishers: Vec<_> = (1..4).map(|number| world.publisher(number, "room")).collect();
        let mut viewer = world.viewer(9, "room");
        let mut next = FIRST;
        for (shown, frames) in switches {
            world.show("room", shown);
            for frame in 0..frames {
                next += 1;
                for publisher in &mut publishers {
                    world.publish(publisher, next, frame == 1);
                }
                world.now += 33 * MILLISECOND;
                world.end_batch();
            }
        }
        let (media, _) = world.receive(&mut viewer);
        for pair in media.windows(2) {
            prop_assert_eq!(pair[1].0.sequence, pair[0].0.sequence + 1);
            let step = pair[1].0.timestamp.wrapping_sub(pair[0].0.timestamp) as i32;
            prop_assert!(step > 0 && step < 40 * 6 * 3000 * 2, "{}", step);
        }
    }
}

#[test]
fn rooms_are_isolated_even_from_a_confused_director() {
    let mut world = World::new();
    let mut publisher = world.publisher(1, "one");
    let (mut here, mut there) = (world.viewer(2, "one"), world.viewer(3, "two"));
    world.show("one", 1);
    world.show("two", 1);
    for number in 0..10 {
        world.publish(&mut publisher, FIRST + number, number == 0);
    }
    world.end_batch();
    assert_eq!(world.receive(&mut here).0.len(), 10);
    assert_eq!(world.receive(&mut there), (vec![], vec![]));
}

#[test]
fn nacks_across_a_switch_are_answered_for_one_second() {
    let mut world = World::new();
    let (mut first, mut second) = (world.publisher(1, "room"), world.publisher(2, "room"));
    let mut viewer = world.viewer(9, "room");
    world.show("room", 1);
    for number in 0..5 {
        world.publish(&mut first, FIRST + number, number == 0);
    }
    world.end_batch();
    let before = world.receive(&mut viewer).0;
    world.show("room", 2);
    for number in 0..5 {
        world.publish(&mut second, FIRST + 500 + number, number == 0);
    }
    world.end_batch();
    let after = world.receive(&mut viewer).0;
    let asked = [before[3].0.sequence, after[2].0.sequence];
    world.now += 900 * MILLISECOND;
    world.nack(&mut viewer, &asked);
    let resent = world.receive(&mut viewer).0;
    assert_eq!(
        resent
            .iter()
            .map(|found| (found.0.ssrc, found.1, found.2))
            .collect::<Vec<_>>(),
        [(112, 1, FIRST + 3), (112, 2, FIRST + 502)]
    );
    world.nack(&mut viewer, &asked);
    assert_eq!(
        world.receive(&mut viewer).0.len(),
        0,
        "the same packet at most once a round trip"
    );
    world.now += 200 * MILLISECOND;
    world.nack(&mut viewer, &asked);
    let resent = world.receive(&mut viewer).0;
    assert_eq!(
        resent.iter().map(|found| found.1).collect::<Vec<_>>(),
        [2],
        "the second before the switch is over"
    );
}

#[test]
fn key_frame_requests_repeat_while_somebody_waits_and_never_come_closer_than_300_ms() {
    let mut world = World::new();
    let mut publisher = world.publisher(1, "room");
    world.show("room", 1);
    let mut viewer = world.viewer(2, "room");
    let mut requests = Vec::new();
    for step in 0..300u64 {
        world.now += 10 * MILLISECOND;
        if world.now >= world.relay.next_wakeup() {
            world.relay.tick(world.now, &mut world.sent);
        }
        if step == 200 {
            world.publish(&mut publisher, FIRST, true);
            world.end_batch();
        }
        let feedback = world.receive(&mut publisher).1;
        requests.extend(feedback.iter().filter(|kind| **kind == "pli").map(|_| step));
    }
    assert!(requests.len() >= 5, "{requests:?}");
    assert!(
        requests.windows(2).all(|pair| pair[1] - pair[0] >= 30),
        "{requests:?}"
    );
    assert!(requests.iter().all(|step| *step <= 200), "{requests:?}");
    assert_eq!(world.receive(&mut viewer).0.len(), 1);
}

#[test]
fn garbage_of_any_kind_is_dropped_without_a_trace_but_a_count() {
    let mut world = World::new();
    let mut publisher = world.publisher(1, "room");
    world.show("room", 1);
    let mut viewer = world.viewer(2, "room");
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let bytes = proptest::collection::vec(any::<u8>(), 0..200);
    for _ in 0..5000 {
        let mut datagram = bytes.new_tree(&mut runner).unwrap().current();
        world.relay.datagram(
            world.now,
            (0, publisher.address),
            &mut datagram,
            &mut world.sent,
        );
    }
    world.end_batch();
    assert!(world.receive(&mut viewer).0.is_empty());
    world.publish(&mut publisher, FIRST, true);
    world.end_batch();
    assert_eq!(world.receive(&mut viewer).0.len(), 1);
    let dropped = world.relay.snapshot(world.now).dropped;
    assert!(
        dropped.srtp_auth > 500 && dropped.other > 500,
        "{dropped:?}"
    );
    assert!(
        world
            .sent
            .events
            .iter()
            .all(|event| !matches!(event, Event::ConsentLost(_)))
    );
}
