//! The forwarding state machine: sessions, rooms, publications, outputs. Bytes and `now` in, [`Egress`] out.
//!
//! One packet's way: `ingress` (decrypt once) → `publication` and `cache` (keep once) → `fanout` → `output` and `line` (rewrite and
//! seal per viewer). RTCP: `feedback` in, `reports` out. Nothing here reads a clock, blocks, or allocates per packet and viewer.

mod allocation;
mod bandwidth;
mod cache;
mod capture_clock;
#[cfg(test)]
mod churn_tests;
mod command;
mod delay_trend;
mod dynacast;
mod egress;
mod fanout;
mod feedback;
mod flood;
mod gop;
mod inbound_rate;
mod ingress;
mod keyframe;
mod ladder;
mod layers;
mod line;
mod loudness;
mod mirror;
mod missing;
mod model;
mod output;
mod padding;
mod paths;
mod peer;
mod probing;
mod publication;
mod receive_stats;
mod relay;
mod remb_trust;
mod replay;
mod reports;
mod room;
mod snapshot;
mod speakers;
mod squeeze;
mod switching;
mod totals;

pub use command::{Command, Config, SessionKeys};
pub use dynacast::LayerSet;
pub use egress::{DATAGRAM_CAPACITY, Egress, Event, FeedItem, FeedSource, SocketIndex};
pub use mirror::{MAX_WORKERS, Update, WorkerIndex};
pub use model::{
    Codec, MILLISECOND, MediaKind, Nanos, OutputPayload, OutputSpec, PayloadRole, PublicationId,
    PublicationSpec, SECOND, SessionId, Slot,
};
pub use relay::Relay;
pub use room::room_home;
pub use snapshot::{DropCounters, LayerStats, PeerStats, PublicationStats, Snapshot};
pub use totals::Totals;
