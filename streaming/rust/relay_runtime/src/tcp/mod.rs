//! ICE-TCP, passive side (RFC 6544): one listener per announced address, on the port number of the UDP socket.
//!
//! A thread of its own owns listeners and connections, so that no slow reader reaches the media thread. Both exchange whole packets
//! through bounded mailboxes; to the state machine a connection is one more path. Nothing here parses STUN or holds keys: a
//! connection is trusted once the state machine answers on it, and it answers authenticated checks only.

mod connection;
mod exchange;
mod framing;
mod limits;
mod listen;
mod server;
mod write_queue;

pub use exchange::{FIRST_CONNECTION, TcpNumbers, TcpPort, TcpStats};
pub use limits::TcpLimits;
pub use listen::bind_with_listeners;
pub use server::open;
