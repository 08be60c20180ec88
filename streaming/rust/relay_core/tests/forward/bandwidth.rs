//! What a viewer's path carries decides the layer it gets: REMB, loss, padding that tries for more.

use relay_core::forward::{
    Codec, Command, MILLISECOND, Nanos, OutputPayload, OutputSpec, PublicationId, SECOND, Slot,
};
use relay_core::rtcp::{ReceiverReport, Remb, ReportBlock};
use relay_core::rtp::{Header, extension};

use super::layers::{Simulcaster, seen};
use super::world::{Client, World, program};

const SEND_TIME: u8 = 2;

fn viewer(world: &mut World, rtx: Option<u8>) -> Client {
    let client = world.connect(9, "room");
    let output = OutputSpec {
        slot: program(),
        mid: "0".into(),
        ssrc: 111,
        rtx_ssrc: Some(112),
        payload_types: vec![(Codec::Vp8, OutputPayload { media: 120, rtx })],
        mid_ext: None,
        send_time_ext: Some(SEND_TIME),
        cname: "c".into(),
    };
    world.command(Command::Subscribe(client.session, vec![output]));
    client
}

/// Lets time pass with all layers sent, 30 pictures a second of so many packets each; returns the layer of each frame seen.
struct Room {
    world: World,
    publisher: Simulcaster,
    viewer: Client,
    started: bool,
}

impl Room {
    fn new() -> Self {
        let mut world = World::new();
        let publisher = Simulcaster::new(&mut world, 1, "room");
        world.show("room", 1);
        let viewer = viewer(&mut world, Some(121));
        Self {
            world,
            publisher,
            viewer,
            started: false,
        }
    }

    /// A room whose viewer has a wide path and was believed to.
    fn warm() -> Self {
        let mut room = Self::new();
        room.pass(SECOND);
        room.remb(9_000_000);
        assert_eq!(room.pass(5 * SECOND).last(), Some(&2));
        room
    }

    /// One picture; the higher layers have more packets.
    fn picture(&mut self) {
        let asked = self.publisher.plis(&mut self.world);
        let keys = [0, 1, 2].map(|index: usize| !self.started || asked[index]);
        self.started = true;
        self.publisher
            .frame_of_size(&mut self.world, keys, [500, 1100, 1100 * 3]);
        super::layers::step(&mut self.world, 33 * MILLISECOND);
    }

    fn pass(&mut self, time: Nanos) -> Vec<u64> {
        let mut shown = Vec::new();
        for _ in 0..time / (33 * MILLISECOND) {
            self.picture();
            let media = seen(&mut self.world, &mut self.viewer);
            shown.extend(
                media
                    .iter()
                    .filter(|seen| seen.header.marker)
                    .map(|seen| seen.layer),
            );
        }
        shown
    }

    fn tell(&mut self, write: impl FnOnce(&mut Vec<u8>)) {
        let mut compound = Vec::new();
        write(&mut compound);
        let viewer = &mut self.viewer;
        viewer.sending.protect_rtcp(&mut compound).unwrap();
        let (now, path) = (self.world.now, (0, viewer.address));
        self.world
            .relay
            .datagram(now, path, &mut compound, &mut self.world.sent);
        self.world.end_batch();
    }

    fn remb(&mut self, bps: u64) {
        self.tell(|compound| {
            ReceiverReport::write(compound, 1, &[]);
            Remb::write(compound, 1, bps, &[111]);
        });
    }

    fn loss(&mut self, share: f64) {
        let block = ReportBlock {
            ssrc: 111,
            fraction_lost: (share * 256.0) as u8,
            cumulative_lost: 0,
            highest_sequence: 0,
            jitter: 0,
            last_sr: 0,
            delay_since_last_sr: 0,
        };
        self.tell(|compound| ReceiverReport::write(compound, 1, &[block]));
    }
}

#[test]
fn the_layer_follows_the_estimate_down_at_once_and_up_again() {
    let mut room = Room::warm();
    room.remb(100_000);
    assert_eq!(room.pass(SECOND).last(), Some(&0));
    room.remb(9_000_000);
    let shown = room.pass(6 * SECOND);
    assert_eq!(shown.last(), Some(&2));
    assert!(
        shown.windows(2).filter(|pair| pair[0] != pair[1]).count() <= 2,
        "{shown:?}"
    );
    // Frames of 1.1 kB 30 times a second are 264 kbit/s, the highest layer is three times that.
    room.remb(420_000);
    assert_eq!(room.pass(SECOND).last(), Some(&1));
}

#[test]
fn an_estimate_that_swings_around_a_layer_changes_nothing_often() {
    let mut room = Room::warm();
    let mut changes = 0;
    let mut last = 2;
    for round in 0..120 {
        room.remb(if round % 2 == 0 { 600_000 } else { 1_000_000 });
        for layer in room.pass(SECOND / 2) {
            changes += usize::from(layer != last);
            last = layer;
        }
    }
    assert!(changes <= 10, "{changes} changes in a minute");
}

#[test]
fn loss_brings_a_viewer_without_estimates_down() {
    let mut room = Room::new();
    room.pass(2 * SECOND);
    room.loss(0.0);
    assert_eq!(room.pass(SECOND).last(), Some(&2));
    for _ in 0..4 {
        room.loss(0.5);
        room.pass(SECOND);
    }
    assert!(room.pass(SECOND).last() < Some(&2));
}

#[test]
fn padding_tries_the_path_only_while_a_higher_layer_is_wanted() {
    let mut room = Room::warm();
    let totals = |room: &Room| {
        let sessions = room.world.relay.snapshot(room.world.now).sessions;
        let viewer = sessions.into_iter().find(|peer| peer.session == 9).unwrap();
        (viewer.bytes_out, viewer.padding_bytes)
    };
    assert_eq!(totals(&room).1, 0);
    let mut remb = 140_000;
    room.remb(remb);
    // The receiver's estimate climbs 8 % a second, up to half as much again as it gets.
    for _ in 0..40 {
        let before = totals(&room).0;
        room.pass(SECOND);
        let got = (totals(&room).0 - before) * 8;
        remb = (remb * 108 / 100).min(got * 3 / 2).max(remb);
        room.remb(remb);
    }
    let sum = |room: &Room| totals(room).1;
    assert!(sum(&room) > 0, "padding was sent");
    assert_eq!(
        room.pass(SECOND).last(),
        Some(&2),
        "it climbed to the top by itself"
    );
    let at_top = sum(&room);
    room.pass(10 * SECOND);
    assert_eq!(sum(&room), at_top, "nothing more to try");
}

#[test]
fn packets_say_when_they_were_sent_only_where_all_resends_are_rtx() {
    for rtx in [Some(121), None] {
        let mut world = World::new();
        let mut publisher = Simulcaster::new(&mut world, 1, "room");
        world.show("room", 1);
        let mut viewer = viewer(&mut world, rtx);
        world.now = 64 * SECOND + 3 * SECOND / 2;
        super::layers::step(&mut world, 0);
        publisher.frame(&mut world, [true; 3], [true; 3], 2);
        world.end_batch();
        let mut times = Vec::new();
        for (to, mut bytes) in std::mem::take(&mut world.sent.datagrams) {
            if to == viewer.address && bytes[0] >= 128 && bytes[1] & 0x7f == 120 {
                let plain = viewer.receiving.unprotect_rtp(&mut bytes).unwrap();
                let header: Header = plain.header;
                times.push(extension::find(&bytes, &header, SEND_TIME).map(<[u8]>::to_vec));
            }
        }
        let second = 1 << 18;
        let want: u32 = second + second / 2;
        let want = rtx.map(|_| want.to_be_bytes()[1..].to_vec());
        assert_eq!(times, [want.clone(), want]);
    }
}

#[test]
fn program_comes_before_a_camera() {
    let mut world = World::new();
    let mut publishers = [1, 2].map(|number| Simulcaster::new(&mut world, number, "room"));
    world.show("room", 1);
    let slot = Slot::from_name("V2").unwrap();
    world.command(Command::SetSlot(
        "room".into(),
        slot,
        Some(PublicationId(2)),
    ));
    let viewer = world.connect(9, "room");
    let output = |slot, ssrc| OutputSpec {
        slot,
        mid: "0".into(),
        ssrc,
        rtx_ssrc: Some(ssrc + 1),
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
    let outputs = vec![output(slot, 211), output(program(), 111)];
    world.command(Command::Subscribe(viewer.session, outputs));
    let mut room = Room {
        publisher: Simulcaster::new(&mut world, 3, "elsewhere"),
        world,
        viewer,
        started: true,
    };
    for round in 0..260 {
        if round == 30 {
            room.remb(9_000_000);
        } else if round == 190 {
            room.remb(950_000);
        }
        for publisher in &mut publishers {
            let asked = publisher.plis(&mut room.world);
            let keys = [0, 1, 2].map(|index: usize| round == 0 || asked[index]);
            publisher.frame_of_size(&mut room.world, keys, [500, 1100, 1100 * 3]);
        }
        super::layers::step(&mut room.world, 33 * MILLISECOND);
    }
    let stats = room.world.relay.snapshot(room.world.now);
    let layers = |id| {
        let found = stats
            .publications
            .iter()
            .find(|found| found.publication == id);
        found
            .unwrap()
            .layers
            .iter()
            .map(|layer| layer.viewers)
            .collect::<Vec<_>>()
    };
    assert_eq!((layers(1), layers(2)), (vec![0, 0, 1], vec![1, 0, 0]));
}
