//! No packet of one room ever reaches another, whoever claims which address, name or number, and whatever order Python says things in.

use std::collections::HashMap;
use std::net::SocketAddr;

use proptest::prelude::*;
use relay_core::forward::{Command, MILLISECOND, PublicationId, SECOND, SessionId, SessionKeys};
use relay_core::srtp::{Profile, SrtpContext};

use crate::world::{Client, FIRST, OwnedUpdate, PASSWORD, World, camera, output, program};

const ROOMS: [&str; 3] = ["one", "two", "one "];
const WORKERS: usize = 2;
/// All publishers send on the same SSRC.
const SSRC: u32 = 7;

struct Member {
    client: Client,
    ufrag: String,
    room: usize,
    worker: usize,
    next: u64,
    is_publisher: bool,
}

/// Rooms over several workers, their members, and a wire on which everybody hears what was sent to his address.
struct House {
    workers: Vec<World>,
    members: HashMap<u64, Member>,
    rooms_of: HashMap<u64, usize>,
    last: u64,
    heard: usize,
}

impl House {
    fn new() -> Self {
        Self {
            workers: (0..WORKERS)
                .map(|index| World::worker(index, WORKERS))
                .collect(),
            members: HashMap::new(),
            rooms_of: HashMap::new(),
            last: 0,
            heard: 0,
        }
    }

    fn everywhere(&mut self, command: impl Fn() -> Command) {
        for world in &mut self.workers {
            world.command(command());
        }
    }

    /// A new session under a name and at an address that others may have, too. Its keys are its own.
    fn enter(&mut self, room: usize, ufrag: &str, port: u16, is_publisher: bool) {
        self.last += 1;
        let (number, worker) = (self.last, (self.last % 2) as usize);
        let session = SessionId(number);
        let world = &mut self.workers[worker];
        world.command(Command::AddSession {
            session,
            room: ROOMS[room].into(),
            ufrag: ufrag.into(),
            pwd: PASSWORD.into(),
        });
        let address = SocketAddr::from(([127, 0, 0, 1], port));
        let material = |direction: u8| {
            let mut material = vec![direction; 28];
            material[..8].copy_from_slice(&number.to_be_bytes());
            material
        };
        let keys = SessionKeys {
            profile: Profile::AeadAes128Gcm,
            local: material(1),
            remote: material(2),
        };
        let context = |material: &[u8]| {
            SrtpContext::from_keying_material(Profile::AeadAes128Gcm, material).unwrap()
        };
        let client = Client {
            session,
            address,
            sending: context(&keys.remote),
            receiving: context(&keys.local),
        };
        let command = if is_publisher {
            let mut spec = camera(number);
            (spec.ssrc, spec.rtx_ssrc) = (vec![SSRC], vec![]);
            Command::Publish(session, PublicationId(number), spec)
        } else {
            Command::Subscribe(session, vec![output()])
        };
        world.command(command);
        world.command(Command::SetKeys(session, keys));
        if is_publisher {
            for (index, world) in self.workers.iter_mut().enumerate() {
                let mut spec = camera(number);
                (spec.ssrc, spec.rtx_ssrc) = (vec![SSRC], vec![]);
                if index != worker {
                    world.command(Command::Mirror {
                        publication: PublicationId(number),
                        session,
                        worker,
                        room: ROOMS[room].into(),
                        spec,
                    });
                }
            }
        }
        self.rooms_of.insert(number, room);
        let member = Member {
            client,
            ufrag: ufrag.into(),
            room,
            worker,
            next: FIRST,
            is_publisher,
        };
        self.members.insert(number, member);
        self.check(number, port);
    }

    /// A nominating check from any address; the router hands it to the worker that knows the name, the others forget the path.
    fn check(&mut self, number: u64, port: u16) {
        let Some(member) = self.members.get_mut(&number) else {
            return;
        };
        member.client.address.set_port(port);
        let (address, worker) = (member.client.address, member.worker);
        let ufrag = member.ufrag.clone();
        self.workers[worker].check(address, &ufrag);
        for (index, world) in self.workers.iter_mut().enumerate() {
            if index != worker {
                world.relay.forget_path((0, address));
            }
        }
    }

    fn send(&mut self, number: u64, is_key: bool) {
        let Some(member) = self.members.get_mut(&number) else {
            return;
        };
        member.next += 1;
        let (worker, next) = (member.worker, member.next);
        let world = &mut self.workers[worker];
        world.publish_as(&mut member.client, next, (SSRC, 102), is_key);
    }

    fn leave(&mut self, number: u64) {
        if let Some(member) = self.members.remove(&number) {
            self.workers[member.worker].command(Command::CloseSession(SessionId(number)));
            self.everywhere(|| Command::Unpublish(PublicationId(number)));
        }
    }

    fn settle(&mut self) {
        loop {
            let mut updates = Vec::new();
            for (from, world) in self.workers.iter_mut().enumerate() {
                world.end_batch();
                let sent = std::mem::take(&mut world.sent.updates);
                updates.extend(sent.into_iter().map(|(to, update)| (from, to, update)));
            }
            if updates.is_empty() {
                return;
            }
            for (from, to, update) in updates {
                let World {
                    relay, sent, now, ..
                } = &mut self.workers[to];
                relay.update(*now, from, OwnedUpdate::as_update(&update), sent);
            }
        }
    }

    /// Everybody tries every packet that was sent to anybody: it opens for members of the publisher's room alone.
    fn listen(&mut self) {
        for world in &mut self.workers {
            for (_, bytes) in std::mem::take(&mut world.sent.datagrams) {
                if bytes[0] < 128 || (192..=223).contains(&bytes[1]) {
                    continue;
                }
                for member in self.members.values_mut() {
                    let mut plain = bytes.clone();
                    let Ok(opened) = member.client.receiving.unprotect_rtp(&mut plain) else {
                        continue;
                    };
                    let payload = &plain[opened.header.payload()];
                    let publisher = u64::from_be_bytes(payload[2..10].try_into().unwrap());
                    assert_eq!(self.rooms_of[&publisher], member.room);
                    assert!(!member.is_publisher);
                    self.heard += 1;
                }
            }
        }
    }
}

#[derive(Debug, Clone)]
enum Step {
    Enter(usize, usize, u16, bool),
    Leave(u64),
    TakeOver(u64, u16),
    Show(usize, u64),
    Restart(u64, usize),
    Send(u64, bool),
    Wait(u64),
}

/// Names that contain, begin or end with each other.
const UFRAGS: [&str; 5] = ["u", "u:u", "uu", "U", ""];

fn step() -> impl Strategy<Value = Step> {
    let port = 10_000u16..10_004;
    let who = 1u64..14;
    prop_oneof![
        2 => (0..ROOMS.len(), 0..UFRAGS.len(), port.clone(), any::<bool>())
            .prop_map(|(room, ufrag, port, publishes)| Step::Enter(room, ufrag, port, publishes)),
        1 => who.clone().prop_map(Step::Leave),
        2 => (who.clone(), port).prop_map(|(who, port)| Step::TakeOver(who, port)),
        3 => (0..ROOMS.len(), who.clone()).prop_map(|(room, who)| Step::Show(room, who)),
        1 => (who.clone(), 0..UFRAGS.len()).prop_map(|(who, ufrag)| Step::Restart(who, ufrag)),
        8 => (who, any::<bool>()).prop_map(|(who, is_key)| Step::Send(who, is_key)),
        1 => (0u64..9000).prop_map(Step::Wait),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_packet_of_one_room_opens_in_another(steps in proptest::collection::vec(step(), 1..120)) {
        let mut house = House::new();
        // A room at work, so that there is something to overhear.
        house.enter(0, "honest-publisher", 9_001, true);
        house.enter(0, "honest-viewer", 9_002, false);
        house.everywhere(|| Command::SetSlot("one".into(), program(), Some(PublicationId(1))));
        for step in steps {
            match step {
                Step::Enter(room, ufrag, port, publishes) => house.enter(room, UFRAGS[ufrag], port, publishes),
                Step::Leave(who) => house.leave(who),
                Step::TakeOver(who, port) => house.check(who, port),
                Step::Show(room, who) => house.everywhere(|| {
                    Command::SetSlot(ROOMS[room].into(), program(), Some(PublicationId(who)))
                }),
                Step::Restart(who, ufrag) => {
                    if let Some(member) = house.members.get_mut(&who) {
                        member.ufrag = UFRAGS[ufrag].into();
                        let command = Command::RestartIce(SessionId(who), member.ufrag.clone(), PASSWORD.into());
                        house.workers[member.worker].command(command);
                    }
                }
                Step::Send(who, is_key) => house.send(who, is_key),
                Step::Wait(millis) => {
                    for world in &mut house.workers {
                        world.now += millis * MILLISECOND;
                        world.relay.tick(world.now, &mut world.sent);
                    }
                }
            }
            house.settle();
            house.listen();
        }
    }
}

#[test]
fn the_house_of_the_property_does_carry_media_within_a_room() {
    let mut house = House::new();
    house.enter(0, "p", 9_001, true);
    house.enter(0, "v", 9_002, false);
    house.enter(1, "w", 9_003, false);
    house.everywhere(|| Command::SetSlot("one".into(), program(), Some(PublicationId(1))));
    house.settle();
    for count in 0..10 {
        house.send(1, count == 0);
        house.settle();
    }
    house.listen();
    assert_eq!(house.heard, 10);
}

#[test]
fn a_slot_that_was_promised_a_publication_before_it_came_does_not_show_it_from_another_room() {
    let mut world = World::new();
    let mut there = world.viewer(3, "two");
    world.show("two", 1);
    let mut publisher = world.publisher(1, "one");
    world.show("one", 1);
    for number in 0..5 {
        world.publish(&mut publisher, FIRST + number, number == 0);
    }
    world.end_batch();
    // A newcomer of the other room would be shown the cached group of pictures.
    let mut late = world.viewer(4, "two");
    world.now += 10 * MILLISECOND;
    world.relay.tick(world.now, &mut world.sent);
    world.end_batch();
    assert_eq!(world.receive(&mut there).0, vec![]);
    assert_eq!(world.receive(&mut late).0, vec![]);
}

#[test]
fn an_address_taken_over_by_another_session_brings_its_old_owner_nothing_but_his_own() {
    let mut world = World::new();
    let mut publisher = world.publisher(1, "one");
    let mut viewer = world.viewer(2, "one");
    let mut thief = world.viewer(3, "two");
    world.show("one", 1);
    world.publish(&mut publisher, FIRST, true);
    world.end_batch();
    assert_eq!(world.receive(&mut viewer).0.len(), 1);
    // The thief proves the publisher's address his own; what the publisher sends is now nobody's.
    thief.address = publisher.address;
    world.check(publisher.address, "ufrag3");
    world.publish(&mut publisher, FIRST + 1, true);
    world.end_batch();
    assert!(world.receive(&mut viewer).0.is_empty());
    assert_eq!(world.relay.snapshot(world.now).dropped.srtp_auth, 1);
    // The publisher's next check takes it back.
    world.now += SECOND;
    world.check(publisher.address, "ufrag1");
    world.publish(&mut publisher, FIRST + 2, true);
    world.end_batch();
    assert_eq!(world.receive(&mut viewer).0.len(), 1);
}
