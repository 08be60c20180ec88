//! Who comes late sees a picture at once, from the cache where that is young, and costs the publisher nothing.

use proptest::prelude::*;
use relay_core::forward::{MILLISECOND, Nanos, SECOND};

use super::world::{Client, FIRST, World};

const FRAME: Nanos = 33 * MILLISECOND;
/// In the world a number is a frame of its own: 3000 ticks.
const TICKS: u32 = 3000;

/// The RTP timestamp of what is captured now.
fn clock(now: Nanos) -> u32 {
    (now / (SECOND / 90_000)) as u32
}

/// Lets time pass as the engine would: ticks when they are due.
fn pass(world: &mut World, duration: Nanos) {
    let end = world.now + duration;
    while world.relay.next_wakeup() <= end {
        world.now = world.now.max(world.relay.next_wakeup());
        world.relay.tick(world.now, &mut world.sent);
        world.end_batch();
    }
    world.now = end;
}

fn frame(world: &mut World, publisher: &mut Client, number: u64, is_key: bool) {
    world.publish(publisher, number, is_key);
    world.end_batch();
    pass(world, FRAME);
}

fn requests(world: &mut World, publisher: &mut Client) -> usize {
    let feedback = world.receive(publisher).1;
    feedback.iter().filter(|kind| **kind == "pli").count()
}

#[test]
fn a_newcomer_sees_the_cached_group_at_once_squeezed_before_the_live_edge() {
    let mut world = World::new();
    let mut publisher = world.publisher(1, "room");
    world.show("room", 1);
    for number in 0..20 {
        frame(&mut world, &mut publisher, FIRST + number, number == 0);
    }
    world.receive(&mut publisher);
    let mut viewer = world.viewer(2, "room");
    pass(&mut world, 10 * MILLISECOND);
    let shown = world.receive(&mut viewer).0;
    let numbers: Vec<_> = shown.iter().map(|found| found.2).collect();
    assert_eq!(numbers, (FIRST..FIRST + 20).collect::<Vec<_>>());
    let span = shown[19].0.timestamp.wrapping_sub(shown[0].0.timestamp);
    assert!(span <= 90 * 25, "{span} ticks");
    for number in 20..25 {
        frame(&mut world, &mut publisher, FIRST + number, false);
    }
    let live = world.receive(&mut viewer).0;
    let all: Vec<_> = shown.iter().chain(&live).map(|found| found.0).collect();
    for pair in all.windows(2) {
        assert_eq!(pair[1].sequence, pair[0].sequence + 1);
        assert!(pair[1].timestamp.wrapping_sub(pair[0].timestamp) as i32 > 0);
    }
    let step = live[0].0.timestamp.wrapping_sub(shown[19].0.timestamp);
    assert_eq!(step, TICKS, "the live edge is where it was captured");
    assert_eq!(requests(&mut world, &mut publisher), 0);

    world.nack(&mut viewer, &[shown[0].0.sequence, shown[7].0.sequence]);
    let resent = world.receive(&mut viewer).0;
    let again = |index: usize| (112, shown[index].0.timestamp, FIRST + index as u64);
    assert_eq!(
        resent
            .iter()
            .map(|found| (found.0.ssrc, found.0.timestamp, found.2))
            .collect::<Vec<_>>(),
        [again(0), again(7)]
    );
}

#[test]
fn a_group_goes_out_in_portions_and_live_packets_wait_behind_it() {
    let mut world = World::new();
    let mut publisher = world.publisher(1, "room");
    world.show("room", 1);
    for number in 0..100 {
        world.publish(&mut publisher, FIRST + number, number == 0);
    }
    world.end_batch();
    let mut viewer = world.viewer(2, "room");
    let first = world.receive(&mut viewer).0.len();
    assert!((1..50).contains(&first), "{first} packets at once");
    world.publish(&mut publisher, FIRST + 100, false);
    world.end_batch();
    pass(&mut world, 30 * MILLISECOND);
    let rest = world.receive(&mut viewer).0;
    let numbers: Vec<_> = rest.iter().map(|found| found.2).collect();
    assert_eq!(
        numbers,
        (FIRST + first as u64..=FIRST + 100).collect::<Vec<_>>()
    );
}

#[test]
fn a_hundred_joins_in_a_second_cost_one_key_frame() {
    let mut world = World::new();
    let mut publisher = world.publisher(1, "room");
    world.show("room", 1);
    let mut number = FIRST;
    for _ in 0..60 {
        number += 1;
        frame(&mut world, &mut publisher, number, number == FIRST + 1);
    }
    world.receive(&mut publisher);
    let mut viewers = Vec::new();
    let (mut asked, mut answers) = (0, Vec::new());
    for step in 0..1000u64 {
        if step % 10 == 0 {
            viewers.push(world.viewer(100 + step / 10, "room"));
        }
        let found = requests(&mut world, &mut publisher);
        asked += found;
        answers.extend((0..found).map(|_| step + 60));
        // 333 packets a second, more than fit the cached group without a request.
        if step % 3 == 0 {
            number += 1;
            let is_key = answers.first().is_some_and(|at| *at <= step);
            if is_key {
                answers.remove(0);
            }
            world.publish(&mut publisher, number, is_key);
            world.end_batch();
        }
        pass(&mut world, MILLISECOND);
    }
    pass(&mut world, 100 * MILLISECOND);
    assert_eq!((viewers.len(), asked), (100, 1));
    for viewer in &mut viewers {
        let media = world.receive(viewer).0;
        assert_eq!(media.last().map(|found| found.2), Some(number));
        assert!(media.windows(2).all(|pair| pair[1].2 == pair[0].2 + 1));
    }
}

#[test]
fn an_old_group_is_not_shown_but_a_key_frame_asked_for() {
    let mut world = World::new();
    let mut publisher = world.publisher(1, "room");
    world.show("room", 1);
    for number in 0..50 {
        frame(&mut world, &mut publisher, FIRST + number, number == 0);
    }
    world.receive(&mut publisher);
    let mut viewer = world.viewer(2, "room");
    pass(&mut world, 10 * MILLISECOND);
    assert_eq!(world.receive(&mut viewer).0.len(), 0);
    assert_eq!(requests(&mut world, &mut publisher), 1);
}

#[test]
fn padding_within_the_group_leaves_no_gap() {
    let mut world = World::new();
    let mut publisher = world.publisher(1, "room");
    world.show("room", 1);
    for number in 0..10 {
        if number == 4 || number == 5 {
            world.probe(&mut publisher, FIRST + number);
        } else {
            world.publish(&mut publisher, FIRST + number, number == 0);
        }
    }
    world.end_batch();
    let mut viewer = world.viewer(2, "room");
    let media = world.receive(&mut viewer).0;
    assert_eq!(media.len(), 8);
    for pair in media.windows(2) {
        assert_eq!(pair[1].0.sequence, pair[0].0.sequence + 1);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    /// Joins and slot switches at arbitrary moments between two publishers, each at its own rate: whoever watches sees numbers
    /// without a gap, timestamps that grow with the frames, and every frame from its entry on exactly once.
    #[test]
    fn whoever_comes_whenever_sees_an_unbroken_line(
        steps in proptest::collection::vec((0u8..12, 0u64..40, 1u64..4), 1..120),
    ) {
        let mut world = World::new();
        let mut publishers = [world.publisher(1, "room"), world.publisher(2, "room")];
        let mut viewers = vec![world.viewer(10, "room")];
        let (mut next, mut captured) = ([FIRST, FIRST + 5000], [0; 2]);
        world.show("room", 1);
        for (action, wait, count) in steps {
            match action {
                0 => world.show("room", 1),
                1 => world.show("room", 2),
                2 if viewers.len() < 8 => viewers.push(world.viewer(10 + viewers.len() as u64, "room")),
                3 => next[0] += 1, // Lost.
                _ => {
                    let which = usize::from(action % 2);
                    for index in 0..count {
                        next[which] += 1;
                        captured[which] = clock(world.now).max(captured[which] + 1);
                        let packet = (next[which], captured[which]);
                        world.publish_at(&mut publishers[which], packet, action < 6 && index == 0);
                    }
                    world.end_batch();
                }
            }
            pass(&mut world, wait * MILLISECOND);
        }
        pass(&mut world, 100 * MILLISECOND);
        for viewer in &mut viewers {
            let media = world.receive(viewer).0;
            for pair in media.windows(2) {
                let (before, after) = (&pair[0], &pair[1]);
                let step = after.0.sequence - before.0.sequence;
                let lost_too = before.1 == after.1 && u64::from(step) == after.2.wrapping_sub(before.2);
                prop_assert!(step == 1 || lost_too, "{step}");
                prop_assert!(after.0.timestamp.wrapping_sub(before.0.timestamp) as i32 > 0);
            }
        }
    }
}

#[test]
fn a_static_screen_is_shown_at_once_however_old_its_last_frame() {
    let mut world = World::new();
    let mut publisher = world.publisher(1, "room");
    world.show("room", 1);
    for number in 0..6 {
        let timestamp = clock(world.now);
        world.publish_at(&mut publisher, (FIRST + number, timestamp), number == 0);
        world.end_batch();
        pass(&mut world, 5 * SECOND);
        world.check(publisher.address, "ufrag1");
    }
    let (before, mut viewer) = (clock(world.now), world.viewer(2, "room"));
    let shown = world.receive(&mut viewer).0;
    assert_eq!(shown.len(), 6);
    pass(&mut world, SECOND);
    let after = clock(world.now);
    world.publish_at(&mut publisher, (FIRST + 6, after), false);
    world.end_batch();
    let live = world.receive(&mut viewer).0;
    assert_eq!(live.len(), 1);
    // The old picture is told as new, or sound would wait for it.
    let told = live[0].0.timestamp.wrapping_sub(shown[5].0.timestamp);
    let spent = after.wrapping_sub(before);
    assert!((spent..spent + 90 * 210).contains(&told), "{told}");
}
