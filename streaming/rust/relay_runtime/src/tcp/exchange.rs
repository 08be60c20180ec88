//! The two mailboxes between the media thread and the TCP thread. Bounded both ways; neither side ever waits for the other.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use mio::Waker;
use parking_lot::Mutex;
use relay_core::forward::{DATAGRAM_CAPACITY, SocketIndex};

use crate::sys::EventFd;

/// Socket indices from here on are connections, each with a number of its own that never comes again.
pub const FIRST_CONNECTION: SocketIndex = 1 << (SocketIndex::BITS - 1);
/// Octets that may wait in a mailbox.
const MAILBOX_BYTES: usize = 4 << 20;

/// Numbers for stats().
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct TcpStats {
    /// Connections open now.
    pub open: u64,
    /// Of these, without an authenticated check yet.
    pub unchecked: u64,
    /// Connections accepted since the start.
    pub accepted: u64,
    /// Connections closed at once because there were too many.
    pub refused: u64,
    /// Connections closed because no authenticated check came, or none any more.
    pub silent: u64,
    /// Packets not sent because a reader was too slow.
    pub dropped: u64,
}

/// One entry of a mailbox.
#[derive(Debug, Clone, Copy)]
enum Item {
    Packet(SocketIndex, SocketAddr, usize),
    Closed(SocketIndex, SocketAddr),
}

/// Packets in the order they came, in one buffer.
#[derive(Debug, Default)]
pub struct Mailbox {
    bytes: Vec<u8>,
    items: Vec<Item>,
}

impl Mailbox {
    fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// Adds a packet.
    pub fn packet(&mut self, connection: SocketIndex, remote: SocketAddr, packet: &[u8]) {
        self.bytes.extend_from_slice(packet);
        self.items
            .push(Item::Packet(connection, remote, packet.len()));
    }

    /// Adds word that a connection is gone.
    pub fn closed(&mut self, connection: SocketIndex, remote: SocketAddr) {
        self.items.push(Item::Closed(connection, remote));
    }

    /// Hands out everything in order (None = the connection is gone) and empties it.
    pub fn drain(&mut self, mut each: impl FnMut(SocketIndex, SocketAddr, Option<&mut [u8]>)) {
        let mut rest = &mut self.bytes[..];
        for item in self.items.drain(..) {
            match item {
                Item::Packet(connection, remote, length) => {
                    let (packet, later) = std::mem::take(&mut rest).split_at_mut(length);
                    rest = later;
                    each(connection, remote, Some(packet));
                }
                Item::Closed(connection, remote) => each(connection, remote, None),
            }
        }
        self.bytes.clear();
    }

    /// Moves everything behind what is in `target` already, if that has room.
    fn append_to(&mut self, target: &mut Self) -> bool {
        if target.bytes.len() + self.bytes.len() > MAILBOX_BYTES && !target.is_empty() {
            return false;
        }
        target.bytes.append(&mut self.bytes);
        target.items.append(&mut self.items);
        true
    }
}

#[derive(Default)]
struct Shared {
    to_media: Mutex<Mailbox>,
    to_network: Mutex<Mailbox>,
    stats: Mutex<TcpStats>,
    /// Packets dropped between the threads.
    lost: AtomicU64,
    /// Media threads at work.
    ports: AtomicUsize,
}

/// The media thread's end. Packets for connections go in by [`TcpPort::datagram`] and leave with [`TcpPort::flush`].
pub struct TcpPort {
    shared: Arc<Shared>,
    outgoing: Mailbox,
    incoming: Mailbox,
    network: Arc<Waker>,
}

/// The TCP thread's end.
pub struct NetworkEnd {
    shared: Arc<Shared>,
    /// Packets for the media thread that wait to be handed over.
    pub arrived: Mailbox,
    media: Arc<EventFd>,
}

/// Reads the numbers, from any thread.
pub struct TcpNumbers(Arc<Shared>);

/// Both ends and the numbers. `media` wakes the media thread, `network` the TCP thread.
pub fn exchange(media: Arc<EventFd>, network: Waker) -> (TcpPort, NetworkEnd, TcpNumbers) {
    let shared = Arc::<Shared>::default();
    shared.ports.store(1, Ordering::Release);
    let port = TcpPort {
        shared: shared.clone(),
        outgoing: Mailbox::default(),
        incoming: Mailbox::default(),
        network: Arc::new(network),
    };
    let end = NetworkEnd {
        shared: shared.clone(),
        arrived: Mailbox::default(),
        media,
    };
    (port, end, TcpNumbers(shared))
}

impl TcpPort {
    /// Another media thread's end. One of them alone may [`take`](TcpPort::take).
    pub fn another(&self) -> Self {
        self.shared.ports.fetch_add(1, Ordering::AcqRel);
        Self {
            shared: self.shared.clone(),
            outgoing: Mailbox::default(),
            incoming: Mailbox::default(),
            network: self.network.clone(),
        }
    }

    /// Lets `write` fill the next packet for a connection; 0 octets = none.
    pub fn datagram(
        &mut self,
        connection: SocketIndex,
        remote: SocketAddr,
        write: impl FnOnce(&mut [u8]) -> usize,
    ) {
        let bytes = &mut self.outgoing.bytes;
        let start = bytes.len();
        bytes.resize(start + DATAGRAM_CAPACITY, 0);
        let length = write(&mut bytes[start..]);
        bytes.truncate(start + length);
        if length > 0 {
            self.outgoing
                .items
                .push(Item::Packet(connection, remote, length));
        }
    }

    /// Gives the queued packets to the TCP thread; when it is far behind they are dropped.
    pub fn flush(&mut self) {
        if self.outgoing.is_empty() {
            return;
        }
        if !self.outgoing.append_to(&mut self.shared.to_network.lock()) {
            let lost = self.outgoing.items.len() as u64;
            self.shared.lost.fetch_add(lost, Ordering::Relaxed);
            self.outgoing.drain(|_, _, _| {});
        }
        // It fails only when the TCP thread is gone.
        let _ = self.network.wake();
    }

    /// What arrived since the last call; to be drained and given back for its memory.
    pub fn take(&mut self) -> Mailbox {
        std::mem::swap(&mut self.incoming, &mut self.shared.to_media.lock());
        std::mem::take(&mut self.incoming)
    }

    /// See [`TcpPort::take`].
    pub fn give_back(&mut self, drained: Mailbox) {
        self.incoming = drained;
    }
}

impl Drop for TcpPort {
    /// Without media threads there is nothing to carry: the TCP thread writes what it has and ends.
    fn drop(&mut self) {
        self.shared.ports.fetch_sub(1, Ordering::AcqRel);
        let _ = self.network.wake();
    }
}

impl NetworkEnd {
    /// Hands over what arrived; false while the media thread has not taken enough of what came before.
    pub fn hand_over(&mut self) -> bool {
        if self.arrived.is_empty() {
            return true;
        }
        let has_room = self.arrived.append_to(&mut self.shared.to_media.lock());
        self.media.signal();
        has_room
    }

    /// Takes what is to be sent into `target`, which is empty.
    pub fn take(&mut self, target: &mut Mailbox) {
        std::mem::swap(target, &mut self.shared.to_network.lock());
    }

    /// Publishes the numbers.
    pub fn tell(&self, stats: TcpStats) {
        *self.shared.stats.lock() = stats;
    }

    /// Whether the media threads have ended.
    pub fn is_media_gone(&self) -> bool {
        self.shared.ports.load(Ordering::Acquire) == 0
    }
}

impl TcpNumbers {
    /// The numbers, at most as old as the TCP thread's sweep.
    pub fn read(&self) -> TcpStats {
        let mut stats = *self.0.stats.lock();
        stats.dropped += self.0.lost.load(Ordering::Relaxed);
        stats
    }
}
