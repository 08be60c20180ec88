//! One published track, or one simulcast layer of it: its source, its packets, what it owes to receiver reports, NACK and key frame
//! requests.
//!
//! Knows nothing of viewers, rooms or SRTP; the packet it is given is plain.

use std::sync::Arc;

use super::cache::{AUDIO_CAPACITY, Insertion, PacketCache, PacketMeta, VIDEO_CAPACITY};
use super::capture_clock::CaptureClock;
use super::gop::Gop;
use super::keyframe::KeyframeRequests;
use super::line::SourceKey;
use super::loudness::Loudness;
use super::mirror::{Watchers, WorkerIndex};
use super::missing::{Gap, MissingPackets};
use super::model::{
    Codec, MediaKind, Nanos, PayloadRole, PublicationId, PublicationSpec, SECOND, SessionId,
};
use super::receive_stats::ReceiveStats;
use crate::payload::h264::H264Info;
use crate::payload::vp8::Vp8Descriptor;
use crate::rtp::Header;

/// A gap beyond this is a new start. Viewers' numbers follow the publisher's, and a receiver that misses half a cycle takes the wrong
/// rollover counter (RFC 3711 §3.3.1): it could never open a packet again.
const LARGEST_GAP: u64 = 1 << 13;

/// What a batch brought for the viewers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fresh {
    /// A packet in the cache.
    Packet(u64),
    /// A sequence number spent on padding: viewers must not see a gap there.
    Probe(u64),
}

/// Whether a packet was of use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reception {
    /// New media.
    Media {
        /// A recorder or viewer can start here.
        is_entry: bool,
    },
    /// Padding only.
    Probe,
    /// Seen before, or too old to matter.
    Useless,
    /// Larger than anything that could be forwarded.
    TooLarge,
}

/// A published track or one layer of it.
pub(crate) struct Publication {
    pub id: PublicationId,
    pub owner: SessionId,
    /// The worker of the owner, if it is not this one.
    pub mirror_of: Option<WorkerIndex>,
    /// Of a mirror: whether its owner was told that somebody here watches.
    pub is_watched: bool,
    /// Mirrors to keep fed.
    pub watchers: Watchers,
    pub room: Arc<str>,
    pub spec: PublicationSpec,
    /// The layer's RID (RFC 8852); None without simulcast.
    pub rid: Option<String>,
    /// Of a layer: its last sender report, for a recorder that changes to it.
    pub last_report: Option<Arc<[u8]>>,
    /// A layer that sends nothing while others do; its next packet is news for those who choose layers.
    pub is_idle: bool,
    pub generation: u32,
    pub ssrc: Option<u32>,
    pub rtx_ssrc: Option<u32>,
    pub cache: PacketCache,
    pub gop: Gop,
    pub clock: CaptureClock,
    pub stats: ReceiveStats,
    pub missing: MissingPackets,
    pub keyframes: KeyframeRequests,
    /// Of audio.
    pub loudness: Loudness,
    /// What came since the last fan-out.
    pub fresh: Vec<Fresh>,
    /// Which viewer is served first since the last key frame, and from the next one on: one that the last did not reach.
    pub turn: usize,
    pub next_turn: usize,
    pub highest: Option<u64>,
    pub last_media: Option<Nanos>,
    pub is_stalled: bool,
    /// Timestamp of the last key frame: its later packets are no entry points.
    pub last_entry: Option<u32>,
    pub counters: PublicationCounters,
    pub bitrate: BitrateMeter,
}

/// Counters for stats().
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct PublicationCounters {
    pub packets: u64,
    pub bytes: u64,
    pub keyframes: u64,
    /// Packets with the marker: ends of frames.
    pub frames: u64,
}

impl Publication {
    pub fn new(id: PublicationId, owner: SessionId, room: Arc<str>, spec: PublicationSpec) -> Self {
        let capacity = match spec.kind {
            MediaKind::Video => VIDEO_CAPACITY,
            MediaKind::Audio => AUDIO_CAPACITY,
        };
        let rid = id
            .layer_index()
            .and_then(|index| spec.rids.get(index).cloned());
        Self {
            id,
            owner,
            mirror_of: None,
            is_watched: false,
            watchers: Watchers::default(),
            room,
            last_report: None,
            is_idle: rid.is_some(),
            rid,
            generation: 0,
            ssrc: spec.ssrc.first().copied(),
            rtx_ssrc: spec.rtx_ssrc.first().copied(),
            cache: PacketCache::new(capacity),
            gop: Gop::default(),
            clock: CaptureClock::new(spec.clock_rate),
            stats: ReceiveStats::new(spec.clock_rate),
            missing: MissingPackets::default(),
            keyframes: KeyframeRequests::default(),
            loudness: Loudness::default(),
            fresh: Vec::with_capacity(64),
            turn: 0,
            next_turn: 0,
            highest: None,
            last_media: None,
            is_stalled: false,
            last_entry: None,
            counters: PublicationCounters::default(),
            bitrate: BitrateMeter::default(),
            spec,
        }
    }

    /// Identifies the current run of the source.
    pub fn key(&self) -> SourceKey {
        SourceKey {
            publication: self.id,
            generation: self.generation,
        }
    }

    /// Whether what came since the last fan-out has an entry point.
    pub fn has_fresh_entry(&self) -> bool {
        self.fresh.iter().any(|item| match item {
            Fresh::Packet(sequence) => self
                .cache
                .get(*sequence)
                .is_some_and(|(meta, _)| meta.is_entry),
            Fresh::Probe(_) => false,
        })
    }

    /// The role of a payload type, if it is one of ours.
    pub fn role_of(&self, payload_type: u8) -> Option<PayloadRole> {
        self.spec
            .payload_types
            .iter()
            .find(|(number, _)| *number == payload_type)
            .map(|(_, role)| *role)
    }

    /// The first media payload type.
    pub fn media_payload_type(&self) -> u8 {
        self.spec
            .payload_types
            .iter()
            .find(|(_, role)| *role == PayloadRole::Media)
            .map_or(0, |(number, _)| *number)
    }

    /// The publisher sends its media on another SSRC from now on: a new source.
    pub fn restart(&mut self, ssrc: u32, now: Nanos) {
        if self.ssrc == Some(ssrc) {
            return;
        }
        self.ssrc = Some(ssrc);
        if self.highest.is_some() {
            self.start_anew(now);
        }
    }

    /// Nothing of before continues: cache, numbers and clock begin again.
    pub fn start_anew(&mut self, now: Nanos) {
        self.generation += 1;
        self.cache.clear();
        self.gop.clear();
        self.missing.clear();
        self.fresh.clear();
        self.highest = None;
        self.last_entry = None;
        self.clock = CaptureClock::new(self.spec.clock_rate);
        self.stats = ReceiveStats::new(self.spec.clock_rate);
        if self.spec.kind == MediaKind::Video {
            self.keyframes.want(now);
        }
    }

    /// Takes a plain packet; `sequence` is extended, `payload` is without padding, repairs are already unwrapped.
    pub fn receive(
        &mut self,
        header: &Header,
        payload: &[u8],
        sequence: u64,
        now: Nanos,
        is_repair: bool,
    ) -> Reception {
        if self
            .highest
            .is_some_and(|highest| sequence > highest + LARGEST_GAP)
        {
            self.start_anew(now);
        }
        if !is_repair {
            self.stats.on_packet(sequence, header.timestamp, now);
        }
        if self.missing.on_packet(sequence, now) == Gap::Outage
            && self.spec.kind == MediaKind::Video
        {
            self.gop.on_outage();
            self.keyframes.want(now);
        }
        if payload.is_empty() {
            self.gop.on_probe(sequence);
            self.highest = self.highest.max(Some(sequence));
            self.fresh.push(Fresh::Probe(sequence));
            return Reception::Probe;
        }
        let meta = self.inspect(header, payload, sequence);
        match self.cache.insert(meta, payload) {
            Insertion::New => {}
            Insertion::Duplicate | Insertion::TooOld => return Reception::Useless,
            Insertion::TooLarge => return Reception::TooLarge,
        }
        self.highest = self.highest.max(Some(sequence));
        self.clock.on_packet(header.timestamp, now);
        self.last_media = Some(now);
        self.counters.packets += 1;
        self.counters.bytes += payload.len() as u64;
        self.counters.frames += u64::from(header.marker);
        self.bitrate.add(payload.len(), now);
        if self.spec.kind == MediaKind::Video {
            self.gop.on_packet(&meta, now);
        }
        if meta.is_entry && self.spec.kind == MediaKind::Video {
            self.last_entry = Some(header.timestamp);
            self.counters.keyframes += 1;
            self.keyframes.satisfied();
        }
        self.fresh.push(Fresh::Packet(sequence));
        Reception::Media {
            is_entry: meta.is_entry,
        }
    }

    fn inspect(&self, header: &Header, payload: &[u8], sequence: u64) -> PacketMeta {
        let (is_entry, vp8) = match self.spec.codec {
            Codec::Opus => (true, None),
            Codec::H264 => (
                H264Info::parse(payload).is_ok_and(|info| info.keyframe_start),
                None,
            ),
            Codec::Vp8 => match Vp8Descriptor::parse(payload) {
                Ok(descriptor) => (descriptor.keyframe_start, Some(descriptor)),
                Err(_) => (false, None),
            },
        };
        // An H264 key frame has several packets a decoder could name its start: SPS, each slice. One of them counts.
        let is_first =
            self.spec.kind == MediaKind::Audio || self.last_entry != Some(header.timestamp);
        PacketMeta {
            sequence,
            timestamp: header.timestamp,
            marker: header.marker,
            is_entry: is_entry && is_first,
            vp8,
        }
    }
}

/// Bits per second over the last full second.
#[derive(Debug, Clone, Default)]
pub(crate) struct BitrateMeter {
    window_start: Nanos,
    bytes: u64,
    last_bps: u64,
}

impl BitrateMeter {
    fn add(&mut self, bytes: usize, now: Nanos) {
        self.roll(now);
        self.bytes += bytes as u64;
    }

    fn roll(&mut self, now: Nanos) {
        let elapsed = now.saturating_sub(self.window_start);
        if elapsed >= SECOND {
            self.last_bps = if elapsed < 2 * SECOND {
                self.bytes * 8 * SECOND / elapsed
            } else {
                0
            };
            (self.window_start, self.bytes) = (now, 0);
        }
    }

    /// The rate as of `now`.
    pub fn bps(&self, now: Nanos) -> u64 {
        let mut meter = self.clone();
        meter.roll(now);
        meter.last_bps
    }
}
