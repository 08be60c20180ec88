//! The JSON of stats(), as docs/protocol/engine.md has it.

use serde_json::{Map, Value, json};

use relay_core::forward::{DropCounters, Totals};

use crate::arena::SendPath;
use crate::delay::DelayHistogram;
use crate::feed::RecordingStats;
use crate::tcp::{FIRST_CONNECTION, TcpStats};
use crate::worker::WorkerStats;

/// Writes the snapshot.
pub fn to_json(
    workers: &[WorkerStats],
    recordings: &[RecordingStats],
    tcp: TcpStats,
    dtls_excess: u64,
) -> String {
    let (mut dropped, mut delay) = (DropCounters::default(), DelayHistogram::default());
    let mut totals = Totals::default();
    for worker in workers {
        dropped.add(&worker.relay.dropped);
        totals.add(&worker.relay.totals);
        delay.merge(&worker.delay);
    }
    let sum = |count: fn(&WorkerStats) -> u64| workers.iter().map(count).sum::<u64>();
    let sessions: Map<String, Value> = workers.iter().flat_map(|worker| &worker.relay.sessions).map(|peer| {
        let value = json!({
            "address": peer.path.map(|path| path.1.to_string()),
            "protocol": peer.path.map(|path| if path.0 < FIRST_CONNECTION { "udp" } else { "tcp" }),
            "rtt_ms": peer.rtt_ms, "loss": peer.loss,
            "packets_out": peer.packets_out, "bytes_out": peer.bytes_out, "nack": peer.nack, "rtx": peer.rtx, "pli": peer.pli,
            "estimate_bps": peer.estimate_bps, "padding_bytes": peer.padding_bytes, "left_out": peer.left_out,
        });
        (peer.session.to_string(), value)
    }).collect();
    let publications: Map<String, Value> = workers.iter().flat_map(|worker| &worker.relay.publications).map(|publication| {
        let layers: Vec<Value> = publication.layers.iter().map(|layer| json!({
            "rid": layer.rid, "sending": layer.is_sending, "viewers": layer.viewers, "packets": layer.packets, "bytes": layer.bytes,
            "bitrate_bps": layer.bitrate_bps, "lost": layer.lost, "keyframes": layer.keyframes,
        })).collect();
        let value = json!({
            "packets": publication.packets, "bytes": publication.bytes, "bitrate_bps": publication.bitrate_bps,
            "lost": publication.lost, "jitter_ms": publication.jitter_ms, "keyframes": publication.keyframes,
            "last_media_ms_ago": publication.last_media_ms_ago, "layers": layers,
        });
        (publication.publication.to_string(), value)
    }).collect();
    let recordings: Map<String, Value> = recordings.iter().map(|recording| {
        let value = json!({
            "room": &*recording.room, "attached": recording.attached, "next_seq": recording.next_seq,
            "acked_seq": recording.acked_seq, "ring_bytes": recording.ring_bytes, "overflow": recording.overflow,
        });
        (recording.recording.to_string(), value)
    }).collect();
    json!({
        "uptime_ms": workers.iter().map(|worker| worker.uptime).max().unwrap_or(0) / 1_000_000,
        "idle_ns": sum(|worker| worker.idle),
        "sent": sum(|worker| worker.sent),
        "send_refused": sum(|worker| worker.refused),
        "workers": workers.iter().map(|worker| json!({
            "idle_ns": worker.idle, "sent": worker.sent, "sessions": worker.relay.sessions.len(),
            "handover_lost": worker.handover_lost, "gso": worker.gso,
        })).collect::<Vec<_>>(),
        "sockets": sockets(workers),
        "dropped": {
            "unknown_ufrag": dropped.unknown_ufrag, "bad_integrity": dropped.bad_integrity,
            "srtp_before_keys": dropped.srtp_before_keys, "srtp_auth": dropped.srtp_auth, "replayed": dropped.replayed,
            "malformed_rtp": dropped.malformed_rtp, "malformed_rtcp": dropped.malformed_rtcp,
            "malformed_stun": dropped.malformed_stun, "unknown_ssrc": dropped.unknown_ssrc,
            "unknown_source": dropped.unknown_source, "stun_excess": dropped.stun_excess, "dtls_excess": dtls_excess + dropped.dtls_excess, "other": dropped.other,
        },
        "totals": {
            "packets_out": totals.packets_out, "bytes_out": totals.bytes_out, "nack": totals.nack, "rtx": totals.rtx,
            "pli": totals.pli, "packets_in": totals.packets_in, "bytes_in": totals.bytes_in,
            "keyframes": totals.keyframes, "nack_out": totals.nack_out, "pli_out": totals.pli_out,
        },
        "sessions": sessions,
        "publications": publications,
        "recordings": recordings,
        "tcp": {
            "open": tcp.open, "unchecked": tcp.unchecked, "accepted": tcp.accepted, "refused": tcp.refused,
            "silent": tcp.silent, "dropped": tcp.dropped,
        },
        "forward_delay_us": {
            "p50": delay.quantile_us(0.5), "p99": delay.quantile_us(0.99), "count": delay.count(),
            "sum": delay.sum_us(), "buckets": delay.cumulative_us(),
        },
    })
    .to_string()
}

/// What sending came to by socket, all workers together.
fn sockets(workers: &[WorkerStats]) -> Vec<Value> {
    let count = workers.iter().map(|worker| worker.sockets.len()).max();
    let of = |index: usize| {
        workers
            .iter()
            .filter_map(move |worker| worker.sockets.get(index))
    };
    let numbers = |index: usize| {
        let sum = |count: fn(&SendPath) -> u64| of(index).map(count).sum::<u64>();
        json!({
            "gso": of(index).all(|path| path.gso), "gso_refused": sum(|path| path.gso_refused),
            "refused": sum(|path| path.refused), "full": sum(|path| path.full),
        })
    };
    (0..count.unwrap_or(0)).map(numbers).collect()
}
