//! A room: what its slots show, who watches, whether it is recorded. Decides nothing about packets.

use std::sync::Arc;

use super::mirror::WorkerIndex;
use super::model::{PublicationId, SessionId, Slot};
use super::speakers::Speakers;

/// A room with at least one member, slot or recording.
pub(crate) struct Room {
    pub name: Arc<str>,
    /// Random number of the room in this media epoch, for the feed.
    pub number: u64,
    pub slots: [Option<PublicationId>; Slot::COUNT],
    /// Every session of the room.
    pub members: Vec<SessionId>,
    /// Those with outputs.
    pub viewers: Vec<SessionId>,
    pub recording: Option<Arc<str>>,
    pub speakers: Speakers,
}

impl Room {
    pub fn new(name: Arc<str>, number: u64) -> Self {
        Self {
            name,
            number,
            slots: [None; Slot::COUNT],
            members: Vec::new(),
            viewers: Vec::new(),
            recording: None,
            speakers: Speakers::default(),
        }
    }

    /// The slots that show a publication.
    pub fn slots_of(&self, publication: PublicationId) -> impl Iterator<Item = Slot> + '_ {
        let shown = self
            .slots
            .iter()
            .enumerate()
            .filter(move |(_, shown)| **shown == Some(publication));
        shown.filter_map(|(index, _)| Slot::from_index(index))
    }

    /// Whether nothing keeps the room alive.
    pub fn is_empty(&self) -> bool {
        self.members.is_empty()
            && self.recording.is_none()
            && self.slots.iter().all(Option::is_none)
    }
}

/// The random number of a room in a media epoch: the same on every worker, and for the whole epoch even if the room was empty in between.
pub(crate) fn room_number(seed: u64, name: &str) -> u64 {
    name.bytes()
        .fold(seed, |number, byte| mix(number ^ u64::from(byte)))
}

/// The worker that serves a room's recorder, and where its publishers are best put.
pub fn room_home(seed: u64, name: &str, workers: usize) -> WorkerIndex {
    (room_number(seed, name) % workers.max(1) as u64) as WorkerIndex
}

/// The output function of splitmix64 (Steele et al. 2014): spread, not secret.
pub(crate) fn mix(value: u64) -> u64 {
    let value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ (value >> 31)
}
