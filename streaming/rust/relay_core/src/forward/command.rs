//! What Python may ask of the state machine, and its settings.

use crate::srtp::Profile;

use super::mirror::WorkerIndex;
use super::model::{
    MILLISECOND, Nanos, OutputSpec, PublicationId, PublicationSpec, SECOND, SessionId, Slot,
};

/// Master keys of one session. No `Debug`: keys stay out of logs.
#[derive(Clone)]
pub struct SessionKeys {
    /// Protection profile.
    pub profile: Profile,
    /// Master key || salt for what we send.
    pub local: Vec<u8>,
    /// Master key || salt for what we receive.
    pub remote: Vec<u8>,
}

/// One command; ids and specs are checked where Python calls, unknown ids are ignored (the peer may just have gone).
pub enum Command {
    /// Answer STUN for this session from now on.
    AddSession {
        /// The session.
        session: SessionId,
        /// Its room.
        room: String,
        /// Our ICE user name fragment.
        ufrag: String,
        /// Our ICE password.
        pwd: String,
    },
    /// New ICE credentials; the old ones count until a check with the new ones succeeds.
    RestartIce(SessionId, String, String),
    /// Send a DTLS datagram to the selected address.
    SendDtls(SessionId, Vec<u8>),
    /// SRTP keys of the session.
    SetKeys(SessionId, SessionKeys),
    /// Forget the session and its publications.
    CloseSession(SessionId),
    /// A session publishes a track.
    Publish(SessionId, PublicationId, PublicationSpec),
    /// A session of another worker publishes a track of a room; keep a mirror of it.
    Mirror {
        /// The track.
        publication: PublicationId,
        /// Who publishes it.
        session: SessionId,
        /// The session's worker.
        worker: WorkerIndex,
        /// The session's room.
        room: String,
        /// What was negotiated.
        spec: PublicationSpec,
    },
    /// A track ends.
    Unpublish(PublicationId),
    /// The slots a session receives, all at once.
    Subscribe(SessionId, Vec<OutputSpec>),
    /// Direction: what a slot of a room shows.
    SetSlot(String, Slot, Option<PublicationId>),
    /// Recording on (id) or off; goes to the room's home worker alone ([`room_home`](super::room_home)).
    SetRecording(String, Option<String>),
    /// Ask the publisher for a key frame, coalesced.
    RequestKeyframe(PublicationId),
    /// The recorder asks for a key frame of what a slot shows, coalesced.
    RequestSlotKeyframe {
        /// Random number of the room, from the feed.
        room_number: u64,
        /// The slot.
        slot: Slot,
    },
}

impl Command {
    /// Whether other publications may be watched here afterwards than before.
    pub(crate) fn changes_watchers(&self) -> bool {
        matches!(
            self,
            Self::Mirror { .. }
                | Self::Subscribe(..)
                | Self::CloseSession(_)
                | Self::SetSlot(..)
                | Self::SetRecording(..)
        )
    }
}

/// Settings of the state machine.
#[derive(Debug, Clone)]
pub struct Config {
    /// The most that REMB allows a publisher, bits per second: what it is told until its path says otherwise.
    pub remb_bps: u64,
    /// The least.
    pub remb_min_bps: u64,
    /// UTC nanoseconds since 1970 at engine clock 0; the anchor of the epoch.
    pub wall_offset: u64,
    /// Seed of room numbers and first sequence numbers.
    pub seed: u64,
    /// Silence of checks that stops sending (RFC 7675 would allow 30 s; joints.md §5).
    pub consent_timeout: Nanos,
    /// Silence of checks after which the session is given up.
    pub expire_timeout: Nanos,
    /// Silence of media that makes a publication stalled.
    pub stall_timeout: Nanos,
    /// Least time between two `delivered` events of a session.
    pub delivered_interval: Nanos,
    /// Packets of a frame that differ little in size are made equal: the kernel joins them (UDP GSO).
    pub is_padding: bool,
    /// Which worker this is.
    pub worker: WorkerIndex,
    /// How many there are.
    pub workers: usize,
}

impl Config {
    /// The timings of joints.md §5.
    pub fn new(remb_bps: u64, wall_offset: u64, seed: u64) -> Self {
        Self {
            remb_bps,
            remb_min_bps: 150_000,
            wall_offset,
            seed,
            // 6 s, and slack: checks by RFC 7675 §5.1 come up to 6 s apart and have to travel.
            consent_timeout: 6500 * MILLISECOND,
            expire_timeout: 60 * SECOND,
            stall_timeout: 2000 * MILLISECOND,
            delivered_interval: 5 * SECOND,
            is_padding: false,
            worker: 0,
            workers: 1,
        }
    }
}
