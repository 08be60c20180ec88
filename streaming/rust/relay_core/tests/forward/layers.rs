//! Simulcast: whatever layers come and go, a viewer decrypts one stream without a seam.

use std::net::SocketAddr;

use proptest::prelude::*;
use relay_core::forward::{
    Codec, Command, Event, FeedItem, MILLISECOND, OutputPayload, OutputSpec, PayloadRole,
    PublicationId, PublicationSpec, SECOND,
};
use relay_core::payload::vp8::Vp8Descriptor;
use relay_core::rtcp::{Pli, ReceiverReport};
use relay_core::rtp::{Header, extension};

use super::world::{Client, World, camera, program};

const MID: u8 = 4;
const RID: u8 = 10;
const REPAIRED: u8 = 11;
const RIDS: [&str; 3] = ["l", "m", "h"];

/// A browser that publishes three layers.
pub struct Simulcaster {
    pub client: Client,
    layers: [Layer; 3],
    named: usize,
    filler: usize,
}

struct Layer {
    next: u64,
    timestamp_offset: u32,
    picture: u16,
    frames: u64,
}

pub fn simulcast(number: u64) -> PublicationSpec {
    PublicationSpec {
        codec: Codec::Vp8,
        payload_types: vec![(96, PayloadRole::Media), (97, PayloadRole::Rtx)],
        ssrc: vec![],
        rtx_ssrc: vec![],
        mid_ext: Some(MID),
        rids: RIDS.map(String::from).into(),
        rid_ext: Some(RID),
        repaired_rid_ext: Some(REPAIRED),
        ..camera(number)
    }
}

impl Simulcaster {
    pub fn new(world: &mut World, number: u64, room: &str) -> Self {
        let client = world.connect(number, room);
        let (session, spec) = (client.session, simulcast(number));
        world.command(Command::Publish(session, PublicationId(number), spec));
        let layer = |index: u64| Layer {
            next: 1000 + 5000 * index,
            timestamp_offset: 0x4000_0000_u32.wrapping_mul(index as u32 + 1),
            picture: 0x7ff0 + index as u16,
            frames: 0,
        };
        Self {
            client,
            layers: [0, 1, 2].map(layer),
            named: 100,
            filler: 0,
        }
    }

    /// One captured picture on these layers, of so many packets each; `keys` are key frames. The first packet of each layer is sent
    /// before the second of any, as a pacer does.
    pub fn frame(&mut self, world: &mut World, sends: [bool; 3], keys: [bool; 3], packets: usize) {
        for part in 0..packets {
            for index in (0..3).filter(|index| sends[*index]) {
                let is_last = part + 1 == packets;
                self.packet(world, index, (part == 0, is_last), keys[index]);
            }
        }
    }

    /// One captured picture on all layers, of so many octets each.
    pub fn frame_of_size(&mut self, world: &mut World, keys: [bool; 3], sizes: [usize; 3]) {
        for (index, size) in sizes.into_iter().enumerate() {
            let packets = size.div_ceil(1100);
            for part in 0..packets {
                self.filler = size.min(1100) - 40;
                self.packet(world, index, (part == 0, part + 1 == packets), keys[index]);
            }
        }
        self.filler = 0;
    }

    fn packet(&mut self, world: &mut World, index: usize, (first, last): (bool, bool), key: bool) {
        let layer = &mut self.layers[index];
        let number = layer.next;
        layer.next += 1;
        if first {
            layer.picture = (layer.picture + 1) & 0x7fff;
            layer.frames += 1;
        }
        let timestamp = (world.now / 100_000 * 9) as u32;
        let mut packet = vec![0x90, (u8::from(last) << 7) | 96];
        packet.extend_from_slice(&(number as u16).to_be_bytes());
        packet.extend_from_slice(&timestamp.wrapping_add(layer.timestamp_offset).to_be_bytes());
        packet.extend_from_slice(&(500 + index as u32).to_be_bytes());
        let names: &[(u8, &[u8])] = &[(MID, b"0"), (RID, RIDS[index].as_bytes())];
        let elements = if self.named > 0 { names } else { &[] };
        self.named = self.named.saturating_sub(1);
        extension::write(&mut packet, elements);
        let start = if first { 0x90 } else { 0x80 };
        packet.extend_from_slice(&[start, 0x80]);
        packet.extend_from_slice(&(layer.picture | 0x8000).to_be_bytes());
        packet.push(u8::from(!key));
        packet.resize(packet.len() + self.filler, 7);
        packet.extend_from_slice(&(index as u64).to_be_bytes());
        packet.extend_from_slice(&layer.frames.to_be_bytes());
        let sending = &self.client.sending;
        sending.protect_rtp_with_index(&mut packet, number).unwrap();
        let path = (0, self.client.address);
        world
            .relay
            .datagram(world.now, path, &mut packet, &mut world.sent);
    }

    /// Takes the PLIs that came: which layers they are about.
    pub fn plis(&mut self, world: &mut World) -> [bool; 3] {
        let mut asked = [false; 3];
        for (to, mut bytes) in std::mem::take(&mut world.sent.datagrams) {
            if to != self.client.address {
                world.sent.datagrams.push((to, bytes));
            } else if (192..=223).contains(&bytes[1]) {
                let len = self.client.receiving.unprotect_rtcp(&mut bytes).unwrap();
                for part in relay_core::rtcp::parts(&bytes[..len]).flatten() {
                    if let relay_core::rtcp::Packet::Pli(pli) = part {
                        asked[pli.media_ssrc as usize - 500] = true;
                    }
                }
            }
        }
        asked
    }
}

pub fn viewer(world: &mut World, number: u64, room: &str) -> Client {
    let client = world.connect(number, room);
    let output = OutputSpec {
        slot: program(),
        mid: "0".into(),
        ssrc: 111,
        rtx_ssrc: Some(112),
        payload_types: vec![(
            Codec::Vp8,
            OutputPayload {
                media: 120,
                rtx: Some(121),
            },
        )],
        mid_ext: None,
        send_time_ext: None,
        cname: "c".into(),
    };
    world.command(Command::Subscribe(client.session, vec![output]));
    client
}

/// A packet as the viewer sees it.
#[derive(Debug, Clone, Copy)]
pub struct Seen {
    pub header: Header,
    pub vp8: Vp8Descriptor,
    pub layer: u64,
    pub frame: u64,
}

/// Takes the media that was sent to a viewer.
pub fn seen(world: &mut World, viewer: &mut Client) -> Vec<Seen> {
    let mut found = Vec::new();
    for (to, mut bytes) in std::mem::take(&mut world.sent.datagrams) {
        if to != viewer.address {
            world.sent.datagrams.push((to, bytes));
        } else if bytes[0] >= 128 && !(192..=223).contains(&bytes[1]) {
            let plain = viewer.receiving.unprotect_rtp(&mut bytes).unwrap();
            if plain.header.ssrc != 111 {
                continue; // A repair or a probe.
            }
            let payload = &bytes[plain.header.payload()];
            let tail = &payload[payload.len() - 16..];
            let number = |at: usize| u64::from_be_bytes(tail[at..at + 8].try_into().unwrap());
            found.push(Seen {
                header: plain.header,
                vp8: Vp8Descriptor::parse(payload).unwrap(),
                layer: number(0),
                frame: number(8),
            });
        }
    }
    found
}

/// What every decoder relies on: no number is missing, a frame is whole and of one layer, a change of layer is a key frame.
fn assert_seamless(media: &[Seen]) {
    for pair in media.windows(2) {
        let (before, after) = (&pair[0], &pair[1]);
        let context = format!("{before:?} {after:?}");
        assert_eq!(
            after.header.sequence,
            before.header.sequence.wrapping_add(1)
        );
        let step = after.header.timestamp.wrapping_sub(before.header.timestamp) as i32;
        let id = |seen: &Seen| seen.vp8.picture_id.expect("there").value;
        if before.header.marker {
            assert!(after.vp8.starts_frame() && step > 0, "{context}");
            assert_eq!(id(after), (id(before) + 1) & 0x7fff, "{context}");
            let is_next = (after.layer, after.frame) == (before.layer, before.frame + 1);
            assert!(is_next || after.vp8.keyframe_start, "{context}");
        } else {
            assert_eq!((after.layer, after.frame), (before.layer, before.frame));
            assert_eq!((step, id(after)), (0, id(before)), "{context}");
        }
    }
}

pub fn step(world: &mut World, nanos: u64) {
    world.end_batch();
    world.now += nanos;
    // Publisher 1 and viewer 9 keep up their consent.
    for (port, ufrag) in [(10_001, "ufrag1"), (10_009, "ufrag9")] {
        world.check(SocketAddr::from(([127, 0, 0, 1], port)), ufrag);
    }
    world.relay.tick(world.now, &mut world.sent);
}

#[test]
fn layers_are_learned_from_rid_and_the_viewer_gets_the_top_one() {
    let mut world = World::new();
    let mut publisher = Simulcaster::new(&mut world, 1, "room");
    world.show("room", 1);
    let mut watching = viewer(&mut world, 9, "room");
    // The top layer comes half a second later, as in Chromium.
    for count in 0..60 {
        let sends = [true, true, count >= 15];
        let keys = [count == 0, count == 0, count == 15];
        publisher.frame(&mut world, sends, keys, 3);
        step(&mut world, 33 * MILLISECOND);
    }
    let media = seen(&mut world, &mut watching);
    assert_seamless(&media);
    assert_eq!((media[0].layer, media[media.len() - 1].layer), (1, 2));
    assert!(media.iter().filter(|seen| seen.layer == 2).count() >= 3 * 40);
    let started = |event: &&Event| matches!(event, Event::PublicationMedia(_, PublicationId(1)));
    assert_eq!(world.sent.events.iter().filter(started).count(), 1);
    let stats = world.relay.snapshot(world.now);
    let layers = &stats.publications[0].layers;
    assert_eq!(stats.publications[0].publication, 1);
    assert_eq!(
        layers
            .iter()
            .map(|layer| (&*layer.rid, layer.viewers))
            .collect::<Vec<_>>(),
        [("l", 0), ("m", 0), ("h", 1)]
    );
    assert!(
        layers
            .iter()
            .all(|layer| layer.packets > 0 && layer.keyframes == 1)
    );
    assert_eq!(stats.dropped.unknown_ssrc, 0);
}

#[test]
fn a_repair_is_told_by_its_repaired_rid_even_before_the_media() {
    let mut world = World::new();
    let mut publisher = Simulcaster::new(&mut world, 1, "room");
    world.show("room", 1);
    let mut watching = viewer(&mut world, 9, "room");
    let repair = |publisher: &mut Simulcaster, world: &mut World, index: u64, original: u16| {
        let mut packet = vec![0x90, 97];
        packet.extend_from_slice(&(index as u16).to_be_bytes());
        packet.extend_from_slice(
            &((world.now / 100_000 * 9) as u32)
                .wrapping_add(0x4000_0000)
                .to_be_bytes(),
        );
        packet.extend_from_slice(&900u32.to_be_bytes());
        extension::write(&mut packet, &[(MID, b"0"), (REPAIRED, b"l")]);
        packet.extend_from_slice(&original.to_be_bytes());
        packet.extend_from_slice(&[0x80, 0x80, 0xff, 0xf1, 1]);
        packet.extend_from_slice(&[0; 16]);
        let sending = &publisher.client.sending;
        sending.protect_rtp_with_index(&mut packet, index).unwrap();
        let path = (0, publisher.client.address);
        world
            .relay
            .datagram(world.now, path, &mut packet, &mut world.sent);
    };
    repair(&mut publisher, &mut world, 1, 999);
    publisher.packet(&mut world, 0, (true, false), true);
    publisher.layers[0].next += 1; // Lost.
    publisher.packet(&mut world, 0, (false, true), true);
    world.end_batch();
    repair(&mut publisher, &mut world, 2, 1001);
    world.end_batch();
    let media = seen(&mut world, &mut watching);
    let first = media[0].header.sequence;
    let order: Vec<_> = media
        .iter()
        .map(|seen| seen.header.sequence - first)
        .collect();
    assert_eq!(order, [0, 2, 1]);
    assert_eq!(world.relay.snapshot(world.now).dropped.unknown_ssrc, 0);
}

#[test]
fn a_viewer_falls_to_the_next_layer_within_a_second_and_climbs_back() {
    let mut world = World::new();
    let mut publisher = Simulcaster::new(&mut world, 1, "room");
    world.show("room", 1);
    let mut watching = viewer(&mut world, 9, "room");
    let (mut media, mut fell_after) = (Vec::new(), None);
    for count in 0..150 {
        let has_top = !(40..100).contains(&count);
        let asked = publisher.plis(&mut world);
        let keys = [0, 1, 2].map(|index| count == 0 || asked[index]);
        publisher.frame(&mut world, [true, true, has_top], keys, 2);
        step(&mut world, 33 * MILLISECOND);
        media.extend(seen(&mut world, &mut watching));
        if count >= 40 && media.last().is_some_and(|last| last.layer == 1) {
            fell_after.get_or_insert((count - 40) * 33);
        }
    }
    assert_seamless(&media);
    assert!(
        fell_after.is_some_and(|after| after < 1000),
        "{fell_after:?}"
    );
    assert_eq!(media.last().map(|last| last.layer), Some(2));
    let changes = media
        .windows(2)
        .filter(|pair| pair[0].layer != pair[1].layer);
    assert_eq!(changes.count(), 2);
}

#[test]
fn key_frames_are_asked_for_on_the_layers_that_are_waited_for_only() {
    let mut world = World::new();
    let mut publisher = Simulcaster::new(&mut world, 1, "room");
    world.show("room", 1);
    let mut first = viewer(&mut world, 9, "room");
    publisher.frame(&mut world, [true; 3], [true; 3], 1);
    step(&mut world, SECOND);
    publisher.plis(&mut world);
    for number in 10..14 {
        viewer(&mut world, number, "room");
    }
    let mut compound = Vec::new();
    ReceiverReport::write(&mut compound, 1, &[]);
    let loss = Pli {
        sender_ssrc: 1,
        media_ssrc: 111,
    };
    loss.write(&mut compound);
    first.sending.protect_rtcp(&mut compound).unwrap();
    world.relay.datagram(
        world.now,
        (0, first.address),
        &mut compound,
        &mut world.sent,
    );
    world.end_batch();
    assert_eq!(publisher.plis(&mut world), [false, false, true]);
}

#[test]
fn the_recorder_gets_one_layer_and_is_told_of_each_change() {
    let mut world = World::new();
    let mut publisher = Simulcaster::new(&mut world, 1, "room");
    world.show("room", 1);
    world.command(Command::SetRecording("room".into(), Some("r".into())));
    for count in 0..300 {
        let has_top = !(90..150).contains(&count);
        let asked = publisher.plis(&mut world);
        let keys = [0, 1, 2].map(|index| count == 0 || asked[index]);
        publisher.frame(&mut world, [true, true, has_top], keys, 1);
        step(&mut world, 33 * MILLISECOND);
    }
    let (mut shown, mut sources) = (None, Vec::new());
    let mut is_new = false;
    for item in &world.sent.fed {
        match item {
            FeedItem::Source { source, .. } => {
                shown = source.as_ref().map(|source| source.publication);
                sources.extend(shown.and_then(PublicationId::layer_index));
                is_new = true;
            }
            FeedItem::Packet {
                publication,
                is_entry,
                ..
            } => {
                assert_eq!(Some(*publication), shown);
                assert!(*is_entry || !is_new, "a layer begins with a key frame");
                is_new = false;
            }
            _ => {}
        }
    }
    assert_eq!(sources, [0, 2, 1, 2]);
}

#[test]
fn layers_nobody_watches_are_let_go_within_five_seconds_and_wanted_again_at_once() {
    let mut world = World::new();
    let mut publisher = Simulcaster::new(&mut world, 1, "room");
    world.show("room", 1);
    let wanted = |world: &mut World| {
        let events = std::mem::take(&mut world.sent.events).into_iter();
        let told = events.filter_map(|event| match event {
            Event::LayersWanted(_, PublicationId(1), rids) => Some(rids.concat()),
            _ => None,
        });
        told.collect::<Vec<_>>()
    };
    let mut sends = [true; 3];
    let run = |world: &mut World, publisher: &mut Simulcaster, sends: [bool; 3], steps: usize| {
        for _ in 0..steps {
            let asked = publisher.plis(world);
            publisher.frame(world, sends, asked, 1);
            step(world, 33 * MILLISECOND);
        }
    };
    publisher.frame(&mut world, sends, [true; 3], 1);
    run(&mut world, &mut publisher, sends, 100);
    assert_eq!(wanted(&mut world), [""; 0]);
    run(&mut world, &mut publisher, sends, 50);
    assert_eq!(wanted(&mut world), ["l"], "nobody watches");
    sends = [true, false, false];
    run(&mut world, &mut publisher, sends, 60);
    let mut watching = viewer(&mut world, 9, "room");
    run(&mut world, &mut publisher, sends, 3);
    assert_eq!(wanted(&mut world), ["lh"], "within 100 ms");
    let media = seen(&mut world, &mut watching);
    assert_eq!(media.last().map(|seen| seen.layer), Some(0), "meanwhile");
    sends = [true, false, true];
    run(&mut world, &mut publisher, sends, 15);
    let media = seen(&mut world, &mut watching);
    assert_eq!(media.last().map(|seen| seen.layer), Some(2));
    assert_seamless(&media);
    world.command(Command::SetRecording("room".into(), Some("r".into())));
    world.command(Command::CloseSession(watching.session));
    run(&mut world, &mut publisher, sends, 200);
    assert_eq!(wanted(&mut world), [""; 0], "the recorder watches the top");
}

#[test]
fn viewers_of_another_worker_get_their_layer_and_keep_it_wanted() {
    let mut worlds = [World::worker(0, 2), World::worker(1, 2)];
    let [owner, mirror] = &mut worlds;
    let mut publisher = Simulcaster::new(owner, 1, "room");
    mirror.command(Command::Mirror {
        publication: PublicationId(1),
        session: publisher.client.session,
        worker: 0,
        room: "room".into(),
        spec: simulcast(1),
    });
    owner.show("room", 1);
    mirror.show("room", 1);
    let mut watching = viewer(mirror, 9, "room");
    let mut media = Vec::new();
    for count in 0..180 {
        for _ in 0..2 {
            let (to_mirror, to_owner) = (
                std::mem::take(&mut owner.sent.updates),
                std::mem::take(&mut mirror.sent.updates),
            );
            for (_, update) in to_mirror {
                mirror
                    .relay
                    .update(mirror.now, 0, update.as_update(), &mut mirror.sent);
            }
            for (_, update) in to_owner {
                owner
                    .relay
                    .update(owner.now, 1, update.as_update(), &mut owner.sent);
            }
            owner.end_batch();
            mirror.end_batch();
        }
        let asked = publisher.plis(owner);
        let keys = [0, 1, 2].map(|index| count == 0 || asked[index]);
        publisher.frame(owner, [true, true, !(60..120).contains(&count)], keys, 2);
        step(owner, 33 * MILLISECOND);
        step(mirror, 33 * MILLISECOND);
        media.extend(seen(mirror, &mut watching));
    }
    assert_seamless(&media);
    let mut layers: Vec<_> = media.iter().map(|seen| seen.layer).collect();
    layers.dedup();
    assert!(layers == [2, 1, 2] || layers == [1, 2, 1, 2], "{layers:?}");
    let told = |event: &Event| match event {
        Event::LayersWanted(_, _, rids) => Some(rids.concat()),
        _ => None,
    };
    let told: Vec<_> = owner.sent.events.iter().filter_map(told).collect();
    assert!(told.iter().all(|rids| rids.contains('h')), "{told:?}");
    assert!(
        mirror
            .sent
            .events
            .iter()
            .all(|event| !matches!(event, Event::LayersWanted(..)))
    );
}

#[test]
fn nothing_of_the_layers_stays_behind() {
    let mut world = World::new();
    let mut publisher = Simulcaster::new(&mut world, 1, "room");
    world.show("room", 1);
    let mut watching = viewer(&mut world, 9, "room");
    publisher.frame(&mut world, [true; 3], [true; 3], 1);
    world.end_batch();
    world.command(Command::Unpublish(PublicationId(1)));
    assert!(world.relay.snapshot(world.now).publications.is_empty());
    seen(&mut world, &mut watching);
    publisher.frame(&mut world, [true; 3], [true; 3], 1);
    world.end_batch();
    assert!(seen(&mut world, &mut watching).is_empty());
    assert_eq!(world.relay.snapshot(world.now).dropped.unknown_ssrc, 3);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    /// Layers stop, come back and answer PLIs late; frames of layers interleave; batches end anywhere.
    #[test]
    fn layers_that_come_and_go_never_tear_the_stream(
        phases in proptest::collection::vec((any::<[bool; 2]>(), 5usize..40, 1usize..4), 1..8),
        delay in 1usize..6,
    ) {
        let mut world = World::new();
        let mut publisher = Simulcaster::new(&mut world, 1, "room");
        world.show("room", 1);
        let mut watching = viewer(&mut world, 9, "room");
        let mut pending = vec![[true; 3]];
        let mut media = Vec::new();
        for (upper, frames, packets) in phases {
            for _ in 0..frames {
                pending.push(publisher.plis(&mut world));
                let due = if pending.len() > delay { pending.remove(0) } else { [false; 3] };
                let sends = [true, upper[0], upper[1]];
                publisher.frame(&mut world, sends, due, packets);
                step(&mut world, 33 * MILLISECOND);
                media.extend(seen(&mut world, &mut watching));
            }
        }
        assert_seamless(&media);
    }
}

#[test]
fn a_hundred_joins_in_a_second_cost_each_layer_at_most_one_key_frame() {
    let mut world = World::new();
    let mut publisher = Simulcaster::new(&mut world, 1, "room");
    world.show("room", 1);
    for picture in 0..60 {
        publisher.frame(&mut world, [true; 3], [picture == 0; 3], 2);
        step(&mut world, 33 * MILLISECOND);
    }
    publisher.plis(&mut world);
    let (mut viewers, mut asked) = (Vec::new(), [0; 3]);
    let mut answer_at = [None; 3];
    for millisecond in 0..1000u64 {
        if millisecond % 10 == 0 {
            viewers.push(viewer(&mut world, 100 + millisecond / 10, "room"));
        }
        let plis = publisher.plis(&mut world);
        for layer in (0..3).filter(|layer| plis[*layer]) {
            asked[layer] += 1;
            answer_at[layer].get_or_insert(millisecond + 60);
        }
        if millisecond % 33 == 0 {
            let keys = answer_at.map(|at| at.is_some_and(|at| at <= millisecond));
            publisher.frame(&mut world, [true; 3], keys, 2);
            for layer in (0..3).filter(|layer| keys[*layer]) {
                answer_at[layer] = None;
            }
        }
        step(&mut world, MILLISECOND);
    }
    assert!(asked.iter().all(|count| *count <= 1), "{asked:?}");
    assert!(asked.contains(&1), "{asked:?}");
    for client in &mut viewers {
        let media = seen(&mut world, client);
        assert!(media.first().is_some_and(|first| first.vp8.keyframe_start));
        assert_seamless(&media);
    }
}
