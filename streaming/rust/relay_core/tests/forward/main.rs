//! The relay as a whole, without sockets: whatever the network does to the input, what viewers decrypt keeps its promises.

mod bandwidth;
mod hostile;
mod layers;
mod mirrors;
mod newcomers;
mod overload;
mod padding;
mod repairs;
mod static_screen;
mod voices;
mod world;

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use relay_core::forward::{Command, Event, MILLISECOND, SECOND};

use world::{FIRST, PASSWORD, World};

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
fn the_rollover_counter_goes_on_where_output_numbers_wrap() {
    let mut world = World::new();
    let mut publisher = world.publisher(1, "room");
    world.show("room", 1);
    let mut viewer = world.viewer(2, "room");
    for step in 0..200 {
        world.publish(&mut publisher, FIRST + 1000 * step, step == 0);
        world.end_batch();
    }
    let media = world.receive(&mut viewer).0;
    let numbers: Vec<_> = media.iter().map(|found| found.2).collect();
    assert_eq!(
        numbers,
        (0..200).map(|step| FIRST + 1000 * step).collect::<Vec<_>>()
    );
    let wraps = media
        .windows(2)
        .filter(|pair| pair[1].0.sequence < pair[0].0.sequence)
        .count();
    assert_eq!(wraps, 3);
}

#[test]
fn a_viewer_that_comes_back_after_an_outage_goes_on_with_its_keys_and_numbers() {
    let mut world = World::new();
    let mut publisher = world.publisher(1, "room");
    world.show("room", 1);
    let mut viewer = world.viewer(2, "room");
    world.publish(&mut publisher, FIRST, true);
    world.end_batch();
    let before = world.receive(&mut viewer).0;
    world.now += 50 * SECOND;
    world.relay.tick(world.now, &mut world.sent);
    world.check(publisher.address, "ufrag1");
    world.publish(&mut publisher, FIRST + 1, true);
    world.end_batch();
    assert!(world.receive(&mut viewer).0.is_empty(), "no consent");
    // ICE restart, and another network.
    let (ufrag, pwd) = ("restarted".to_owned(), PASSWORD.to_owned());
    world.command(Command::RestartIce(viewer.session, ufrag, pwd));
    viewer.address.set_port(20_000);
    world.check(viewer.address, "restarted");
    world.publish(&mut publisher, FIRST + 2, false);
    world.publish(&mut publisher, FIRST + 3, true);
    world.end_batch();
    let after = world.receive(&mut viewer).0;
    assert_eq!(
        after.iter().map(|found| found.2).collect::<Vec<_>>(),
        [FIRST + 1, FIRST + 2, FIRST + 3],
        "at once what is cached, then what comes"
    );
    assert_eq!(after[0].0.sequence, before[0].0.sequence + 1);
    assert_eq!(after[0].0.ssrc, before[0].0.ssrc);
}

#[test]
fn a_publisher_that_checks_once_and_then_only_sends_keeps_its_consent_until_it_stops() {
    let mut world = World::new();
    let mut publisher = world.publisher(1, "room");
    world.show("room", 1);
    let count = |world: &World, is: fn(&Event) -> bool| {
        world.sent.events.iter().filter(|event| is(event)).count()
    };
    let lost: fn(&Event) -> bool = |event| matches!(event, Event::ConsentLost(_));
    for second in 0..100 {
        world.publish(&mut publisher, FIRST + second, second == 0);
        world.end_batch();
        world.now += SECOND;
        world.relay.tick(world.now, &mut world.sent);
    }
    assert_eq!(count(&world, lost), 0);
    world.now += 7 * SECOND;
    world.relay.tick(world.now, &mut world.sent);
    assert_eq!(count(&world, lost), 1);
    world.publish(&mut publisher, FIRST + 100, false);
    world.end_batch();
    let regained = |event: &Event| matches!(event, Event::ConsentRegained(_));
    assert_eq!(count(&world, regained), 1);
    assert_eq!(count(&world, |event| matches!(event, Event::Expired(_))), 0);
}

#[test]
fn totals_keep_what_went_and_never_go_back() {
    let mut world = World::new();
    let mut publisher = world.publisher(1, "room");
    world.show("room", 1);
    let mut viewer = world.viewer(2, "room");
    for number in 0..10 {
        world.publish(&mut publisher, FIRST + number, number == 0);
    }
    world.end_batch();
    let media = world.receive(&mut viewer).0;
    world.now += 100 * MILLISECOND;
    world.nack(&mut viewer, &[media[5].0.sequence]);
    let before = world.relay.snapshot(world.now).totals;
    assert_eq!((before.packets_in, before.keyframes), (10, 1));
    assert_eq!((before.packets_out, before.nack, before.rtx), (10, 1, 1));
    assert!(before.bytes_out > before.bytes_in && before.bytes_in > 0);
    world.command(Command::CloseSession(viewer.session));
    world.command(Command::CloseSession(publisher.session));
    let after = world.relay.snapshot(world.now);
    assert!(after.sessions.is_empty() && after.publications.is_empty());
    assert_eq!(after.totals, before);
}
