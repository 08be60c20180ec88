//! What can go wrong between Python and the threads.

use std::io;

/// Errors of the engine's calls.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// An address could not be bound.
    #[error("cannot bind udp {address}: {source}")]
    Bind {
        /// `ip:port`.
        address: String,
        /// Why.
        source: io::Error,
    },
    /// A TCP listener beside a UDP socket could not be opened.
    #[error("cannot listen on tcp {address}: {source}")]
    Listen {
        /// `ip:port`.
        address: String,
        /// Why.
        source: io::Error,
    },
    /// The feed socket could not be made.
    #[error("cannot listen on {path}: {source}")]
    FeedSocket {
        /// Its path.
        path: String,
        /// Why.
        source: io::Error,
    },
    /// The system refused something the engine cannot do without.
    #[error("cannot start the engine: {0}")]
    System(#[from] io::Error),
    /// An argument Python must not give.
    #[error("{0}")]
    InvalidArgument(String),
    /// `shutdown()` was called.
    #[error("the engine was shut down")]
    Stopped,
    /// A thread panicked.
    #[error("the engine failed: {0}")]
    Failed(String),
}
