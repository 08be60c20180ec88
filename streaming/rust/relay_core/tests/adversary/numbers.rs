//! Whatever happens upstream, the numbers a viewer sees tell the truth: one number is one packet, they grow as the source does, and a
//! hole is a packet that the relay never got.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use relay_core::forward::{MILLISECOND, SECOND};

use crate::world::{Client, FIRST, World};

#[derive(Debug, Clone)]
enum Step {
    /// Publisher, how far from the newest number, key frame.
    Packet(usize, i64, bool),
    Probe(usize),
    Show(Option<u64>),
    Join,
    Wait(u64),
    EndBatch,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        10 => (0usize..2, -6i64..4, proptest::bool::weighted(0.15)).prop_map(|(who, offset, key)| Step::Packet(who, offset, key)),
        1 => (0usize..2).prop_map(Step::Probe),
        1 => proptest::option::of(1u64..3).prop_map(Step::Show),
        1 => Just(Step::Join),
        3 => (1u64..40).prop_map(Step::Wait),
        4 => Just(Step::EndBatch),
    ]
}

struct Source {
    client: Client,
    newest: u64,
    given: BTreeSet<u64>,
    probes: BTreeSet<u64>,
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_viewer_sees_an_honest_line(steps in proptest::collection::vec(step(), 1..250)) {
        let mut world = World::new();
        let mut sources: Vec<_> = (1..3).map(|number| Source {
            client: world.publisher(number, "room"), newest: FIRST, given: BTreeSet::new(), probes: BTreeSet::new(),
        }).collect();
        world.show("room", 1);
        let mut viewers = vec![(world.viewer(10, "room"), Vec::new())];
        for step in steps {
            match step {
                Step::Packet(who, offset, is_key) => {
                    let source = &mut sources[who];
                    let number = source.newest.saturating_add_signed(offset + 1).max(FIRST);
                    if source.probes.contains(&number) {
                        continue;
                    }
                    source.newest = source.newest.max(number);
                    source.given.insert(number);
                    world.publish(&mut source.client, number, is_key);
                }
                Step::Probe(who) => {
                    let source = &mut sources[who];
                    source.newest += 1;
                    source.probes.insert(source.newest);
                    world.probe(&mut source.client, source.newest);
                }
                Step::Show(Some(shown)) => world.show("room", shown),
                Step::Show(None) => {}
                Step::Join if viewers.len() < 4 => {
                    viewers.push((world.viewer(10 + viewers.len() as u64, "room"), Vec::new()));
                }
                Step::Join => {}
                Step::Wait(millis) => {
                    world.now += millis * MILLISECOND;
                    world.relay.tick(world.now, &mut world.sent);
                }
                Step::EndBatch => world.end_batch(),
            }
            for (viewer, media) in &mut viewers {
                media.extend(world.receive(viewer).0);
            }
        }
        for (_, media) in &viewers {
            let line: BTreeMap<_, _> = media.iter().map(|(header, source, number)| {
                (header.sequence, (*source, *number, header.timestamp))
            }).collect();
            prop_assert_eq!(line.len(), media.len(), "one number, one packet");
            for ((output, one), (next, two)) in line.iter().zip(line.iter().skip(1)) {
                // A frame that came late into a group shown again may share its neighbour's squeezed timestamp.
                prop_assert!(two.2.wrapping_sub(one.2) as i32 >= 0, "time goes on: {:?} {:?}", one, two);
                let hole = u64::from(next - output) - 1;
                if hole == 0 {
                    continue;
                }
                prop_assert_eq!(one.0, two.0, "a hole is never across a switch");
                let source = &sources[one.0 as usize - 1];
                let between = (one.1 + 1)..two.1;
                let probes = source.probes.range(between.clone()).count() as u64;
                // A hole may be filled later than the viewer can be told, never by another packet.
                prop_assert!(hole + probes >= two.1 - one.1 - 1, "{} {} {:?}", hole, probes, between);
                prop_assert!(hole < two.1 - one.1, "no hole without a missing packet");
            }
        }
    }
}

#[test]
fn a_gap_no_receiver_could_follow_is_a_new_start() {
    let mut world = World::new();
    let mut publisher = world.publisher(1, "room");
    world.show("room", 1);
    let mut viewer = world.viewer(2, "room");
    world.publish(&mut publisher, 1, true);
    world.end_batch();
    let before = world.receive(&mut viewer).0;
    // Within the first cycle of numbers the relay can tell where it is; a receiver whose numbers began elsewhere could not.
    world.publish(&mut publisher, 61_001, false);
    world.end_batch();
    assert!(world.receive(&mut viewer).0.is_empty(), "no key frame yet");
    world.now += SECOND;
    world.publish(&mut publisher, 61_002, true);
    world.publish(&mut publisher, 61_003, false);
    world.end_batch();
    let after = world.receive(&mut viewer).0;
    let numbers: Vec<_> = after.iter().map(|found| found.0.sequence).collect();
    let first = before[0].0.sequence + 1;
    assert_eq!(numbers, [first, first + 1]);
}
