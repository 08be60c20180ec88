//! One recording while it is fed: what becomes of the items of its room. Sockets and the other recordings are the server's.

use std::sync::Arc;

use relay_core::forward::{FeedSource, MediaKind, Nanos, SECOND, Slot};

use super::frame::{Frame, NO_SLOT, kind};
use super::ring::Ring;

/// Browsers send no key frame unasked; while no recorder asks, GOPs must not outgrow the ring.
const LONGEST_GOP: Nanos = 8 * SECOND;
/// Least time between two overflow events of a recording.
const OVERFLOW_EVENTS: Nanos = SECOND;

/// Numbers of one recording for stats().
#[derive(Debug, Clone)]
#[allow(
    missing_docs,
    reason = "the names are those of docs/protocol/engine.md"
)]
pub struct RecordingStats {
    pub recording: Arc<str>,
    pub room: Arc<str>,
    pub attached: bool,
    pub next_seq: u64,
    pub acked_seq: u64,
    pub ring_bytes: usize,
    pub overflow: u64,
}

/// A recording that is switched on, or waits for its last acknowledgement.
pub struct Recording {
    room: Arc<str>,
    /// Random number of the room in this media epoch.
    pub room_number: u64,
    /// What is not acknowledged yet.
    pub ring: Ring,
    /// When it was switched off.
    pub ended_at: Option<Nanos>,
    /// Connection of its recorder.
    pub attached: Option<u64>,
    wall_offset: u64,
    overflow_reported: u64,
    overflow_event_at: Nanos,
    /// When each slot last had, or was last asked for, a key frame.
    entry_at: [Nanos; Slot::COUNT],
}

impl Recording {
    /// A recording that begins, or goes on, with this ring; `wall_offset` is UTC at engine clock 0.
    pub fn new(room: Arc<str>, room_number: u64, ring: Ring, wall_offset: u64) -> Self {
        Self {
            room,
            room_number,
            ring,
            ended_at: None,
            attached: None,
            wall_offset,
            overflow_reported: 0,
            overflow_event_at: 0,
            entry_at: [0; Slot::COUNT],
        }
    }

    /// A control frame outside the sequence, with an empty payload: the template of all others.
    pub fn control_frame(&self, at: Nanos) -> Frame {
        Frame {
            kind: kind::CONTROL,
            slot: NO_SLOT,
            room: self.room_number,
            publication: 0,
            feed_seq: 0,
            monotonic_ns: at,
            wall_ns: self.wall_offset + at,
            payload: Arc::from(&[][..]),
        }
    }

    /// It was switched off.
    pub fn end(&mut self, at: Nanos) {
        self.ended_at = Some(at);
        let payload = Arc::from(&br#"{"event":"end"}"#[..]);
        let header = self.control_frame(at);
        self.ring.push_control(Frame { payload, ..header });
    }

    /// A slot shows something else.
    pub fn show(&mut self, slot: Slot, source: Option<&FeedSource>, at: Nanos) {
        let header = self.control_frame(at);
        self.ring.push_source(Frame {
            slot: slot.octet(),
            publication: source.map_or(0, |source| source.publication.0),
            payload: source_payload(slot, source),
            ..header
        });
    }

    /// Packets of a slot found no room on the way here.
    pub fn lose(&mut self, slot: Slot, count: u64, at: Nanos) {
        let header = self.control_frame(at);
        self.ring.push_lost(slot, count, header);
    }

    /// Takes a packet; returns the slot when it needs a key frame.
    pub fn take(&mut self, slot: Slot, frame: Frame, is_entry: bool) -> Option<Slot> {
        let at = frame.monotonic_ns;
        let entry_at = &mut self.entry_at[slot.index()];
        let is_overdue =
            slot.kind() == MediaKind::Video && at.saturating_sub(*entry_at) >= LONGEST_GOP;
        if is_entry || is_overdue {
            *entry_at = at;
        }
        let waiting = self.ring.push_packet(frame, is_entry);
        waiting.or(is_overdue.then_some(slot))
    }

    /// Whether to tell of an overflow now; counts as told when it says so.
    pub fn has_overflow_to_report(&mut self, at: Nanos) -> bool {
        let is_due = self.ring.overflow() > self.overflow_reported
            && at.saturating_sub(self.overflow_event_at) >= OVERFLOW_EVENTS;
        if is_due {
            self.overflow_reported = self.ring.overflow();
            self.overflow_event_at = at;
        }
        is_due
    }

    /// Its numbers under its id.
    pub fn stats(&self, recording: Arc<str>) -> RecordingStats {
        RecordingStats {
            recording,
            room: self.room.clone(),
            attached: self.attached.is_some(),
            next_seq: self.ring.next_seq(),
            acked_seq: self.ring.acked(),
            ring_bytes: self.ring.bytes(),
            overflow: self.ring.overflow(),
        }
    }
}

fn source_payload(slot: Slot, source: Option<&FeedSource>) -> Arc<[u8]> {
    let json = match source {
        Some(source) => serde_json::json!({
            "event": "source", "slot": slot.name(), "publication": source.publication.0, "codec": source.codec.name(),
            "clock_rate": source.clock_rate, "pt": source.payload_type,
            "kind": if source.kind == MediaKind::Video { "video" } else { "audio" }, "source": source.source,
        }),
        None => serde_json::json!({"event": "source", "slot": slot.name(), "publication": null}),
    };
    Arc::from(json.to_string().into_bytes())
}
