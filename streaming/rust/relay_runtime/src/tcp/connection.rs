//! One TCP connection: its packets in, its queue out, and what its age says about it.

use std::io::{self, ErrorKind, Read};
use std::net::SocketAddr;

use mio::net::TcpStream;
use relay_core::forward::Nanos;
use socket2::SockRef;

use super::framing::FrameReader;
use super::limits::TcpLimits;
use super::write_queue::WriteQueue;

/// Octets the kernel may hold unsent: what is behind them we can still drop.
const UNSENT_BYTES: u32 = 32 << 10;
/// Reads before other connections get their turn.
const READS_PER_TURN: usize = 4;

/// What reading came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReadTurn {
    /// Nothing more to read now.
    Done,
    /// More is there; it was somebody else's turn.
    Unfinished,
    /// End of stream, an error, or bytes that are no packets.
    Closed,
}

/// An accepted connection.
pub struct Connection {
    /// The socket, for the poller.
    pub tcp: TcpStream,
    /// The other side, v4-mapped addresses normalised.
    pub remote: SocketAddr,
    /// Whether the state machine ever answered here, which it does for authenticated checks only.
    pub is_checked: bool,
    /// Packets wait that came since the last write.
    pub is_dirty: bool,
    queue: WriteQueue,
    reader: FrameReader,
    early_packets: u32,
    /// When it was accepted, then when something was last sent.
    last_answer: Nanos,
}

impl Connection {
    /// Around a fresh socket.
    pub fn new(tcp: TcpStream, remote: SocketAddr, now: Nanos) -> Self {
        // Both only save time: a connection works without them.
        let _ = tcp.set_nodelay(true);
        let _ = SockRef::from(&tcp).set_tcp_notsent_lowat(UNSENT_BYTES);
        Self {
            tcp,
            remote,
            is_checked: false,
            is_dirty: false,
            queue: WriteQueue::default(),
            reader: FrameReader::default(),
            early_packets: 0,
            last_answer: now,
        }
    }

    /// Reads what is there, a fair share of it; each packet goes to `each`.
    pub fn read(
        &mut self,
        chunk: &mut [u8],
        limits: &TcpLimits,
        mut each: impl FnMut(SocketAddr, &[u8]),
    ) -> ReadTurn {
        for _ in 0..READS_PER_TURN {
            let count = match self.tcp.read(chunk) {
                Ok(0) => return ReadTurn::Closed,
                Ok(count) => count,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return ReadTurn::Done,
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(_) => return ReadTurn::Closed,
            };
            let (remote, early) = (self.remote, &mut self.early_packets);
            let fed = self.reader.feed(&chunk[..count], |packet| {
                *early = early.saturating_add(1);
                each(remote, packet);
            });
            let is_flooding = !self.is_checked && self.early_packets > limits.early_packets;
            if fed.is_err() || is_flooding {
                return ReadTurn::Closed;
            }
        }
        ReadTurn::Unfinished
    }

    /// Queues a packet of the state machine; false when it was dropped.
    pub fn push(&mut self, packet: &[u8], now: Nanos) -> bool {
        self.last_answer = now;
        self.queue.push(packet)
    }

    /// Writes what goes out without waiting.
    pub fn write(&mut self) -> io::Result<()> {
        self.is_dirty = false;
        self.queue.write_to(&mut self.tcp)
    }

    /// Whether nobody has proved to be there for too long.
    pub fn is_overdue(&self, now: Nanos, limits: &TcpLimits) -> bool {
        let patience = if self.is_checked {
            limits.silence
        } else {
            limits.first_check
        };
        now.saturating_sub(self.last_answer) > patience
    }
}
