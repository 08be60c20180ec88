//! The recorder feed of docs/protocol/recorder_feed.md: frames, the ring per recording, the Unix socket, the thread that serves it.
//!
//! The media thread only ever does a bounded, non-blocking hand-over ([`FeedSender`]); everything that may wait is in [`server`].

mod connection;
mod frame;
mod handover;
mod recording;
mod ring;
mod server;

pub use handover::{FeedSender, handover};
pub use recording::RecordingStats;
pub use ring::RingLimits;
pub use server::FeedServer;
