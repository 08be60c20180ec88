//! More to send than can be sent: each viewer gets whole groups of pictures, in turn; sound goes on; numbers have no holes.

use std::collections::BTreeMap;

use relay_core::forward::{
    Codec, Command, MILLISECOND, MediaKind, OutputPayload, PublicationId, SECOND, Slot,
};

use super::world::{Client, FIRST, World, camera, output, program};

const VIEWERS: u64 = 12;
const PACKETS: u64 = 3;

/// Frames of three packets at 30 a second; a key frame whenever one was asked for. Returns the numbers each viewer got, and the requests.
fn lecture(world: &mut World, room_for: Option<usize>, frames: u64) -> (Vec<Vec<u64>>, Vec<u64>) {
    let mut publisher = world.publisher(1, "room");
    world.show("room", 1);
    let mut viewers: Vec<Client> = (0..VIEWERS)
        .map(|number| world.viewer(10 + number, "room"))
        .collect();
    let mut got = vec![Vec::new(); viewers.len()];
    let (mut requests, mut next, mut is_wanted) = (Vec::new(), FIRST, true);
    for frame in 0..frames {
        world.now += 33 * MILLISECOND;
        world.sent.room_for = room_for;
        for packet in 0..PACKETS {
            let captured = (next, (frame as u32) * 3000);
            world.publish_at(&mut publisher, captured, is_wanted && packet == 0);
            next += 1;
        }
        is_wanted = false;
        world.end_batch();
        world.sent.room_for = None;
        world.relay.tick(world.now, &mut world.sent);
        if world.receive(&mut publisher).1.contains(&"pli") {
            requests.push(world.now);
            is_wanted = true;
        }
        if frame % 30 == 0 {
            world.check(publisher.address, "ufrag1");
            for number in 0..VIEWERS {
                world.check(
                    viewers[number as usize].address,
                    &format!("ufrag{}", 10 + number),
                );
            }
        }
        for (viewer, got) in viewers.iter_mut().zip(&mut got) {
            let media = world.receive(viewer).0;
            got.extend(media.iter().map(|found| (found.0.sequence, found.2)));
        }
    }
    let mut numbers = Vec::new();
    for got in got {
        for pair in got.windows(2) {
            assert_eq!(
                pair[1].0,
                pair[0].0.wrapping_add(1),
                "no hole a receiver would ask about"
            );
        }
        numbers.push(got.into_iter().map(|found| found.1).collect());
    }
    (numbers, requests)
}

#[test]
fn at_twice_the_load_every_viewer_gets_whole_frames_in_turn() {
    let (got, requests) = lecture(&mut World::new(), Some(VIEWERS as usize / 2), 900);
    for numbers in &got {
        let mut frames: BTreeMap<u64, usize> = BTreeMap::new();
        for number in numbers {
            *frames.entry((number - FIRST) / PACKETS).or_default() += 1;
        }
        assert!(
            frames.values().all(|packets| *packets == PACKETS as usize),
            "whole frames only"
        );
        assert!(
            (300..=600).contains(&frames.len()),
            "{} of 900 frames",
            frames.len()
        );
    }
    let all: usize = got.iter().map(Vec::len).sum();
    let possible = 900 * PACKETS as usize * VIEWERS as usize / 2;
    assert!(
        all * 10 >= possible * 9,
        "what can be sent is sent: {all} of {possible}"
    );
    assert!(
        requests
            .windows(2)
            .all(|pair| pair[1] - pair[0] >= SECOND - 34 * MILLISECOND)
    );
}

#[test]
fn with_room_for_all_nobody_misses_anything() {
    let (got, _) = lecture(&mut World::new(), Some(VIEWERS as usize), 100);
    assert!(
        got.iter()
            .all(|numbers| numbers.len() == 100 * PACKETS as usize)
    );
}

#[test]
fn sound_goes_on_while_pictures_are_dropped() {
    let mut world = World::new();
    let mut publisher = world.publisher(1, "room");
    let mut singer = world.connect(2, "room");
    let mut microphone = camera(2);
    (microphone.kind, microphone.codec) = (MediaKind::Audio, Codec::Opus);
    world.command(Command::Publish(
        singer.session,
        PublicationId(2),
        microphone,
    ));
    world.show("room", 1);
    let sound = Slot::from_name("A0").unwrap();
    world.command(Command::SetSlot(
        "room".into(),
        sound,
        Some(PublicationId(2)),
    ));
    let mut viewer = world.connect(9, "room");
    let mut listening = output();
    (listening.slot, listening.ssrc, listening.rtx_ssrc) = (sound, 211, None);
    let payload = OutputPayload {
        media: 111,
        rtx: None,
    };
    listening.payload_types = vec![(Codec::Opus, payload)];
    assert_eq!(output().slot, program());
    world.command(Command::Subscribe(
        viewer.session,
        vec![output(), listening],
    ));
    world.sent.room_for = Some(0);
    for number in 0..50 {
        world.publish(&mut publisher, FIRST + number, true);
        world.publish(&mut singer, FIRST + number, true);
        world.end_batch();
    }
    let media = world.receive(&mut viewer).0;
    assert_eq!(media.len(), 50);
    assert!(media.iter().all(|found| found.0.ssrc == 211));
}
