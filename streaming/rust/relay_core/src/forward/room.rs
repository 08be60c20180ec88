//! A room: what its slots show, who watches, whether it is recorded. Decides nothing about packets.

use std::sync::Arc;

use super::model::{PublicationId, SessionId, Slot};

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
