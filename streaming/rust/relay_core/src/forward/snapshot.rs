//! Numbers for stats(): plain copies taken at one moment, so that nobody reads the tables from outside.

use std::net::SocketAddr;

use super::egress::SocketIndex;
use super::ladder::Ladder;
use super::model::{MILLISECOND, Nanos};
use super::publication::Publication;
use super::relay::Relay;
use super::totals::Totals;
use crate::error::SrtpError;

/// Datagrams that were refused, by reason.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct DropCounters {
    /// STUN for nobody.
    pub unknown_ufrag: u64,
    /// STUN with a wrong or missing MESSAGE-INTEGRITY.
    pub bad_integrity: u64,
    /// SRTP or SRTCP before the keys.
    pub srtp_before_keys: u64,
    /// Authentication failed.
    pub srtp_auth: u64,
    /// Seen before or behind the replay window.
    pub replayed: u64,
    /// Not RTP, or larger than anything forwarded.
    pub malformed_rtp: u64,
    /// A part of a compound that is not RTCP.
    pub malformed_rtcp: u64,
    /// Not STUN, or too short to be answered before its address is known.
    pub malformed_stun: u64,
    /// STUN beyond what one source, or one session, may send.
    pub stun_excess: u64,
    /// Handshake packets beyond what a session may send, or be sent.
    pub dtls_excess: u64,
    /// Authentic, but of no publication.
    pub unknown_ssrc: u64,
    /// From an address no check came from.
    pub unknown_source: u64,
    /// Nothing RFC 7983 knows here.
    pub other: u64,
}

impl DropCounters {
    /// Adds what another relay counted.
    pub fn add(&mut self, other: &Self) {
        self.unknown_ufrag += other.unknown_ufrag;
        self.bad_integrity += other.bad_integrity;
        self.srtp_before_keys += other.srtp_before_keys;
        self.srtp_auth += other.srtp_auth;
        self.replayed += other.replayed;
        self.malformed_rtp += other.malformed_rtp;
        self.malformed_rtcp += other.malformed_rtcp;
        self.malformed_stun += other.malformed_stun;
        self.stun_excess += other.stun_excess;
        self.dtls_excess += other.dtls_excess;
        self.unknown_ssrc += other.unknown_ssrc;
        self.unknown_source += other.unknown_source;
        self.other += other.other;
    }

    /// Counts what an SRTP context refused; `malformed` is the counter for what is no packet at all.
    pub(super) fn count_refused(&mut self, error: SrtpError, malformed: fn(&mut Self) -> &mut u64) {
        *match error {
            SrtpError::Replayed | SrtpError::TooOld => &mut self.replayed,
            SrtpError::Authentication => &mut self.srtp_auth,
            SrtpError::TooManySources => &mut self.unknown_ssrc,
            _ => malformed(self),
        } += 1;
    }
}

/// One session.
#[derive(Debug, Clone)]
#[allow(
    missing_docs,
    reason = "the names are those of docs/protocol/engine.md"
)]
pub struct PeerStats {
    pub session: u64,
    pub path: Option<(SocketIndex, SocketAddr)>,
    pub rtt_ms: Option<f64>,
    pub loss: f64,
    pub packets_out: u64,
    pub bytes_out: u64,
    pub nack: u64,
    pub rtx: u64,
    pub pli: u64,
    pub estimate_bps: Option<u64>,
    pub padding_bytes: u64,
    pub left_out: u64,
}

/// One publication.
#[derive(Debug, Clone)]
#[allow(
    missing_docs,
    reason = "the names are those of docs/protocol/engine.md"
)]
pub struct PublicationStats {
    pub publication: u64,
    pub packets: u64,
    pub bytes: u64,
    pub bitrate_bps: u64,
    pub lost: i64,
    pub jitter_ms: f64,
    pub keyframes: u64,
    pub last_media_ms_ago: Option<u64>,
    /// Simulcast layers, lowest first; the numbers above are their sums, jitter and age those of the best.
    pub layers: Vec<LayerStats>,
}

/// One simulcast layer.
#[derive(Debug, Clone)]
#[allow(
    missing_docs,
    reason = "the names are those of docs/protocol/engine.md"
)]
pub struct LayerStats {
    pub rid: String,
    pub is_sending: bool,
    pub viewers: u64,
    pub packets: u64,
    pub bytes: u64,
    pub bitrate_bps: u64,
    pub lost: i64,
    pub keyframes: u64,
}

/// Everything the state machine counts.
#[derive(Debug, Clone, Default)]
pub struct Snapshot {
    /// Refused datagrams.
    pub dropped: DropCounters,
    /// Since the start, of everything there was.
    pub totals: Totals,
    /// By session.
    pub sessions: Vec<PeerStats>,
    /// By publication.
    pub publications: Vec<PublicationStats>,
}

impl Relay {
    /// The numbers of this moment.
    pub fn snapshot(&self, now: Nanos) -> Snapshot {
        let sessions = self.peers.values().map(|peer| PeerStats {
            session: peer.id.0,
            path: peer.selected,
            rtt_ms: peer.rtt.map(|rtt| rtt as f64 / MILLISECOND as f64),
            loss: peer.loss,
            packets_out: peer.counters.packets_out,
            bytes_out: peer.counters.bytes_out,
            nack: peer.counters.nack,
            rtx: peer.counters.rtx,
            pli: peer.counters.pli,
            estimate_bps: peer.bandwidth.estimate().or_else(|| {
                let (_, rate) = peer.inbound.as_ref()?;
                Some(rate.allowed(self.config.remb_min_bps, self.config.remb_bps))
            }),
            padding_bytes: peer.counters.padding,
            left_out: peer.counters.left_out,
        });
        let single = self
            .publications
            .values()
            .filter(|publication| publication.rid.is_none() && publication.mirror_of.is_none())
            .map(|publication| publication_stats(publication, now));
        let layered = self
            .ladders
            .values()
            .filter(|ladder| ladder.mirror_of.is_none())
            .map(|ladder| self.layered_stats(ladder, now));
        let mut totals = self.totals;
        for peer in self.peers.values() {
            totals.add_peer(&peer.counters);
        }
        for publication in self.publications.values() {
            if publication.mirror_of.is_none() {
                totals.add_publication(&publication.counters);
            }
        }
        Snapshot {
            dropped: self.dropped,
            totals,
            sessions: sessions.collect(),
            publications: single.chain(layered).collect(),
        }
    }

    fn layered_stats(&self, ladder: &Ladder, now: Nanos) -> PublicationStats {
        let mut sum = PublicationStats {
            publication: ladder.id.0,
            packets: 0,
            bytes: 0,
            bitrate_bps: 0,
            lost: 0,
            jitter_ms: 0.0,
            keyframes: 0,
            last_media_ms_ago: None,
            layers: Vec::with_capacity(ladder.rungs.len()),
        };
        let room = self.rooms.get(&ladder.room);
        for rung in &ladder.rungs {
            let Some(found) = self.publications.get(&rung.id) else {
                continue;
            };
            let one = publication_stats(found, now);
            sum.packets += one.packets;
            sum.bytes += one.bytes;
            sum.bitrate_bps += one.bitrate_bps;
            sum.lost += one.lost;
            sum.keyframes += one.keyframes;
            sum.jitter_ms = one.jitter_ms;
            sum.last_media_ms_ago = match (sum.last_media_ms_ago, one.last_media_ms_ago) {
                (Some(first), Some(second)) => Some(first.min(second)),
                (first, second) => first.or(second),
            };
            let viewers = room.map_or(&[][..], |room| &room.viewers);
            let outputs = viewers
                .iter()
                .filter_map(|viewer| self.peers.get(viewer))
                .flat_map(|peer| &peer.outputs);
            sum.layers.push(LayerStats {
                rid: rung.rid.clone(),
                is_sending: rung.is_sending,
                viewers: outputs
                    .filter(|output| output.shown() == Some(rung.id))
                    .count() as u64,
                packets: one.packets,
                bytes: one.bytes,
                bitrate_bps: one.bitrate_bps,
                lost: one.lost,
                keyframes: one.keyframes,
            });
        }
        sum
    }
}

fn publication_stats(publication: &Publication, now: Nanos) -> PublicationStats {
    PublicationStats {
        publication: publication.id.0,
        packets: publication.counters.packets,
        bytes: publication.counters.bytes,
        bitrate_bps: publication.bitrate.bps(now),
        lost: publication.stats.lost(),
        jitter_ms: publication.stats.jitter_ms(),
        keyframes: publication.counters.keyframes,
        last_media_ms_ago: publication
            .last_media
            .map(|at| now.saturating_sub(at) / MILLISECOND),
        layers: Vec::new(),
    }
}
