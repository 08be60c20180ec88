//! A shared screen on which nothing moves: a frame each 5 s and an answer to picture loss is all its publisher sends.

use relay_core::forward::{
    Command, Event, MILLISECOND, Nanos, PublicationId, PublicationSpec, SECOND,
};
use relay_core::rtcp::{SenderInfo, SenderReport, ntp};

use super::world::{Client, FIRST, World, camera};

const FRAME: Nanos = 5 * SECOND;

/// The publisher and what it does by itself; `answers_after` is how many requests it loses before it answers one.
struct Screen {
    client: Client,
    number: u64,
    next_frame: Nanos,
    next_report: Nanos,
    asked: Vec<Nanos>,
    loses: usize,
}

impl Screen {
    fn share(world: &mut World) -> Self {
        let client = world.connect(1, "room");
        let spec = PublicationSpec {
            source: "screen".into(),
            ..camera(1)
        };
        world.command(Command::Publish(client.session, PublicationId(1), spec));
        world.show("room", 1);
        Self {
            client,
            number: FIRST,
            next_frame: world.now,
            next_report: world.now,
            asked: Vec::new(),
            loses: 0,
        }
    }

    /// Lets time pass; the publisher sends its frames and reports and answers a request after 60 ms.
    fn pass(&mut self, world: &mut World, duration: Nanos) {
        let end = world.now + duration;
        let mut answer_at = None;
        while world.now < end {
            world.now += 10 * MILLISECOND;
            let is_frame_due = world.now >= self.next_frame;
            let is_answer = answer_at.is_some_and(|at| world.now >= at);
            if is_frame_due || is_answer {
                self.frame(world, is_answer || self.number == FIRST);
                answer_at = answer_at.filter(|_| !is_answer);
            }
            if world.now >= self.next_report {
                self.report(world);
            }
            world.relay.tick(world.now, &mut world.sent);
            world.end_batch();
            for _ in world
                .receive(&mut self.client)
                .1
                .iter()
                .filter(|kind| **kind == "pli")
            {
                self.asked.push(world.now);
                if self.loses > 0 {
                    self.loses -= 1;
                } else {
                    answer_at.get_or_insert(world.now + 60 * MILLISECOND);
                }
            }
        }
    }

    fn frame(&mut self, world: &mut World, is_key: bool) {
        let timestamp = (world.now / (SECOND / 90_000)) as u32;
        world.publish_at(&mut self.client, (self.number, timestamp), is_key);
        self.number += 1;
        self.next_frame = world.now + FRAME;
    }

    fn report(&mut self, world: &mut World) {
        self.next_report = world.now + SECOND;
        let info = SenderInfo {
            ssrc: 1,
            ntp: ntp::from_unix_nanos(1_790_000_000 * SECOND + world.now),
            rtp_timestamp: (world.now / (SECOND / 90_000)) as u32,
            packet_count: 1,
            octet_count: 1,
        };
        let mut compound = Vec::new();
        SenderReport::write(&mut compound, &info, &[]);
        self.client.sending.protect_rtcp(&mut compound).unwrap();
        let (relay, sent) = (&mut world.relay, &mut world.sent);
        relay.datagram(world.now, (0, self.client.address), &mut compound, sent);
        world.check(self.client.address, "ufrag1");
    }
}

fn stalls(world: &World) -> usize {
    let is_stall = |event: &&Event| matches!(event, Event::PublicationStalled(..));
    world.sent.events.iter().filter(is_stall).count()
}

#[test]
fn a_static_screen_does_not_stall_until_its_publisher_falls_silent() {
    let mut world = World::new();
    let mut screen = Screen::share(&mut world);
    screen.pass(&mut world, 60 * SECOND);
    assert_eq!(stalls(&world), 0);
    for _ in 0..600 {
        world.now += 10 * MILLISECOND;
        world.relay.tick(world.now, &mut world.sent);
    }
    assert_eq!(stalls(&world), 1, "nothing at all for six seconds");
}

#[test]
fn who_comes_late_to_a_static_screen_gets_a_picture_within_200_ms() {
    let mut world = World::new();
    let mut screen = Screen::share(&mut world);
    // Enough frames that the cached group grows too long and too old, and short again after each answer.
    for late in 0..40 {
        let mut viewer = world.viewer(10 + late, "room");
        screen.pass(&mut world, 200 * MILLISECOND);
        assert!(!world.receive(&mut viewer).0.is_empty(), "viewer {late}");
        world.command(Command::CloseSession(viewer.session));
        screen.pass(&mut world, 12 * SECOND + late * 77 * MILLISECOND);
    }
    assert_eq!(stalls(&world), 0);
}

#[test]
fn a_request_that_is_lost_is_repeated_until_the_screen_answers() {
    let mut world = World::new();
    let mut screen = Screen::share(&mut world);
    screen.pass(&mut world, 21 * SECOND);
    screen.asked.clear();
    screen.loses = 5;
    world.command(Command::RequestKeyframe(PublicationId(1)));
    let before = screen.number;
    screen.pass(&mut world, 4 * SECOND);
    assert_eq!(screen.asked.len(), 6, "{:?}", screen.asked);
    assert!(screen.number > before);
    assert!(
        screen
            .asked
            .windows(2)
            .all(|pair| pair[1] - pair[0] <= SECOND)
    );
}
