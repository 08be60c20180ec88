//! What strangers, confused publishers and greedy viewers get: nothing that anybody else would notice.

use proptest::prelude::*;
use proptest::strategy::ValueTree;
use relay_core::forward::{Event, MILLISECOND, SECOND};

use crate::world::{FIRST, World};

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

#[test]
fn payload_types_that_were_not_negotiated_are_dropped_and_counted_on_any_ssrc() {
    let mut world = World::new();
    let mut publisher = world.publisher(1, "room");
    world.show("room", 1);
    let mut viewer = world.viewer(2, "room");
    world.publish(&mut publisher, FIRST, true);
    world.end_batch();
    assert_eq!(world.receive(&mut viewer).0.len(), 1);
    // 1 is the media SSRC, 1001 the one of its retransmissions; 102 and 103 are their types.
    for (number, (ssrc, payload_type)) in [(1, 96), (1, 103), (1001, 102), (1001, 96), (7, 96)]
        .into_iter()
        .enumerate()
    {
        world.publish_as(
            &mut publisher,
            FIRST + 1 + number as u64,
            (ssrc, payload_type),
            true,
        );
    }
    world.end_batch();
    assert!(world.receive(&mut viewer).0.is_empty());
    assert_eq!(world.relay.snapshot(world.now).dropped.unknown_ssrc, 5);
}

#[test]
fn a_viewer_gets_at_most_1024_packets_again_within_a_second() {
    let mut world = World::new();
    let mut publisher = world.publisher(1, "room");
    world.show("room", 1);
    let mut viewer = world.viewer(2, "room");
    for number in 0..1000 {
        world.publish(&mut publisher, FIRST + number, number == 0);
    }
    world.end_batch();
    let sent = world.receive(&mut viewer).0;
    let all: Vec<_> = sent.iter().map(|found| found.0.sequence).collect();
    let mut resent = Vec::new();
    for pause in [0, 300 * MILLISECOND, 300 * MILLISECOND, SECOND] {
        world.now += pause;
        world.nack(&mut viewer, &all);
        resent.push(world.receive(&mut viewer).0.len());
    }
    assert_eq!(resent, [1000, 24, 0, 1000]);
}
