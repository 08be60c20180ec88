//! What leaves the state machine: datagrams, events for Python and frames for the recorder feed.
//!
//! The runtime implements [`Egress`]; tests implement it with vectors. Nothing here knows sockets or threads.

use std::net::SocketAddr;
use std::sync::Arc;

use super::mirror::{Update, WorkerIndex};
use super::model::{Codec, MediaKind, Nanos, PublicationId, SessionId, Slot};

/// Index of one of the engine's sockets, in the order of the announced addresses.
pub type SocketIndex = usize;

/// Room for one datagram: larger than any Ethernet MTU, smaller than what an SRTP packet can grow to on loopback.
pub const DATAGRAM_CAPACITY: usize = 2048;

/// Where the state machine puts its results, at once and without waiting.
pub trait Egress {
    /// Lets `write` fill a buffer of [`DATAGRAM_CAPACITY`] octets and sends what it reports written; 0 = nothing.
    fn datagram(
        &mut self,
        socket: SocketIndex,
        to: SocketAddr,
        write: impl FnOnce(&mut [u8]) -> usize,
    );
    /// Whether there is time and room to send what a batch brought of this kind to one more viewer; else it is left out for this one.
    fn has_room(&mut self, _socket: SocketIndex, _kind: MediaKind) -> bool {
        true
    }
    /// Tells Python.
    fn event(&mut self, event: Event);
    /// Tells the recorder feed.
    fn feed(&mut self, item: FeedItem);
    /// Tells the relay of another worker. Only called when there are several.
    fn update(&mut self, _to: WorkerIndex, _update: Update<'_>) {}
    /// An authenticated check came from this path (or its session forgot it): its datagrams belong here from now on (or no longer).
    fn route(&mut self, _socket: SocketIndex, _from: SocketAddr, _is_here: bool) {}
}

/// What Python is told (docs/protocol/engine.md).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// A DTLS datagram of a session whose address was checked.
    Dtls(SessionId, Vec<u8>),
    /// The session's selected address.
    Selected(SessionId, SocketAddr),
    /// No authenticated check for the consent time-out: sending stopped.
    ConsentLost(SessionId),
    /// Checks are back.
    ConsentRegained(SessionId),
    /// No authenticated check for 60 s.
    Expired(SessionId),
    /// First media packet.
    PublicationMedia(SessionId, PublicationId),
    /// No media for 2 s.
    PublicationStalled(SessionId, PublicationId),
    /// Media again after a stall.
    PublicationResumed(SessionId, PublicationId),
    /// The layers of a simulcast publication, by RID, that somebody watches.
    LayersWanted(SessionId, PublicationId, Vec<String>),
    /// Others speak, or are heard, in a room than before.
    Speakers {
        /// Its name.
        room: Arc<str>,
        /// Who speaks, loudest first.
        speaking: Vec<PublicationId>,
        /// What A0, A1 and A2 show.
        heard: [Option<PublicationId>; 3],
    },
    /// A receiver report confirmed new packets; the highest extended sequence number.
    Delivered(SessionId, u64),
}

/// One thing for the recorder of a room.
#[derive(Debug, Clone)]
pub enum FeedItem {
    /// A recording was switched on.
    Start {
        /// Its id, chosen by the API.
        recording: Arc<str>,
        /// Random number of the room in this media epoch.
        room_number: u64,
        /// Room name, for statistics.
        room: Arc<str>,
    },
    /// A recording was switched off.
    End {
        /// Its id.
        recording: Arc<str>,
        /// When.
        at: Nanos,
    },
    /// A slot now shows this publication.
    Source {
        /// The recording.
        recording: Arc<str>,
        /// When.
        at: Nanos,
        /// The slot.
        slot: Slot,
        /// What it shows; None = empty.
        source: Option<FeedSource>,
    },
    /// A decrypted packet of a publication, once per slot that shows it.
    Packet {
        /// The recording.
        recording: Arc<str>,
        /// Arrival.
        at: Nanos,
        /// The slot.
        slot: Slot,
        /// The publication; of a simulcast publication the layer.
        publication: PublicationId,
        /// RTCP (a compound with the sender report) instead of RTP.
        is_rtcp: bool,
        /// Starts a key frame (always true for audio: any packet is an entry).
        is_entry: bool,
        /// The packet, shared between slots.
        packet: Arc<[u8]>,
    },
}

/// A publication as the recorder needs to know it.
#[derive(Debug, Clone)]
pub struct FeedSource {
    /// Its id; of a simulcast publication the layer's.
    pub publication: PublicationId,
    /// Codec.
    pub codec: Codec,
    /// RTP clock in Hz.
    pub clock_rate: u32,
    /// Media payload type.
    pub payload_type: u8,
    /// Audio or video.
    pub kind: MediaKind,
    /// "camera", "screen", "microphone".
    pub source: String,
}
