//! Many microphones in a room: whom viewers hear, who is told to speak, over the whole relay.

use std::collections::BTreeSet;

use relay_core::forward::{
    Codec, Command, Event, MILLISECOND, MediaKind, OutputPayload, OutputSpec, PayloadRole,
    PublicationId, PublicationSpec, SECOND, Slot,
};
use relay_core::rtp::extension;

use super::mirrors::Workers;
use super::world::{Client, FIRST, World};

const LEVEL_EXT: u8 = 1;
const QUIET: u8 = 80;
const SPEECH: u8 = 25;

fn slot(name: &str) -> Slot {
    Slot::from_name(name).expect("a slot")
}

fn spec(number: u64) -> PublicationSpec {
    PublicationSpec {
        kind: MediaKind::Audio,
        codec: Codec::Opus,
        mid: "0".into(),
        clock_rate: 48_000,
        payload_types: vec![(111, PayloadRole::Media)],
        ssrc: vec![number as u32],
        rtx_ssrc: vec![],
        mid_ext: None,
        rids: Box::default(),
        rid_ext: None,
        repaired_rid_ext: None,
        audio_level_ext: Some(LEVEL_EXT),
        send_time_ext: None,
        nack: false,
        pli: false,
        remb: false,
        source: "microphone".into(),
    }
}

fn microphone(world: &mut World, number: u64) -> Client {
    let client = world.connect(number, "room");
    let publish = Command::Publish(client.session, PublicationId(number), spec(number));
    world.command(publish);
    client
}

fn listener(world: &mut World, number: u64) -> Client {
    let client = world.connect(number, "room");
    let output = |index: u32| OutputSpec {
        slot: slot(["A0", "A1", "A2"][index as usize]),
        mid: index.to_string(),
        ssrc: 500 + index,
        rtx_ssrc: None,
        payload_types: vec![(
            Codec::Opus,
            OutputPayload {
                media: 111,
                rtx: None,
            },
        )],
        mid_ext: None,
        send_time_ext: None,
        cname: "c".into(),
    };
    let outputs = (0..3).map(output).collect();
    world.command(Command::Subscribe(client.session, outputs));
    client
}

/// One packet of 20 ms that carries its level.
fn speak(world: &mut World, client: &mut Client, number: u64, level: u8) {
    let mut packet = vec![0x90, 111];
    packet.extend_from_slice(&(number as u16).to_be_bytes());
    packet.extend_from_slice(&(number as u32).wrapping_mul(960).to_be_bytes());
    packet.extend_from_slice(&(client.session.0 as u32).to_be_bytes());
    extension::write(&mut packet, &[(LEVEL_EXT, &[level])]);
    packet.extend_from_slice(&[0x78; 60]);
    packet.extend_from_slice(&client.session.0.to_be_bytes());
    packet.extend_from_slice(&number.to_be_bytes());
    client
        .sending
        .protect_rtp_with_index(&mut packet, number)
        .unwrap();
    world
        .relay
        .datagram(world.now, (0, client.address), &mut packet, &mut world.sent);
}

/// Lets every microphone speak for a while at its level.
fn talk(
    world: &mut World,
    microphones: &mut [Client],
    levels: &[u8],
    next: &mut u64,
    packets: u64,
) {
    for _ in 0..packets {
        *next += 1;
        for (microphone, level) in microphones.iter_mut().zip(levels) {
            speak(world, microphone, *next, *level);
        }
        world.end_batch();
        world.now += 20 * MILLISECOND;
        world.relay.tick(world.now, &mut world.sent);
        world.end_batch();
    }
}

fn heard(world: &mut World, viewer: &mut Client) -> BTreeSet<(u32, u64)> {
    let media = world.receive(viewer).0;
    media.iter().map(|found| (found.0.ssrc, found.1)).collect()
}

#[test]
fn viewers_hear_the_directed_person_and_the_two_loudest_of_thirty() {
    let mut world = World::new();
    let mut microphones: Vec<_> = (1..=30)
        .map(|number| microphone(&mut world, number))
        .collect();
    world.command(Command::SetSlot(
        "room".into(),
        slot("A0"),
        Some(PublicationId(1)),
    ));
    let mut viewer = listener(&mut world, 100);
    let mut next = FIRST;
    let mut levels = [QUIET; 30];
    (levels[6], levels[19]) = (SPEECH, SPEECH);
    talk(&mut world, &mut microphones, &levels, &mut next, 100);
    heard(&mut world, &mut viewer);
    talk(&mut world, &mut microphones, &levels, &mut next, 50);
    let voices = heard(&mut world, &mut viewer);
    let publications: BTreeSet<_> = voices.iter().map(|voice| voice.1).collect();
    assert_eq!(publications, BTreeSet::from([1, 7, 20]));
    assert!(voices.contains(&(500, 1)), "A0 is directed, silent or not");

    // One falls silent and another begins: the third stays where it is.
    let stays = voices.iter().find(|voice| voice.1 == 20).copied().unwrap();
    (levels[6], levels[11]) = (QUIET, SPEECH);
    talk(&mut world, &mut microphones, &levels, &mut next, 100);
    heard(&mut world, &mut viewer);
    talk(&mut world, &mut microphones, &levels, &mut next, 10);
    let voices = heard(&mut world, &mut viewer);
    let publications: BTreeSet<_> = voices.iter().map(|voice| voice.1).collect();
    assert_eq!(publications, BTreeSet::from([1, 12, 20]));
    assert!(voices.contains(&stays));
}

#[test]
fn a_slot_that_changes_its_voice_goes_on_in_its_numbers() {
    let mut world = World::new();
    let mut microphones: Vec<_> = (1..=5)
        .map(|number| microphone(&mut world, number))
        .collect();
    let mut viewer = listener(&mut world, 100);
    let mut next = FIRST;
    for speaker in [3, 4, 2, 3, 4] {
        let mut levels = [QUIET; 5];
        levels[speaker] = SPEECH;
        talk(&mut world, &mut microphones, &levels, &mut next, 150);
    }
    let media = world.receive(&mut viewer).0;
    for output in [501, 502] {
        let line: Vec<_> = media
            .iter()
            .filter(|found| found.0.ssrc == output)
            .collect();
        assert!(line.len() > 300);
        for pair in line.windows(2) {
            assert_eq!(pair[1].0.sequence, pair[0].0.sequence.wrapping_add(1));
            assert!(pair[1].0.timestamp.wrapping_sub(pair[0].0.timestamp) as i32 > 0);
        }
    }
}

#[test]
fn who_speaks_is_told_once_and_not_each_syllable() {
    let mut world = World::new();
    let mut microphones: Vec<_> = (1..=4)
        .map(|number| microphone(&mut world, number))
        .collect();
    let mut next = FIRST;
    talk(&mut world, &mut microphones, &[QUIET; 4], &mut next, 50);
    world.sent.events.clear();
    for syllable in 0..20 {
        let level = if syllable % 2 == 0 { SPEECH } else { QUIET };
        talk(
            &mut world,
            &mut microphones,
            &[QUIET, level, QUIET, QUIET],
            &mut next,
            12,
        );
    }
    let told = |world: &World| -> Vec<Vec<u64>> {
        let speakers = |event: &Event| match event {
            Event::Speakers { room, speaking, .. } if &**room == "room" => {
                Some(speaking.iter().map(|id| id.0).collect())
            }
            _ => None,
        };
        world.sent.events.iter().filter_map(speakers).collect()
    };
    assert_eq!(told(&world), [[2]]);
    talk(&mut world, &mut microphones, &[QUIET; 4], &mut next, 250);
    assert_eq!(told(&world), [vec![2], vec![]]);
    assert!(world.now < 100 * SECOND);
}

#[test]
fn a_microphone_that_goes_leaves_its_slot_to_the_next() {
    let mut world = World::new();
    let mut microphones: Vec<_> = (1..=3)
        .map(|number| microphone(&mut world, number))
        .collect();
    let mut viewer = listener(&mut world, 100);
    let mut next = FIRST;
    talk(
        &mut world,
        &mut microphones,
        &[SPEECH, SPEECH, QUIET],
        &mut next,
        100,
    );
    world.command(Command::CloseSession(microphones[0].session));
    world.receive(&mut viewer);
    talk(
        &mut world,
        &mut microphones[1..],
        &[SPEECH, QUIET],
        &mut next,
        20,
    );
    let publications: BTreeSet<_> = heard(&mut world, &mut viewer)
        .iter()
        .map(|voice| voice.1)
        .collect();
    assert_eq!(publications, BTreeSet::from([2, 3]));
}

#[test]
fn the_first_worker_chooses_among_what_all_hear_and_all_show_it() {
    let mut workers = Workers::new(2);
    let mut microphones: Vec<_> = (1..=6)
        .map(|number| {
            let worker = number as usize % 2;
            let client = microphone(&mut workers.0[worker], number);
            workers.0[1 - worker].command(Command::Mirror {
                publication: PublicationId(number),
                session: client.session,
                worker,
                room: "room".into(),
                spec: spec(number),
            });
            client
        })
        .collect();
    let mut viewers = [0, 1].map(|worker| listener(&mut workers.0[worker], 100 + worker as u64));
    for packet in 1..=300 {
        for (index, microphone) in microphones.iter_mut().enumerate() {
            let number = index as u64 + 1;
            // The second and the third speak: one on each worker.
            let level = if (2..4).contains(&number) {
                SPEECH
            } else {
                QUIET
            };
            let world = &mut workers.0[number as usize % 2];
            speak(world, microphone, FIRST + packet, level);
        }
        workers.settle();
        workers.advance(20 * MILLISECOND);
        if packet == 200 {
            for (world, viewer) in workers.0.iter_mut().zip(&mut viewers) {
                world.receive(viewer);
            }
        }
    }
    for (world, viewer) in workers.0.iter_mut().zip(&mut viewers) {
        let voices = heard(world, viewer);
        let publications: BTreeSet<_> = voices.iter().map(|voice| voice.1).collect();
        assert_eq!(publications, BTreeSet::from([2, 3]));
        assert_eq!(voices.len(), 2, "neither moved");
    }
}
