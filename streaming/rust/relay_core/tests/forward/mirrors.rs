//! One room on several workers, wired in memory: what one relay's publisher sends, the viewers of the others get as if it were theirs.

use std::collections::BTreeSet;

use relay_core::forward::{Command, FeedItem, MILLISECOND, PublicationId, SECOND, SessionId, Slot};
use relay_core::rtcp::{Pli, ReceiverReport};

use super::world::{Client, FIRST, World, camera, program};

/// The relays of one engine.
pub struct Workers(pub Vec<World>);

impl Workers {
    pub fn new(count: usize) -> Self {
        Self(
            (0..count)
                .map(|index| World::worker(index, count))
                .collect(),
        )
    }

    /// Carries updates until none are left; every relay ends a batch where it got some.
    pub fn settle(&mut self) {
        loop {
            let mut is_quiet = true;
            for from in 0..self.0.len() {
                self.0[from].end_batch();
                for (to, update) in std::mem::take(&mut self.0[from].sent.updates) {
                    is_quiet = false;
                    assert_ne!(from, to, "nobody talks to itself");
                    let World {
                        relay, sent, now, ..
                    } = &mut self.0[to];
                    relay.update(*now, from, update.as_update(), sent);
                }
            }
            if is_quiet {
                return;
            }
        }
    }

    fn publisher(&mut self, worker: usize, number: u64, room: &str) -> Client {
        let client = self.0[worker].publisher(number, room);
        for (index, world) in self.0.iter_mut().enumerate() {
            if index != worker {
                world.command(Command::Mirror {
                    publication: PublicationId(number),
                    session: client.session,
                    worker,
                    room: room.into(),
                    spec: camera(number),
                });
            }
        }
        client
    }

    fn show(&mut self, room: &str, slot: Slot, publication: Option<u64>) {
        for world in &mut self.0 {
            let publication = publication.map(PublicationId);
            world.command(Command::SetSlot(room.into(), slot, publication));
        }
        self.settle();
    }

    pub fn advance(&mut self, nanos: u64) {
        for world in &mut self.0 {
            world.now += nanos;
            world.relay.tick(world.now, &mut world.sent);
        }
        self.settle();
    }

    fn plis(&mut self, worker: usize, publisher: &mut Client) -> usize {
        let kinds = self.0[worker].receive(publisher).1;
        kinds.iter().filter(|kind| **kind == "pli").count()
    }
}

fn numbers(media: &[(relay_core::rtp::Header, u64, u64)]) -> Vec<u64> {
    media.iter().map(|found| found.2).collect()
}

#[test]
fn a_frame_reaches_the_viewers_of_every_worker() {
    let mut workers = Workers::new(3);
    let mut publisher = workers.publisher(1, 1, "room");
    workers.show("room", program(), Some(1));
    let mut viewers = [0, 1, 2].map(|worker| workers.0[worker].viewer(10 + worker as u64, "room"));
    workers.settle();
    assert_eq!(
        workers.plis(1, &mut publisher),
        1,
        "all wishes are one request"
    );
    for number in 0..20 {
        workers.0[1].publish(&mut publisher, FIRST + number, number == 0);
    }
    workers.settle();
    for (worker, viewer) in viewers.iter_mut().enumerate() {
        let media = workers.0[worker].receive(viewer).0;
        assert_eq!(numbers(&media), (FIRST..FIRST + 20).collect::<Vec<_>>());
        assert!(
            media
                .windows(2)
                .all(|pair| pair[1].0.sequence == pair[0].0.sequence + 1)
        );
        assert!(
            media
                .windows(2)
                .all(|pair| pair[1].0.timestamp == pair[0].0.timestamp + 3000)
        );
    }
}

#[test]
fn a_mirror_answers_nack_by_itself() {
    let mut workers = Workers::new(2);
    let mut publisher = workers.publisher(0, 1, "room");
    workers.show("room", program(), Some(1));
    let mut viewer = workers.0[1].viewer(9, "room");
    workers.settle();
    for number in 0..5 {
        workers.0[0].publish(&mut publisher, FIRST + number, number == 0);
    }
    workers.settle();
    let media = workers.0[1].receive(&mut viewer).0;
    workers.0[1].nack(&mut viewer, &[media[3].0.sequence]);
    assert!(workers.0[1].sent.updates.is_empty());
    let resent = workers.0[1].receive(&mut viewer).0;
    assert_eq!((resent[0].0.ssrc, resent[0].2), (112, FIRST + 3));
}

#[test]
fn a_late_repair_reaches_a_mirror_in_its_place() {
    let mut workers = Workers::new(2);
    let mut publisher = workers.publisher(0, 1, "room");
    workers.show("room", program(), Some(1));
    let mut viewer = workers.0[1].viewer(9, "room");
    workers.settle();
    for number in [0, 1, 3, 4, 2, 2, 5] {
        workers.0[0].publish(&mut publisher, FIRST + number, number == 0);
        workers.settle();
    }
    let media = workers.0[1].receive(&mut viewer).0;
    assert_eq!(
        numbers(&media),
        [0, 1, 3, 4, 2, 5].map(|number| FIRST + number)
    );
    let base = media[0].0.sequence;
    assert_eq!(media[4].0.sequence, base + 2);
}

#[test]
fn a_picture_loss_goes_to_the_owner_and_repeats_until_a_key_frame_came() {
    let mut workers = Workers::new(2);
    let mut publisher = workers.publisher(0, 1, "room");
    workers.show("room", program(), Some(1));
    let mut viewer = workers.0[1].viewer(9, "room");
    workers.settle();
    workers.0[0].publish(&mut publisher, FIRST, true);
    workers.settle();
    workers.plis(0, &mut publisher);
    workers.advance(SECOND);
    let mut compound = Vec::new();
    ReceiverReport::write(&mut compound, 1, &[]);
    Pli {
        sender_ssrc: 1,
        media_ssrc: 111,
    }
    .write(&mut compound);
    viewer.sending.protect_rtcp(&mut compound).unwrap();
    let World {
        relay, sent, now, ..
    } = &mut workers.0[1];
    relay.datagram(*now, (0, viewer.address), &mut compound, sent);
    workers.settle();
    assert_eq!(workers.plis(0, &mut publisher), 1);
    let mut repeated = 0;
    for _ in 0..100 {
        workers.advance(10 * MILLISECOND);
        repeated += workers.plis(0, &mut publisher);
    }
    assert_eq!(repeated, 2);
    workers.0[0].publish(&mut publisher, FIRST + 1, true);
    workers.settle();
    workers.advance(SECOND);
    assert_eq!(workers.plis(0, &mut publisher), 0);
}

#[test]
fn nobody_is_sent_what_nobody_watches() {
    let mut workers = Workers::new(3);
    let mut publisher = workers.publisher(0, 1, "room");
    workers.show("room", program(), Some(1));
    let viewer = workers.0[1].viewer(9, "room");
    workers.settle();
    let mut told = |workers: &mut Workers, number: u64| {
        workers.0[0].publish(&mut publisher, FIRST + number, true);
        let told: BTreeSet<_> = workers.0[0]
            .sent
            .updates
            .iter()
            .map(|update| update.0)
            .collect();
        workers.settle();
        told
    };
    assert_eq!(told(&mut workers, 0), BTreeSet::from([1]));
    workers.show("room", program(), None);
    assert_eq!(told(&mut workers, 1), BTreeSet::new());
    workers.show("room", program(), Some(1));
    assert_eq!(told(&mut workers, 2), BTreeSet::from([1]));
    workers.0[1].command(Command::CloseSession(viewer.session));
    workers.settle();
    assert_eq!(told(&mut workers, 3), BTreeSet::new());
}

#[test]
fn a_slot_that_changes_between_owners_goes_on_for_viewers_everywhere() {
    let mut workers = Workers::new(2);
    let mut publishers = [
        workers.publisher(0, 1, "room"),
        workers.publisher(1, 2, "room"),
    ];
    let mut viewers = [0, 1].map(|worker| workers.0[worker].viewer(10 + worker as u64, "room"));
    let mut next = FIRST;
    for round in 0..6 {
        workers.show("room", program(), Some(1 + round % 2));
        for step in 0..4 {
            next += 1;
            for (worker, publisher) in publishers.iter_mut().enumerate() {
                workers.0[worker].publish(publisher, next, step == 1);
            }
            workers.settle();
        }
        workers.advance(100 * MILLISECOND);
    }
    for (worker, viewer) in viewers.iter_mut().enumerate() {
        let media = workers.0[worker].receive(viewer).0;
        // Where the new owner's packets are cached they are shown at once, elsewhere from the next key frame on.
        assert!(media.len() >= 18, "{}", media.len());
        assert!(
            media
                .windows(2)
                .all(|pair| pair[1].0.sequence == pair[0].0.sequence + 1)
        );
        let mut sources: Vec<_> = media.iter().map(|found| found.1).collect();
        sources.dedup();
        assert_eq!(sources, [1, 2, 1, 2, 1, 2]);
    }
}

#[test]
fn a_publication_that_ends_leaves_no_mirror_and_its_number_no_trace() {
    let mut workers = Workers::new(2);
    let mut publisher = workers.publisher(0, 1, "room");
    workers.show("room", program(), Some(1));
    let mut viewer = workers.0[1].viewer(9, "room");
    workers.settle();
    workers.0[0].publish(&mut publisher, FIRST, true);
    workers.settle();
    assert_eq!(workers.0[1].receive(&mut viewer).0.len(), 1);
    for world in &mut workers.0 {
        world.command(Command::Unpublish(PublicationId(1)));
    }
    workers.0[0].publish(&mut publisher, FIRST + 1, true);
    workers.settle();
    assert!(workers.0[1].receive(&mut viewer).0.is_empty());
    for world in &workers.0 {
        assert!(world.relay.snapshot(world.now).publications.is_empty());
    }
}

#[test]
fn a_mirror_shows_its_publication_in_its_own_room_only() {
    let mut workers = Workers::new(2);
    let mut publisher = workers.publisher(0, 1, "one");
    workers.show("one", program(), Some(1));
    workers.show("two", program(), Some(1));
    let mut here = workers.0[1].viewer(8, "one");
    let mut there = workers.0[1].viewer(9, "two");
    workers.settle();
    for number in 0..10 {
        workers.0[0].publish(&mut publisher, FIRST + number, number == 0);
    }
    workers.settle();
    assert_eq!(workers.0[1].receive(&mut here).0.len(), 10);
    assert_eq!(workers.0[1].receive(&mut there), (vec![], vec![]));
}

#[test]
fn what_was_lost_between_workers_is_a_wait_for_a_key_frame_and_no_gap() {
    let mut workers = Workers::new(2);
    let mut publisher = workers.publisher(0, 1, "room");
    workers.show("room", program(), Some(1));
    let mut viewer = workers.0[1].viewer(9, "room");
    workers.settle();
    for number in 0..9 {
        workers.0[0].publish(&mut publisher, FIRST + number, number == 0 || number == 7);
        if (3..6).contains(&number) {
            workers.0[0].end_batch();
            let updates = std::mem::take(&mut workers.0[0].sent.updates);
            assert_eq!(updates.len(), 1);
            let World {
                relay, sent, now, ..
            } = &mut workers.0[1];
            relay.update(
                *now,
                0,
                relay_core::forward::Update::Lost(PublicationId(1)),
                sent,
            );
        }
        workers.settle();
    }
    let media = workers.0[1].receive(&mut viewer).0;
    assert_eq!(
        numbers(&media),
        [0, 1, 2, 7, 8].map(|number| FIRST + number)
    );
    assert!(
        media
            .windows(2)
            .all(|pair| pair[1].0.sequence == pair[0].0.sequence + 1)
    );
}

#[test]
fn the_recorder_of_a_room_is_fed_by_its_home_whoever_owns_the_publication() {
    let mut workers = Workers::new(2);
    let mut publisher = workers.publisher(0, 1, "room");
    workers.show("room", program(), Some(1));
    workers.0[1].command(Command::SetRecording("room".into(), Some("r".into())));
    workers.settle();
    assert_eq!(
        workers.plis(0, &mut publisher),
        1,
        "the recorder needs a key frame"
    );
    for number in 0..3 {
        workers.0[0].publish(&mut publisher, FIRST + number, number == 0);
    }
    workers.settle();
    assert!(workers.0[0].sent.fed.is_empty());
    let packets: Vec<_> = workers.0[1]
        .sent
        .fed
        .iter()
        .filter_map(|item| match item {
            FeedItem::Packet {
                packet, is_entry, ..
            } => Some((packet[1], *is_entry)),
            _ => None,
        })
        .collect();
    assert_eq!(
        packets,
        [(0x80 | 102, true), (0x80 | 102, false), (0x80 | 102, false)]
    );
    workers.0[1].command(Command::SetRecording("room".into(), None));
    workers.settle();
    workers.0[0].publish(&mut publisher, FIRST + 3, true);
    assert!(workers.0[0].sent.updates.is_empty());
}

#[test]
fn a_path_proved_elsewhere_is_forgotten_here() {
    let mut workers = Workers::new(2);
    let mut publisher = workers.publisher(0, 1, "room");
    workers.show("room", program(), Some(1));
    workers.0[0].relay.forget_path((0, publisher.address));
    workers.0[0].publish(&mut publisher, FIRST, true);
    workers.settle();
    let snapshot = workers.0[0].relay.snapshot(workers.0[0].now);
    assert_eq!(snapshot.dropped.unknown_source, 1);
    workers.0[0].command(Command::CloseSession(SessionId(1)));
}

#[test]
fn a_mirror_shows_newcomers_its_own_cached_group() {
    let mut workers = Workers::new(2);
    let mut publisher = workers.publisher(0, 1, "room");
    workers.show("room", program(), Some(1));
    workers.0[1].viewer(9, "room");
    workers.settle();
    workers.0[0].receive(&mut publisher);
    for number in 0..10 {
        workers.0[0].publish(&mut publisher, FIRST + number, number == 0);
        workers.settle();
    }
    let mut late = workers.0[1].viewer(10, "room");
    workers.settle();
    assert_eq!(workers.0[1].receive(&mut late).0.len(), 10);
    let feedback = workers.0[0].receive(&mut publisher).1;
    assert!(!feedback.contains(&"pli"), "{feedback:?}");
}
