//! The TCP thread: accepts, reads packets for the media thread, writes what it sends. Nothing here waits for one connection.

use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use hashbrown::HashMap;
use mio::net::TcpListener;
use mio::{Events, Interest, Poll, Token, Waker};
use relay_core::forward::{MILLISECOND, Nanos, SocketIndex};

use super::connection::{Connection, ReadTurn};
use super::exchange::{
    FIRST_CONNECTION, Mailbox, NetworkEnd, TcpNumbers, TcpPort, TcpStats, exchange,
};
use super::limits::{Admission, TcpLimits};
use crate::sys::{self, EventFd};

const WAKER: Token = Token(0);
/// Listeners have the tokens after the waker's, connections their own numbers.
const FIRST_LISTENER: usize = 1;
/// How often ages are looked at and numbers published.
const SWEEP: Nanos = 250 * MILLISECOND;
/// When to look again at what was left over.
const SOON: Duration = Duration::from_millis(1);
const CHUNK_BYTES: usize = 64 << 10;

/// The thread's state.
pub struct TcpServer {
    poll: Poll,
    listeners: Vec<TcpListener>,
    end: NetworkEnd,
    limits: TcpLimits,
    connections: HashMap<SocketIndex, Connection>,
    admission: Admission,
    next_connection: SocketIndex,
    stats: TcpStats,
    /// Connections that have more to read.
    unfinished: Vec<SocketIndex>,
    /// Connections with something new to write.
    dirty: Vec<SocketIndex>,
    outgoing: Mailbox,
    chunk: Vec<u8>,
}

/// A server of these listeners, the media thread's end (`media` wakes it) and the numbers.
pub fn open(
    mut listeners: Vec<TcpListener>,
    limits: TcpLimits,
    media: Arc<EventFd>,
) -> io::Result<(TcpServer, TcpPort, TcpNumbers)> {
    let poll = Poll::new()?;
    let (port, end, numbers) = exchange(media, Waker::new(poll.registry(), WAKER)?);
    for (index, listener) in listeners.iter_mut().enumerate() {
        let token = Token(FIRST_LISTENER + index);
        poll.registry()
            .register(listener, token, Interest::READABLE)?;
    }
    let server = TcpServer {
        poll,
        listeners,
        end,
        limits,
        connections: HashMap::new(),
        admission: Admission::default(),
        next_connection: FIRST_CONNECTION,
        stats: TcpStats::default(),
        unfinished: Vec::new(),
        dirty: Vec::new(),
        outgoing: Mailbox::default(),
        chunk: vec![0; CHUNK_BYTES],
    };
    Ok((server, port, numbers))
}

impl TcpServer {
    /// Works until the media thread has ended.
    pub fn run(mut self) -> io::Result<()> {
        let mut events = Events::with_capacity(256);
        let mut next_sweep = sys::monotonic();
        loop {
            let wait = next_sweep.saturating_sub(sys::monotonic());
            let has_room = self.end.hand_over();
            let timeout = if has_room && self.unfinished.is_empty() {
                Duration::from_nanos(wait)
            } else {
                SOON
            };
            match self.poll.poll(&mut events, Some(timeout)) {
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                result => result?,
            }
            let now = sys::monotonic();
            let is_last = self.end.is_media_gone();
            for event in &events {
                let token = event.token();
                if token.0 >= FIRST_CONNECTION {
                    // Writable events come alone only when room is there again.
                    if event.is_writable() {
                        self.write(token.0);
                    }
                    self.unfinished.push(token.0);
                } else if token != WAKER {
                    self.accept(token.0 - FIRST_LISTENER, now);
                }
            }
            if has_room {
                self.read_all();
            }
            self.deliver(now);
            if is_last {
                return Ok(());
            }
            if now >= next_sweep {
                next_sweep = now + SWEEP;
                self.sweep(now);
            }
        }
    }

    fn accept(&mut self, listener: usize, now: Nanos) {
        loop {
            let (mut tcp, remote) = match self.listeners[listener].accept() {
                Ok(accepted) => accepted,
                // It went away while it waited; the next one may be well.
                Err(error) if error.kind() == ErrorKind::ConnectionAborted => continue,
                // Nobody more, or no descriptors left: the sweep tries again.
                Err(_) => return,
            };
            self.stats.accepted += 1;
            let remote = SocketAddr::new(remote.ip().to_canonical(), remote.port());
            let number = self.next_connection;
            let interest = Interest::READABLE | Interest::WRITABLE;
            let registry = self.poll.registry();
            if !self.admission.enter(remote.ip(), &self.limits) {
                self.stats.refused += 1;
            } else if registry
                .register(&mut tcp, Token(number), interest)
                .is_err()
            {
                self.admission.leave(remote.ip(), false);
            } else {
                self.next_connection += 1;
                self.connections
                    .insert(number, Connection::new(tcp, remote, now));
            }
        }
    }

    fn read_all(&mut self) {
        let mut waiting = std::mem::take(&mut self.unfinished);
        waiting.sort_unstable();
        waiting.dedup();
        waiting.retain(|number| {
            let Some(connection) = self.connections.get_mut(number) else {
                return false;
            };
            let arrived = &mut self.end.arrived;
            let turn = connection.read(&mut self.chunk, &self.limits, |remote, packet| {
                arrived.packet(*number, remote, packet);
            });
            if turn == ReadTurn::Closed {
                self.close(*number);
            }
            turn == ReadTurn::Unfinished
        });
        self.unfinished = waiting;
    }

    fn deliver(&mut self, now: Nanos) {
        let mut outgoing = std::mem::take(&mut self.outgoing);
        self.end.take(&mut outgoing);
        outgoing.drain(|number, _, packet| {
            let (Some(connection), Some(packet)) = (self.connections.get_mut(&number), packet)
            else {
                return;
            };
            if !connection.is_checked {
                connection.is_checked = true;
                self.admission.checked(connection.remote.ip());
            }
            if !connection.push(packet, now) {
                self.stats.dropped += 1;
            }
            if !std::mem::replace(&mut connection.is_dirty, true) {
                self.dirty.push(number);
            }
        });
        self.outgoing = outgoing;
        for number in std::mem::take(&mut self.dirty) {
            self.write(number);
        }
    }

    fn write(&mut self, number: SocketIndex) {
        let Some(connection) = self.connections.get_mut(&number) else {
            return;
        };
        if connection.write().is_err() {
            self.close(number);
        }
    }

    fn close(&mut self, number: SocketIndex) {
        if let Some(mut connection) = self.connections.remove(&number) {
            // Closing the descriptor ends the registration in any case.
            let _ = self.poll.registry().deregister(&mut connection.tcp);
            let remote = connection.remote;
            self.admission.leave(remote.ip(), connection.is_checked);
            self.end.arrived.closed(number, remote);
        }
    }

    fn sweep(&mut self, now: Nanos) {
        let overdue: Vec<_> = self
            .connections
            .iter()
            .filter(|(_, connection)| connection.is_overdue(now, &self.limits))
            .map(|(number, _)| *number)
            .collect();
        for number in overdue {
            self.stats.silent += 1;
            self.close(number);
        }
        for listener in 0..self.listeners.len() {
            self.accept(listener, now);
        }
        self.stats.open = self.admission.open() as u64;
        self.stats.unchecked = self.admission.unchecked() as u64;
        self.end.tell(self.stats);
    }
}
