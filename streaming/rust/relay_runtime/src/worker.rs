//! The media thread: receives batches, drives the state machine, sends batches. The only place where its time is spent.

use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::os::fd::AsRawFd;
use std::sync::Arc;

use crossbeam_channel::{Receiver, TryRecvError};
use parking_lot::Mutex;
use relay_core::forward::{
    Command, Config, Egress, Event, FeedItem, MILLISECOND, Nanos, Relay, Snapshot, SocketIndex,
};

use crate::arena::SendArena;
use crate::delay::DelayHistogram;
use crate::event::EventQueue;
use crate::feed::FeedSender;
use crate::sys::{self, BATCH, EventFd, Interest, ReceiveBatch};
use crate::tcp::{FIRST_CONNECTION, TcpPort};

/// How stale stats() may be.
const STATS_INTERVAL: Nanos = 250 * MILLISECOND;
/// Batches taken from one socket before the others and the commands get their turn.
const BATCHES_PER_TURN: usize = 4;
/// Commands carried out before media gets its turn.
const COMMANDS_PER_TURN: usize = 256;

/// What reaches the media thread besides datagrams.
pub enum WorkerCommand {
    /// For the state machine.
    Relay(Command),
    /// The end.
    Stop,
}

/// What the media thread tells stats().
#[derive(Debug, Clone, Default)]
pub struct WorkerStats {
    /// Since the start.
    pub uptime: Nanos,
    /// Time spent waiting.
    pub idle: Nanos,
    /// Datagrams sent, refused by the kernel.
    pub sent: u64,
    /// Datagrams the kernel refused.
    pub refused: u64,
    /// From receiving a batch to its last datagram sent.
    pub delay: DelayHistogram,
    /// The state machine's numbers.
    pub relay: Snapshot,
}

/// What the media thread works with.
pub struct Worker {
    /// One per announced address.
    pub sockets: Arc<[UdpSocket]>,
    /// Commands.
    pub commands: Receiver<WorkerCommand>,
    /// Signalled when commands wait.
    pub wake: Arc<EventFd>,
    /// Events for Python.
    pub events: Arc<EventQueue>,
    /// The recorder feed, if there is one.
    pub feed: Option<FeedSender>,
    /// ICE-TCP connections.
    pub tcp: Option<TcpPort>,
    /// For stats().
    pub stats: Arc<Mutex<WorkerStats>>,
    /// Settings of the state machine.
    pub config: Config,
}

struct Output {
    arena: SendArena,
    tcp: Option<TcpPort>,
    events: Arc<EventQueue>,
    feed: Option<FeedSender>,
}

impl Egress for Output {
    #[inline]
    fn datagram(
        &mut self,
        socket: SocketIndex,
        to: SocketAddr,
        write: impl FnOnce(&mut [u8]) -> usize,
    ) {
        if socket < FIRST_CONNECTION {
            self.arena.datagram(socket, to, write);
        } else if let Some(tcp) = &mut self.tcp {
            tcp.datagram(socket, to, write);
        }
    }

    fn event(&mut self, event: Event) {
        self.events.push(event);
    }

    fn feed(&mut self, item: FeedItem) {
        if let Some(feed) = &mut self.feed {
            feed.push(item);
        }
    }
}

impl Output {
    fn flush(&mut self) {
        self.arena.flush();
        if let Some(tcp) = &mut self.tcp {
            tcp.flush();
        }
        if let Some(feed) = &mut self.feed {
            feed.flush();
        }
    }
}

impl Worker {
    /// Works until told to stop.
    pub fn run(mut self) -> io::Result<()> {
        let started = sys::monotonic();
        let mut media = Media {
            relay: Relay::new(self.config.clone(), started),
            output: Output {
                arena: SendArena::new(self.sockets.clone()),
                events: self.events.clone(),
                feed: self.feed.take(),
                tcp: self.tcp.take(),
            },
            batch: ReceiveBatch::new(),
            delay: DelayHistogram::default(),
        };
        let mut interests = vec![Interest {
            fd: self.wake.as_raw_fd(),
            writable: false,
        }];
        interests.extend(self.sockets.iter().map(|socket| Interest {
            fd: socket.as_raw_fd(),
            writable: false,
        }));
        let mut ready = Vec::with_capacity(interests.len());
        let (mut idle, mut next_stats, mut has_commands) = (0, started, false);
        loop {
            let before = sys::monotonic();
            let due = media.relay.next_wakeup().min(next_stats);
            let timeout = if has_commands {
                0
            } else {
                due.saturating_sub(before)
            };
            sys::poll(&interests, timeout, &mut ready)?;
            let now = sys::monotonic();
            idle += now - before;
            let is_woken = ready[0];
            if is_woken {
                self.wake.clear();
            }
            // Commands first: a check may arrive right behind the `add_session` it needs.
            match self.take_commands(&mut media) {
                Turn::Idle => has_commands = false,
                Turn::More => has_commands = true,
                Turn::Stop => {
                    // Goodbyes (close_notify) were commands of this very turn.
                    media.output.flush();
                    return Ok(());
                }
            }
            if is_woken {
                media.receive_from_connections(sys::monotonic());
            }
            for (index, _) in ready
                .iter()
                .enumerate()
                .skip(1)
                .filter(|(_, is_ready)| **is_ready)
            {
                media.receive(index - 1, interests[index].fd)?;
            }
            let now = sys::monotonic();
            if now >= media.relay.next_wakeup() {
                media.relay.tick(now, &mut media.output);
            }
            media.output.flush();
            if now >= next_stats {
                next_stats = now + STATS_INTERVAL;
                *self.stats.lock() = WorkerStats {
                    uptime: now - started,
                    idle,
                    sent: media.output.arena.sent,
                    refused: media.output.arena.refused,
                    delay: media.delay.clone(),
                    relay: media.relay.snapshot(now),
                };
            }
        }
    }

    fn take_commands(&self, media: &mut Media) -> Turn {
        let mut turn = Turn::More;
        for _ in 0..COMMANDS_PER_TURN {
            match self.commands.try_recv() {
                Ok(WorkerCommand::Relay(command)) => {
                    let now = sys::monotonic();
                    media.relay.command(now, command, &mut media.output);
                }
                Ok(WorkerCommand::Stop) | Err(TryRecvError::Disconnected) => return Turn::Stop,
                Err(TryRecvError::Empty) => {
                    turn = Turn::Idle;
                    break;
                }
            }
        }
        media.relay.end_batch(sys::monotonic(), &mut media.output);
        turn
    }
}

/// What a turn of commands left.
enum Turn {
    Idle,
    More,
    Stop,
}

struct Media {
    relay: Relay,
    output: Output,
    batch: ReceiveBatch,
    delay: DelayHistogram,
}

impl Media {
    /// What arrived over TCP since the last time.
    fn receive_from_connections(&mut self, now: Nanos) {
        let Some(mut arrived) = self.output.tcp.as_mut().map(TcpPort::take) else {
            return;
        };
        arrived.drain(|connection, remote, packet| match packet {
            Some(packet) => {
                self.relay
                    .datagram(now, (connection, remote), packet, &mut self.output)
            }
            None => self.relay.close_path((connection, remote)),
        });
        self.relay.end_batch(now, &mut self.output);
        if let Some(tcp) = &mut self.output.tcp {
            tcp.give_back(arrived);
        }
    }

    fn receive(&mut self, socket: SocketIndex, fd: std::os::fd::RawFd) -> io::Result<()> {
        for _ in 0..BATCHES_PER_TURN {
            let count = match self.batch.receive(fd) {
                Ok(count) => count,
                // A route or a neighbour failed some earlier datagram; the socket itself is well.
                Err(error) if is_passing(&error) => continue,
                Err(error) => return Err(error),
            };
            let now = sys::monotonic();
            let sent = self.output.arena.sent;
            for index in 0..count {
                if let Some((from, datagram)) = self.batch.datagram(index) {
                    self.relay
                        .datagram(now, (socket, from), datagram, &mut self.output);
                }
            }
            self.relay.end_batch(now, &mut self.output);
            self.output.flush();
            let datagrams = self.output.arena.sent - sent;
            if datagrams > 0 {
                self.delay.add(sys::monotonic() - now, datagrams);
            }
            if count < BATCH {
                break;
            }
        }
        Ok(())
    }
}

fn is_passing(error: &io::Error) -> bool {
    use io::ErrorKind::{
        ConnectionRefused, HostUnreachable, Interrupted, NetworkDown, NetworkUnreachable,
    };
    matches!(
        error.kind(),
        ConnectionRefused | HostUnreachable | NetworkUnreachable | NetworkDown | Interrupted
    )
}
