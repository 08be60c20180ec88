//! A whole relay under people who hold keys and mean harm: two publishers, two viewers, an outsider. The bytes say who sends what,
//! when time passes and what the node commands in between; packets are sealed as their sender would, so they reach the very bottom.

use relay_core::forward::{
    Codec, Command, MILLISECOND, MediaKind, OutputPayload, OutputSpec, PayloadRole, PublicationId,
    PublicationSpec, SessionId, Slot,
};

use super::bytes::Bytes;
use super::listener::Listener;
use crate::world::{Client, FIRST, PASSWORD, World, camera, output, program};

const ROOM: &str = "room";
const OUTSIDER: u64 = 10;
/// Positions in the list of clients.
const CAMERA: usize = 0;
const LAYERED: usize = 1;
const VIEWER: usize = 2;
/// More than this teaches nothing new.
const STEPS: usize = 300;

struct Story {
    world: World,
    clients: Vec<Client>,
    listener: Listener,
    next: [u64; 2],
    restarts: u32,
    /// What the camera and the layered publisher publish now: numbers never come again (docs/protocol/engine.md).
    published: [PublicationId; 2],
    last_published: u64,
}

/// Tells a relay the story in the bytes; panics when anybody on the network could notice a broken promise.
pub fn relay_packets(data: &[u8]) {
    let mut story = Story::new();
    story.hear();
    let mut bytes = Bytes(data);
    for _ in 0..STEPS {
        if story.step(&mut bytes).is_none() {
            break;
        }
        story.hear();
    }
    story.world.end_batch();
    story.hear();
}

impl Story {
    fn new() -> Self {
        let mut world = World::new();
        let camera = world.publisher(1, ROOM);
        let layered = world.connect(2, ROOM);
        let publish = Command::Publish(layered.session, PublicationId(2), layers());
        world.command(publish);
        let microphone = world.connect(5, ROOM);
        let publish = Command::Publish(microphone.session, PublicationId(5), voice());
        world.command(publish);
        world.show(ROOM, 1);
        let viewers = [3, 4].map(|number| world.connect(number, ROOM));
        for (index, viewer) in viewers.iter().enumerate() {
            let specs = taken(index == 0);
            world.command(Command::Subscribe(viewer.session, specs));
        }
        let outsider = world.viewer(OUTSIDER, "elsewhere");
        let [first, second] = viewers;
        Self {
            world,
            clients: vec![camera, layered, first, second, microphone, outsider],
            listener: Listener::default(),
            next: [FIRST; 2],
            restarts: 0,
            published: [PublicationId(1), PublicationId(2)],
            last_published: 5,
        }
    }

    fn hear(&mut self) {
        self.listener
            .hear(&mut self.world, &mut self.clients, &[OUTSIDER]);
    }

    fn step(&mut self, bytes: &mut Bytes<'_>) -> Option<()> {
        let choice = bytes.octet()?;
        let index = usize::from(choice >> 4) % self.clients.len();
        match choice & 0x0f {
            0..=3 => self.plain_packet(choice, bytes)?,
            4 | 5 => self.any_packet(index, bytes)?,
            6 => self.any_compound(index, bytes),
            7 => {
                let sequences = [bytes.short()?, bytes.short()?];
                self.world.nack(&mut self.clients[index], &sequences);
            }
            8 => self.any_datagram(index, bytes),
            9 => {
                self.world.now += u64::from(bytes.octet()?).pow(2) * MILLISECOND;
                let World {
                    relay, sent, now, ..
                } = &mut self.world;
                relay.tick(*now, sent);
            }
            10 => {
                let [camera, layered] = self.published;
                let shown = [None, Some(camera), Some(layered), Some(camera)];
                let shown = shown[usize::from(choice >> 4) % 4];
                let room = if choice & 0x80 == 0 {
                    ROOM
                } else {
                    "elsewhere"
                };
                self.world
                    .command(Command::SetSlot(room.into(), program(), shown));
            }
            11 => self.move_client(index, bytes.octet()?),
            12 => {
                let recording = (choice & 0x10 != 0).then(|| "recording".to_owned());
                self.world
                    .command(Command::SetRecording(ROOM.into(), recording));
            }
            13 => {
                let session = self.clients[VIEWER].session;
                let specs = taken(choice & 0x10 != 0);
                self.world.command(Command::Subscribe(session, specs));
            }
            14 => self.command(choice, bytes.octet()?),
            _ => self.world.end_batch(),
        }
        Some(())
    }

    /// A well-formed packet somewhere near the last one.
    fn plain_packet(&mut self, choice: u8, bytes: &mut Bytes<'_>) -> Option<()> {
        let step = i64::from(bytes.octet()? as i8);
        let scale = [1, 1, 1, 500][usize::from(choice >> 6)];
        let number = self.next[CAMERA].saturating_add_signed(step * scale);
        self.next[CAMERA] = number + 1;
        let client = &mut self.clients[CAMERA];
        self.world.publish(client, number, choice & 1 != 0);
        Some(())
    }

    /// A sealed packet with any header extension, payload type, SSRC and payload.
    fn any_packet(&mut self, index: usize, bytes: &mut Bytes<'_>) -> Option<()> {
        let shape = bytes.octet()?;
        let kind = [102, 103, 96, 97, 0x80 | 102, 0x80 | 96, 111, 127][usize::from(shape & 7)];
        let slot = index % 2;
        let step = i64::from(bytes.octet()? as i8);
        let number = self.next[slot].saturating_add_signed(step);
        self.next[slot] = number + 1;
        let ssrc = [1, 1001, 2, 1002, 5, 6, 7, 8][usize::from(bytes.octet()? & 7)];
        let mut packet = vec![0x80 | (shape & 0x30), kind];
        packet.extend_from_slice(&(number as u16).to_be_bytes());
        packet.extend_from_slice(&u32::from(bytes.short()?).wrapping_mul(3000).to_be_bytes());
        packet.extend_from_slice(&u32::to_be_bytes(ssrc));
        if shape & 0x10 != 0 {
            let elements = bytes.piece();
            let elements = &elements[..elements.len() & !3];
            packet.extend_from_slice(&[[0xbe, 0xde], [0x10, 0x00]][usize::from(shape >> 7)]);
            packet.extend_from_slice(&((elements.len() / 4) as u16).to_be_bytes());
            packet.extend_from_slice(elements);
        }
        packet.extend_from_slice(bytes.piece());
        if shape & 0x40 != 0 {
            packet.resize(packet.len() + 900, 7);
        }
        let client = &mut self.clients[index];
        if client
            .sending
            .protect_rtp_with_index(&mut packet, number)
            .is_ok()
        {
            let from = (0, client.address);
            let World {
                relay, sent, now, ..
            } = &mut self.world;
            relay.datagram(*now, from, &mut packet, sent);
        }
        Some(())
    }

    fn any_compound(&mut self, index: usize, bytes: &mut Bytes<'_>) {
        let mut compound = bytes.piece().to_vec();
        let client = &mut self.clients[index];
        if let Some(first) = compound.first_mut() {
            *first = 0x80 | (*first & 0x3f);
        }
        if client.sending.protect_rtcp(&mut compound).is_ok() {
            let from = (0, client.address);
            let World {
                relay, sent, now, ..
            } = &mut self.world;
            relay.datagram(*now, from, &mut compound, sent);
        }
    }

    fn any_datagram(&mut self, index: usize, bytes: &mut Bytes<'_>) {
        let mut datagram = bytes.piece().to_vec();
        let from = (0, self.clients[index].address);
        let World {
            relay, sent, now, ..
        } = &mut self.world;
        // What is no DTLS: whoever checked may say anything to Python's DTLS, and gets nothing from here.
        relay.datagram(*now, from, &mut datagram, sent);
    }

    fn move_client(&mut self, index: usize, port: u8) {
        let client = &mut self.clients[index];
        let before = client.address;
        let port = 20_000 + 256 * index as u16 + u16::from(port);
        client.address.set_port(port);
        let moved = client.address;
        let ufrag = if index == VIEWER && self.restarts > 0 {
            format!("restart{}", self.restarts)
        } else {
            format!("ufrag{}", client.session.0)
        };
        self.world.check(moved, &ufrag);
        // Who checks too often is not answered, and stays where he was.
        let mut answered = self.world.sent.datagrams.iter();
        if !answered.any(|(to, _)| *to == moved) {
            self.clients[index].address = before;
        }
    }

    fn command(&mut self, choice: u8, detail: u8) {
        match choice >> 4 {
            0..=3 => {
                let id = self.published[usize::from(detail) % 2];
                self.world.command(Command::RequestKeyframe(id));
            }
            4 | 5 => {
                self.restarts += 1;
                let ufrag = format!("restart{}", self.restarts);
                let session = self.clients[VIEWER].session;
                self.world
                    .command(Command::RestartIce(session, ufrag, PASSWORD.into()));
            }
            6 | 7 => {
                let id = self.published[usize::from(detail) % 2];
                self.world.command(Command::Unpublish(id));
            }
            8..=11 => {
                let index = usize::from(detail) % 2;
                self.last_published += 1;
                let id = PublicationId(self.last_published);
                let gone = std::mem::replace(&mut self.published[index], id);
                self.world.command(Command::Unpublish(gone));
                let spec = vec![camera(1), layers()].swap_remove(index);
                let session = SessionId(index as u64 + 1);
                self.world.command(Command::Publish(session, id, spec));
            }
            _ => {
                // Gone and back under the same number, but with another key, as Python would never do with the same.
                let index = CAMERA + usize::from(detail) % 2;
                let session = self.clients[index].session;
                self.world.command(Command::CloseSession(session));
                self.clients[index] = self.world.connect(session.0, ROOM);
            }
        }
    }
}

/// Three simulcast layers told apart by RID (RFC 8852).
fn layers() -> PublicationSpec {
    PublicationSpec {
        codec: Codec::Vp8,
        payload_types: vec![(96, PayloadRole::Media), (97, PayloadRole::Rtx)],
        ssrc: vec![],
        rtx_ssrc: vec![],
        mid_ext: Some(4),
        rids: ["l", "m", "h"].map(String::from).into(),
        rid_ext: Some(10),
        repaired_rid_ext: Some(11),
        send_time_ext: Some(3),
        ..camera(2)
    }
}

/// Somebody who tells how loud he speaks (RFC 6464).
fn voice() -> PublicationSpec {
    PublicationSpec {
        kind: MediaKind::Audio,
        codec: Codec::Opus,
        clock_rate: 48_000,
        payload_types: vec![(111, PayloadRole::Media)],
        ssrc: vec![5],
        rtx_ssrc: vec![],
        audio_level_ext: Some(1),
        source: "microphone".into(),
        ..camera(5)
    }
}

/// The program in both codecs, with or without retransmission, and a voice.
fn taken(has_rtx: bool) -> Vec<OutputSpec> {
    let payload = |media: u8| OutputPayload {
        media,
        rtx: has_rtx.then_some(media + 1),
    };
    let video = OutputSpec {
        rtx_ssrc: has_rtx.then_some(112),
        payload_types: vec![(Codec::H264, payload(120)), (Codec::Vp8, payload(122))],
        send_time_ext: Some(3),
        ..output()
    };
    let opus = OutputPayload {
        media: 111,
        rtx: None,
    };
    let audio = OutputSpec {
        slot: Slot::from_name("A1").unwrap(),
        mid: "1".into(),
        ssrc: 113,
        rtx_ssrc: None,
        payload_types: vec![(Codec::Opus, opus)],
        mid_ext: Some(4),
        ..output()
    };
    vec![video, audio]
}
