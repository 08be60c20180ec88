//! A media thread: takes batches, drives its state machine, sends batches. The only place where its time is spent.
//!
//! The first worker reads the sockets for all; what is for another goes over a [`Lane`]. What a publisher sent is handed to the workers
//! that have viewers of it before this one serves its own: theirs do not wait for ours.

use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::os::fd::{AsRawFd, RawFd};
use std::sync::Arc;

use crossbeam_channel::{Receiver, TryRecvError};
use parking_lot::Mutex;
use relay_core::demux::{DatagramKind, classify};
use relay_core::forward::{
    Command, Config, Egress, Event, FeedItem, MILLISECOND, MediaKind, Nanos, Relay, SessionId,
    Snapshot, SocketIndex, Update, WorkerIndex,
};

use crate::arena::{SendArena, SendPath};
use crate::delay::DelayHistogram;
use crate::event::EventQueue;
use crate::feed::FeedSender;
use crate::lane::{Delivery, Inlet, Lane};
use crate::pressure::Pressure;
use crate::router::{READER, Router};
use crate::sys::{self, BATCH, EventFd, Interest, ReceiveBatch};
use crate::tcp::{FIRST_CONNECTION, TcpPort};

/// How stale stats() may be.
const STATS_INTERVAL: Nanos = 250 * MILLISECOND;
/// Batches taken from one socket, or another worker, before the others and the commands get their turn.
const BATCHES_PER_TURN: usize = 4;
/// Commands carried out before media gets its turn.
const COMMANDS_PER_TURN: usize = 256;

/// What reaches a media thread besides datagrams.
pub enum WorkerCommand {
    /// For the state machine.
    Relay(Command),
    /// To the reading worker: checks that name this fragment are for that worker's session.
    Admit(SessionId, String, WorkerIndex),
    /// To the reading worker: another worker's session has gone.
    Dismiss(SessionId),
    /// The end.
    Stop,
}

/// What a media thread tells stats().
#[derive(Debug, Clone, Default)]
pub struct WorkerStats {
    /// Since the start.
    pub uptime: Nanos,
    /// Time spent waiting.
    pub idle: Nanos,
    /// Datagrams sent.
    pub sent: u64,
    /// Datagrams the kernel refused.
    pub refused: u64,
    /// Packets and datagrams that found no room on their way to another worker.
    pub handover_lost: u64,
    /// Whether bursts leave as one UDP GSO send.
    pub gso: bool,
    /// By socket.
    pub sockets: Vec<SendPath>,
    /// Of media packets, from the kernel's receive time to the return of the last viewer's send.
    pub delay: DelayHistogram,
    /// The state machine's numbers.
    pub relay: Snapshot,
}

/// What a media thread works with.
pub struct Worker {
    /// One per announced address.
    pub sockets: Arc<[UdpSocket]>,
    /// Commands.
    pub commands: Receiver<WorkerCommand>,
    /// Signalled when commands or parcels wait.
    pub wake: Arc<EventFd>,
    /// From each other worker.
    pub inlets: Vec<(WorkerIndex, Inlet)>,
    /// To each worker; None = itself. Empty with one worker.
    pub lanes: Vec<Option<Lane>>,
    /// Events for Python.
    pub events: Arc<EventQueue>,
    /// The recorder feed, if there is one.
    pub feed: Option<FeedSender>,
    /// ICE-TCP connections.
    pub tcp: Option<TcpPort>,
    /// For stats().
    pub stats: Arc<Mutex<WorkerStats>>,
    /// Settings of the state machine; names this worker and the number of all.
    pub config: Config,
}

struct Output {
    arena: SendArena,
    tcp: Option<TcpPort>,
    events: Arc<EventQueue>,
    feed: Option<FeedSender>,
    lanes: Vec<Option<Lane>>,
    /// The reading worker's, when there are several.
    router: Option<Router>,
    /// When what is worked on now arrived.
    arrival: Nanos,
    pressure: Pressure,
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

    #[inline]
    fn has_room(&mut self, socket: SocketIndex, kind: MediaKind) -> bool {
        let is_full = kind == MediaKind::Video && self.arena.is_full(socket);
        !is_full && self.pressure.admits(kind, sys::monotonic())
    }

    fn event(&mut self, event: Event) {
        self.events.push(event);
    }

    fn feed(&mut self, item: FeedItem) {
        if let Some(feed) = &mut self.feed {
            feed.push(item);
        }
    }

    fn update(&mut self, to: WorkerIndex, update: Update<'_>) {
        let arrival = self.arrival;
        if let Some(lane) = self.lane(to) {
            lane.update(update, arrival);
        }
    }

    fn route(&mut self, socket: SocketIndex, from: SocketAddr, is_here: bool) {
        if self.router.is_some() {
            self.reroute((socket, from), READER, is_here);
        } else if let Some(reader) = self.lane(READER) {
            reader.route(socket, from, is_here);
        }
    }
}

impl Output {
    fn lane(&mut self, to: WorkerIndex) -> Option<&mut Lane> {
        self.lanes.get_mut(to).and_then(Option::as_mut)
    }

    fn reroute(&mut self, path: (SocketIndex, SocketAddr), worker: WorkerIndex, is_here: bool) {
        let Some(router) = &mut self.router else {
            return;
        };
        let before = router.route(path, worker, is_here);
        if let Some(lane) = before.and_then(|before| self.lane(before)) {
            lane.forget(path.0, path.1);
        }
    }

    /// A connection is gone: its worker is to know, and its number never comes again.
    fn close(&mut self, path: (SocketIndex, SocketAddr)) {
        let Some(router) = &mut self.router else {
            return;
        };
        let Some(worker) = router.close(path) else {
            return;
        };
        if let Some(lane) = self.lane(worker) {
            lane.close(path.0, path.1);
        }
    }

    /// Lets the other workers begin.
    #[inline]
    fn hand_over(&mut self) {
        for lane in self.lanes.iter_mut().flatten() {
            lane.flush();
        }
    }

    fn flush(&mut self) {
        self.hand_over();
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
        let is_reader = self.config.worker == READER;
        let arena = SendArena::new(self.sockets.clone());
        let mut media = Media {
            relay: Relay::new(
                Config {
                    is_padding: arena.uses_gso(),
                    ..self.config.clone()
                },
                started,
            ),
            output: Output {
                arena,
                events: self.events.clone(),
                feed: self.feed.take(),
                tcp: self.tcp.take(),
                router: (is_reader && !self.lanes.is_empty()).then(Router::default),
                lanes: std::mem::take(&mut self.lanes),
                arrival: 0,
                pressure: Pressure::default(),
            },
            inlets: std::mem::take(&mut self.inlets),
            batch: ReceiveBatch::new(),
            delay: DelayHistogram::default(),
            arrivals: Vec::with_capacity(BATCH),
        };
        let mut interests = vec![Interest {
            fd: self.wake.as_raw_fd(),
            writable: false,
        }];
        let read = self.sockets.iter().filter(|_| is_reader);
        interests.extend(read.map(|socket| Interest {
            fd: socket.as_raw_fd(),
            writable: false,
        }));
        let mut ready = Vec::with_capacity(interests.len());
        let (mut idle, mut next_stats, mut has_more) = (0, started, false);
        loop {
            let before = sys::monotonic();
            let due = media.relay.next_wakeup().min(next_stats);
            let timeout = if has_more {
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
                Turn::Idle => has_more = false,
                Turn::More => has_more = true,
                Turn::Stop => {
                    // Goodbyes (close_notify) were commands of this very turn.
                    media.output.flush();
                    return Ok(());
                }
            }
            has_more |= media.take_parcels();
            if is_woken && is_reader {
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
                *self.stats.lock() = media.stats(now, now - started, idle);
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
                Ok(WorkerCommand::Admit(session, ufrag, worker)) => {
                    if let Some(router) = &mut media.output.router {
                        router.admit(session, ufrag, worker);
                    }
                }
                Ok(WorkerCommand::Dismiss(session)) => {
                    if let Some(router) = &mut media.output.router {
                        router.dismiss(session);
                    }
                }
                Ok(WorkerCommand::Stop) | Err(TryRecvError::Disconnected) => return Turn::Stop,
                Err(TryRecvError::Empty) => {
                    turn = Turn::Idle;
                    break;
                }
            }
        }
        let now = sys::monotonic();
        media.relay.end_batch(now, &mut media.output);
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
    inlets: Vec<(WorkerIndex, Inlet)>,
    batch: ReceiveBatch,
    delay: DelayHistogram,
    /// Of the media packets of this batch.
    arrivals: Vec<Nanos>,
}

impl Media {
    /// What arrived over TCP since the last time.
    fn receive_from_connections(&mut self, now: Nanos) {
        let Some(mut arrived) = self.output.tcp.as_mut().map(TcpPort::take) else {
            return;
        };
        self.take_parcels(); // As in `receive`.
        arrived.drain(|connection, remote, packet| match packet {
            Some(packet) => route_datagram(
                (&mut self.relay, &mut self.output, &mut self.arrivals),
                now,
                (connection, remote, now),
                packet,
            ),
            None => {
                self.relay.close_path((connection, remote));
                self.output.close((connection, remote));
            }
        });
        self.finish(now);
        if let Some(tcp) = &mut self.output.tcp {
            tcp.give_back(arrived);
        }
    }

    fn receive(&mut self, socket: SocketIndex, fd: RawFd) -> io::Result<()> {
        for _ in 0..BATCHES_PER_TURN {
            let count = match self.batch.receive(fd) {
                Ok(count) => count,
                // A route or a neighbour failed some earlier datagram; the socket itself is well.
                Err(error) if is_passing(&error) => continue,
                Err(error) => return Err(error),
            };
            // Read first, then listen: what a peer sends upon our answer to its check finds the path that the answer's worker reported.
            self.take_parcels();
            let now = sys::monotonic();
            for index in 0..count {
                let arrival = self.batch.arrival(index);
                let Some((from, datagram)) = self.batch.datagram(index) else {
                    continue;
                };
                route_datagram(
                    (&mut self.relay, &mut self.output, &mut self.arrivals),
                    now,
                    (socket, from, arrival),
                    datagram,
                );
            }
            self.finish(now);
            if count < BATCH {
                break;
            }
        }
        Ok(())
    }

    /// Takes what other workers handed over; true when there may be more.
    fn take_parcels(&mut self) -> bool {
        let (mut has_any, mut has_more) = (false, false);
        let now = sys::monotonic();
        for (from_worker, inlet) in &self.inlets {
            let mut taken = 0;
            while taken < BATCHES_PER_TURN {
                let Some(mut parcel) = inlet.next() else {
                    break;
                };
                parcel.unpack(|delivery| match delivery {
                    Delivery::Datagram {
                        socket,
                        from,
                        arrival,
                        bytes,
                    } => take_datagram(
                        (&mut self.relay, &mut self.output, &mut self.arrivals),
                        now,
                        (socket, from, arrival),
                        bytes,
                    ),
                    Delivery::Update(update, arrival) => {
                        if arrival > 0 {
                            self.arrivals.push(arrival);
                        }
                        self.relay
                            .update(now, *from_worker, update, &mut self.output);
                    }
                    Delivery::Route {
                        socket,
                        from,
                        is_here,
                    } => {
                        if is_here {
                            self.relay.forget_path((socket, from));
                        }
                        self.output.reroute((socket, from), *from_worker, is_here);
                    }
                    Delivery::Forget { socket, from } => self.relay.forget_path((socket, from)),
                    Delivery::Close { socket, from } => self.relay.close_path((socket, from)),
                });
                inlet.give_back(parcel);
                taken += 1;
            }
            has_any |= taken > 0;
            has_more |= taken == BATCHES_PER_TURN;
        }
        if has_any {
            self.finish(now);
        }
        has_more
    }

    /// Sends on what a batch brought and notes how long its media took.
    fn finish(&mut self, now: Nanos) {
        self.output.hand_over();
        let oldest = self.arrivals.iter().min().copied();
        self.output.pressure.begin(oldest.unwrap_or(now), now);
        let sent = self.output.arena.sent;
        self.relay.end_batch(now, &mut self.output);
        self.output.flush();
        self.output.pressure.end();
        if self.output.arena.sent > sent {
            let done = sys::monotonic();
            for arrival in &self.arrivals {
                self.delay.add(done.saturating_sub(*arrival), 1);
            }
        }
        self.arrivals.clear();
    }

    fn stats(&self, now: Nanos, uptime: Nanos, idle: Nanos) -> WorkerStats {
        let lanes = self.output.lanes.iter().flatten();
        WorkerStats {
            uptime,
            idle,
            sent: self.output.arena.sent,
            refused: self.output.arena.refused(),
            handover_lost: lanes.map(|lane| lane.dropped).sum(),
            gso: self.output.arena.uses_gso(),
            sockets: self.output.arena.paths.clone(),
            delay: self.delay.clone(),
            relay: self.relay.snapshot(now),
        }
    }
}

/// Hands a datagram to the worker it is for.
#[inline]
fn route_datagram(
    (relay, output, arrivals): (&mut Relay, &mut Output, &mut Vec<Nanos>),
    now: Nanos,
    (socket, from, arrival): (SocketIndex, SocketAddr, Nanos),
    datagram: &mut [u8],
) {
    let router = output.router.as_ref();
    if let Some(worker) = router.and_then(|router| router.find((socket, from), datagram)) {
        if let Some(lane) = output.lane(worker) {
            lane.datagram(socket, from, arrival, datagram);
        }
        return;
    }
    take_datagram(
        (relay, output, arrivals),
        now,
        (socket, from, arrival),
        datagram,
    );
}

#[inline]
fn take_datagram(
    (relay, output, arrivals): (&mut Relay, &mut Output, &mut Vec<Nanos>),
    now: Nanos,
    (socket, from, arrival): (SocketIndex, SocketAddr, Nanos),
    datagram: &mut [u8],
) {
    if classify(datagram) == DatagramKind::Rtp {
        arrivals.push(arrival);
    }
    output.arrival = arrival;
    relay.datagram(now, (socket, from), datagram, output);
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
