//! A relay with publishers and viewers around it, all of them in memory.

use std::net::SocketAddr;

use relay_core::forward::{
    Codec, Command, Config, DATAGRAM_CAPACITY, Egress, Event, FeedItem, MediaKind, Nanos,
    OutputPayload, OutputSpec, PayloadRole, PublicationId, PublicationSpec, Relay, SECOND,
    SessionId, SessionKeys, Slot, Update, WorkerIndex,
};
use relay_core::rtcp::{self, Nack, Packet, ReceiverReport};
use relay_core::rtp::Header;
use relay_core::srtp::{Profile, SrtpContext};
use relay_core::stun::{self, IceRole, RequestParts};

#[derive(Default)]
pub struct Sent {
    pub datagrams: Vec<(SocketAddr, Vec<u8>)>,
    pub events: Vec<Event>,
    pub fed: Vec<FeedItem>,
    pub updates: Vec<(WorkerIndex, OwnedUpdate)>,
    /// How many viewers' pictures fit still; None = all.
    pub room_for: Option<usize>,
}

/// An [`Update`] under way.
pub enum OwnedUpdate {
    Bare(Update<'static>),
    Packet(PublicationId, u64, Vec<u8>),
    Report(PublicationId, u32, Nanos, Vec<u8>),
}

impl OwnedUpdate {
    fn new(update: Update<'_>) -> Self {
        match update {
            Update::Packet {
                publication,
                sequence,
                packet,
            } => Self::Packet(publication, sequence, packet.to_vec()),
            Update::Report {
                publication,
                timestamp,
                at,
                compound,
            } => Self::Report(publication, timestamp, at, compound.to_vec()),
            Update::Restart(id) => Self::Bare(Update::Restart(id)),
            Update::Lost(id) => Self::Bare(Update::Lost(id)),
            Update::Watch(id, is_watching) => Self::Bare(Update::Watch(id, is_watching)),
            Update::Keyframe(id) => Self::Bare(Update::Keyframe(id)),
            Update::Loudness(id, score) => Self::Bare(Update::Loudness(id, score)),
            Update::Layers(id, watched) => Self::Bare(Update::Layers(id, watched)),
            Update::Chosen(room, slot, id) => Self::Bare(Update::Chosen(room, slot, id)),
        }
    }

    pub fn as_update(&self) -> Update<'_> {
        match self {
            Self::Bare(update) => *update,
            Self::Packet(publication, sequence, packet) => Update::Packet {
                publication: *publication,
                sequence: *sequence,
                packet,
            },
            Self::Report(publication, timestamp, at, compound) => Update::Report {
                publication: *publication,
                timestamp: *timestamp,
                at: *at,
                compound,
            },
        }
    }
}

impl Egress for Sent {
    fn datagram(&mut self, _: usize, to: SocketAddr, write: impl FnOnce(&mut [u8]) -> usize) {
        let mut buffer = vec![0; DATAGRAM_CAPACITY];
        let len = write(&mut buffer);
        if len > 0 {
            buffer.truncate(len);
            self.datagrams.push((to, buffer));
        }
    }

    fn has_room(&mut self, _: usize, kind: MediaKind) -> bool {
        match &mut self.room_for {
            Some(left) if kind == MediaKind::Video => {
                let has_room = *left > 0;
                *left = left.saturating_sub(1);
                has_room
            }
            _ => true,
        }
    }

    fn event(&mut self, event: Event) {
        self.events.push(event);
    }

    fn feed(&mut self, item: FeedItem) {
        self.fed.push(item);
    }

    fn update(&mut self, to: WorkerIndex, update: Update<'_>) {
        self.updates.push((to, OwnedUpdate::new(update)));
    }
}

/// One session seen from outside, with its end of the SRTP.
pub struct Client {
    pub session: SessionId,
    pub address: SocketAddr,
    pub sending: SrtpContext,
    pub receiving: SrtpContext,
}

pub struct World {
    pub relay: Relay,
    pub sent: Sent,
    pub now: Nanos,
    /// Octets added to every packet of a publisher.
    pub filler: usize,
}

impl World {
    pub fn new() -> Self {
        Self::worker(0, 1)
    }

    /// One of several relays.
    pub fn worker(worker: WorkerIndex, workers: usize) -> Self {
        let now = 5 * SECOND;
        let mut config = Config::new(2_500_000, 1_790_000_000 * SECOND, 7);
        (config.worker, config.workers) = (worker, workers);
        Self {
            relay: Relay::new(config, now),
            sent: Sent::default(),
            now,
            filler: 0,
        }
    }

    pub fn command(&mut self, command: Command) {
        self.relay.command(self.now, command, &mut self.sent);
        self.relay.end_batch(self.now, &mut self.sent);
    }

    pub fn connect(&mut self, number: u64, room: &str) -> Client {
        let session = SessionId(number);
        let (ufrag, pwd) = (format!("ufrag{number}"), PASSWORD.to_owned());
        self.command(Command::AddSession {
            session,
            room: room.into(),
            ufrag: ufrag.clone(),
            pwd: pwd.clone(),
        });
        let address = SocketAddr::from(([127, 0, 0, 1], 10_000 + number as u16));
        self.check(address, &ufrag);
        let (local, remote) = (vec![number as u8; 28], vec![number as u8 ^ 0x80; 28]);
        let context = |material: &[u8]| {
            SrtpContext::from_keying_material(Profile::AeadAes128Gcm, material).unwrap()
        };
        let client = Client {
            session,
            address,
            sending: context(&remote),
            receiving: context(&local),
        };
        self.command(Command::SetKeys(
            session,
            SessionKeys {
                profile: Profile::AeadAes128Gcm,
                local,
                remote,
            },
        ));
        client
    }

    /// A nominating check from an address.
    pub fn check(&mut self, address: SocketAddr, ufrag: &str) {
        let mut request = [0; 256];
        let parts = RequestParts {
            remote_ufrag: ufrag,
            local_ufrag: "them",
            priority: 1,
            use_candidate: true,
            role: IceRole::Controlling(1),
        };
        let len = stun::write_request(&mut request, &[7; 12], &parts, PASSWORD.as_bytes()).unwrap();
        self.relay
            .datagram(self.now, (0, address), &mut request[..len], &mut self.sent);
    }

    pub fn publisher(&mut self, number: u64, room: &str) -> Client {
        let client = self.connect(number, room);
        self.command(Command::Publish(
            client.session,
            PublicationId(number),
            camera(number),
        ));
        client
    }

    pub fn viewer(&mut self, number: u64, room: &str) -> Client {
        let client = self.connect(number, room);
        self.command(Command::Subscribe(client.session, vec![output()]));
        client
    }

    pub fn show(&mut self, room: &str, publication: u64) {
        self.command(Command::SetSlot(
            room.into(),
            program(),
            Some(PublicationId(publication)),
        ));
    }

    /// One packet of a publisher: number is the extended sequence, the payload names publisher and number.
    pub fn publish(&mut self, client: &mut Client, number: u64, is_key: bool) {
        self.publish_as(client, number, (client.session.0 as u32, 102), is_key);
    }

    /// The same under another SSRC and payload type.
    pub fn publish_as(
        &mut self,
        client: &mut Client,
        number: u64,
        source: (u32, u8),
        is_key: bool,
    ) {
        let timestamp = (number as u32).wrapping_mul(3000);
        self.publish_packet(client, (number, timestamp), source, is_key);
    }

    /// The same captured at an RTP timestamp.
    pub fn publish_at(&mut self, client: &mut Client, captured: (u64, u32), is_key: bool) {
        self.publish_packet(client, captured, (client.session.0 as u32, 102), is_key);
    }

    fn publish_packet(
        &mut self,
        client: &mut Client,
        (number, timestamp): (u64, u32),
        (ssrc, payload_type): (u32, u8),
        is_key: bool,
    ) {
        let mut packet = vec![0x80, 0x80 | payload_type];
        packet.extend_from_slice(&(number as u16).to_be_bytes());
        packet.extend_from_slice(&timestamp.to_be_bytes());
        packet.extend_from_slice(&ssrc.to_be_bytes());
        packet.push(if is_key { 0x65 } else { 0x41 });
        packet.push(0x88);
        packet.resize(packet.len() + self.filler, 0);
        packet.extend_from_slice(&client.session.0.to_be_bytes());
        packet.extend_from_slice(&number.to_be_bytes());
        client
            .sending
            .protect_rtp_with_index(&mut packet, number)
            .unwrap();
        self.relay
            .datagram(self.now, (0, client.address), &mut packet, &mut self.sent);
    }

    /// The RTX packet (RFC 4588) of a number of a publisher's; `index` is that of the repair.
    pub fn repair(&mut self, client: &mut Client, index: u64, number: u64) {
        let session = client.session.0;
        let mut packet = vec![0x80, 103];
        packet.extend_from_slice(&(index as u16).to_be_bytes());
        packet.extend_from_slice(&((number as u32).wrapping_mul(3000)).to_be_bytes());
        packet.extend_from_slice(&(session as u32 + 1000).to_be_bytes());
        packet.extend_from_slice(&(number as u16).to_be_bytes());
        packet.extend_from_slice(&[0x41, 0x88]);
        packet.extend_from_slice(&session.to_be_bytes());
        packet.extend_from_slice(&number.to_be_bytes());
        client
            .sending
            .protect_rtp_with_index(&mut packet, index)
            .unwrap();
        self.relay
            .datagram(self.now, (0, client.address), &mut packet, &mut self.sent);
    }

    /// A number spent on padding alone.
    pub fn probe(&mut self, client: &mut Client, number: u64) {
        let mut packet = vec![0xa0, 102];
        packet.extend_from_slice(&(number as u16).to_be_bytes());
        packet.extend_from_slice(&((number as u32).wrapping_mul(3000)).to_be_bytes());
        packet.extend_from_slice(&(client.session.0 as u32).to_be_bytes());
        packet.extend_from_slice(&[0, 0, 0, 4]);
        client
            .sending
            .protect_rtp_with_index(&mut packet, number)
            .unwrap();
        self.relay
            .datagram(self.now, (0, client.address), &mut packet, &mut self.sent);
    }

    pub fn end_batch(&mut self) {
        self.relay.end_batch(self.now, &mut self.sent);
    }

    pub fn nack(&mut self, client: &mut Client, sequences: &[u16]) {
        let mut compound = Vec::new();
        ReceiverReport::write(&mut compound, 1, &[]);
        Nack::write(&mut compound, 1, 111, sequences);
        client.sending.protect_rtcp(&mut compound).unwrap();
        self.relay
            .datagram(self.now, (0, client.address), &mut compound, &mut self.sent);
    }

    /// Takes what was sent to a client: decrypted RTP as (header, publisher, number), and the kinds of RTCP parts.
    pub fn receive(&mut self, client: &mut Client) -> (Vec<(Header, u64, u64)>, Vec<&'static str>) {
        let (mut media, mut feedback) = (Vec::new(), Vec::new());
        for (to, mut bytes) in std::mem::take(&mut self.sent.datagrams) {
            if to != client.address {
                self.sent.datagrams.push((to, bytes));
            } else if (192..=223).contains(&bytes[1]) {
                let len = client.receiving.unprotect_rtcp(&mut bytes).unwrap();
                feedback.extend(rtcp::parts(&bytes[..len]).map(|part| match part.unwrap() {
                    Packet::Pli(_) => "pli",
                    Packet::Nack(_) => "nack",
                    Packet::SenderReport(_) => "sr",
                    _ => "other",
                }));
            } else if bytes[0] >= 128 {
                let plain = client
                    .receiving
                    .unprotect_rtp(&mut bytes)
                    .expect("no packet is sent twice on one number");
                let payload = &bytes[plain.header.payload()];
                let tail = &payload[payload.len() - 16..];
                let number = |at: usize| u64::from_be_bytes(tail[at..at + 8].try_into().unwrap());
                media.push((plain.header, number(0), number(8)));
            }
        }
        (media, feedback)
    }
}

pub fn camera(number: u64) -> PublicationSpec {
    PublicationSpec {
        kind: MediaKind::Video,
        codec: Codec::H264,
        mid: "0".into(),
        clock_rate: 90_000,
        payload_types: vec![(102, PayloadRole::Media), (103, PayloadRole::Rtx)],
        ssrc: vec![number as u32],
        rtx_ssrc: vec![number as u32 + 1000],
        mid_ext: None,
        rids: Box::default(),
        rid_ext: None,
        repaired_rid_ext: None,
        audio_level_ext: None,
        send_time_ext: None,
        nack: true,
        pli: true,
        remb: true,
        source: "camera".into(),
    }
}

/// What every viewer takes: the program as H264.
pub fn output() -> OutputSpec {
    OutputSpec {
        slot: program(),
        mid: "0".into(),
        ssrc: 111,
        rtx_ssrc: Some(112),
        payload_types: vec![(
            Codec::H264,
            OutputPayload {
                media: 120,
                rtx: Some(121),
            },
        )],
        mid_ext: None,
        send_time_ext: None,
        cname: "c".into(),
    }
}

pub fn program() -> Slot {
    Slot::from_name("V0").unwrap()
}

/// ICE password of every session.
pub const PASSWORD: &str = "password-password-password";

/// First sequence number of every publisher, in the first cycle as a receiver without history assumes.
pub const FIRST: u64 = 30_000;
