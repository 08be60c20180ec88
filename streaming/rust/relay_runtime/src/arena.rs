//! Datagrams on their way out: one fixed arena, written tightly, so that a run to one address is one GSO message.

use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::os::fd::AsRawFd;
use std::sync::Arc;

use relay_core::forward::{DATAGRAM_CAPACITY, SocketIndex};

use crate::sys::{self, BATCH, Interest, MAX_GSO_BYTES, MAX_SEGMENTS, Outgoing};

/// Fits the second-level cache of the cores this runs on.
const ARENA_BYTES: usize = 256 << 10;
/// How long to wait for room in a full send buffer before a datagram is given up.
const SEND_PATIENCE: u64 = 2_000_000;

/// Datagrams not sent yet.
pub struct SendArena {
    sockets: Arc<[UdpSocket]>,
    bytes: Vec<u8>,
    used: usize,
    messages: Vec<Outgoing>,
    /// The socket of all queued messages.
    socket: SocketIndex,
    /// Datagrams given to the kernel.
    pub sent: u64,
    /// By socket.
    pub paths: Vec<SendPath>,
}

/// What sending on one socket has come to.
#[derive(Debug, Clone, Copy, Default)]
pub struct SendPath {
    /// Runs leave as one UDP GSO message.
    pub gso: bool,
    /// Runs the kernel or the path did not take as one message; their datagrams went out one by one.
    pub gso_refused: u64,
    /// Datagrams the kernel refused.
    pub refused: u64,
    /// Times its send buffer was full for longer than [`SEND_PATIENCE`].
    pub full: u64,
    /// It was when something was sent last: nobody waits for it again until something went out.
    is_full: bool,
    /// Several messages in one call are refused (ENOSYS, or a filter's EPERM).
    is_single: bool,
}

impl SendArena {
    /// An arena in front of these sockets.
    pub fn new(sockets: Arc<[UdpSocket]>) -> Self {
        let paths = sockets.iter().map(|socket| SendPath {
            gso: sys::supports_gso(socket.as_raw_fd()),
            ..SendPath::default()
        });
        Self {
            paths: paths.collect(),
            sockets,
            bytes: vec![0; ARENA_BYTES],
            used: 0,
            messages: Vec::with_capacity(BATCH),
            socket: 0,
            sent: 0,
        }
    }

    /// Lets `write` fill the next datagram; 0 octets = none.
    #[inline]
    pub fn datagram(
        &mut self,
        socket: SocketIndex,
        to: SocketAddr,
        write: impl FnOnce(&mut [u8]) -> usize,
    ) {
        if self.socket != socket || self.bytes.len() - self.used < DATAGRAM_CAPACITY {
            self.flush();
            self.socket = socket;
        }
        let len = write(&mut self.bytes[self.used..self.used + DATAGRAM_CAPACITY]);
        if len == 0 {
            return;
        }
        let use_gso = self.paths[socket].gso;
        let joined = self
            .messages
            .last_mut()
            .is_some_and(|last| use_gso && join(last, to, len));
        if !joined {
            if self.messages.len() == BATCH {
                self.flush_keeping(len);
            }
            self.messages.push(Outgoing {
                to,
                start: self.used,
                len,
                segment: len,
            });
        }
        self.used += len;
    }

    /// Sends everything queued.
    pub fn flush(&mut self) {
        self.flush_keeping(0);
    }

    /// Sends everything queued; the next `len` octets, written but not queued, move to the front.
    fn flush_keeping(&mut self, len: usize) {
        let mut first = 0;
        while first < self.messages.len() {
            let fd = self.sockets[self.socket].as_raw_fd();
            let result = match self.paths[self.socket].is_single {
                true => Err(io::Error::from_raw_os_error(libc::ENOSYS)),
                false => sys::send_batch(fd, &self.bytes, &self.messages[first..]),
            };
            match result {
                Ok(count) => {
                    self.paths[self.socket].is_full = false;
                    self.sent += self.messages[first..first + count]
                        .iter()
                        .map(segments)
                        .sum::<u64>();
                    first += count;
                }
                Err(error) => {
                    self.on_error(first, &error);
                    first += 1;
                }
            }
        }
        self.messages.clear();
        self.bytes.copy_within(self.used..self.used + len, 0);
        self.used = 0;
    }

    /// Whether the kernel and every path so far took runs as one message.
    pub fn uses_gso(&self) -> bool {
        self.paths.iter().all(|path| path.gso)
    }

    /// Whether a socket's send buffer was full when something was sent last. Connections have queues of their own.
    #[inline]
    pub fn is_full(&self, socket: SocketIndex) -> bool {
        self.paths.get(socket).is_some_and(|path| path.is_full)
    }

    /// Datagrams the kernel refused.
    pub fn refused(&self) -> u64 {
        self.paths.iter().map(|path| path.refused).sum()
    }

    /// One message was refused: wait for room, or do without GSO, or give it up.
    fn on_error(&mut self, index: usize, error: &io::Error) {
        let message = self.messages[index];
        let fd = self.sockets[self.socket].as_raw_fd();
        let path = &mut self.paths[self.socket];
        let is_run = message.segment < message.len;
        match error.raw_os_error() {
            // EIO: a device without checksum offload, which every run would meet. EINVAL and EMSGSIZE: this run alone, say segments above
            // one viewer's path MTU, or an address that cannot be sent to; nobody else pays for it.
            Some(code @ (libc::EIO | libc::EINVAL | libc::EMSGSIZE)) if is_run => {
                path.gso &= code != libc::EIO;
                path.gso_refused += 1;
            }
            Some(libc::EAGAIN) if !path.is_full => {
                let mut ready = Vec::new();
                // A failed wait shows in the second attempt.
                let _ = sys::poll(
                    &[Interest { fd, writable: true }],
                    SEND_PATIENCE,
                    &mut ready,
                );
            }
            Some(libc::ENOSYS) => (path.gso, path.is_single) = (false, true),
            _ => {
                path.refused += segments(&message);
                return;
            }
        }
        let single = |start: usize| {
            let len = message.segment.min(message.start + message.len - start);
            Outgoing {
                to: message.to,
                start,
                len,
                segment: len,
            }
        };
        for start in (message.start..message.start + message.len).step_by(message.segment) {
            let path = &mut self.paths[self.socket];
            let part = single(start);
            let result = match path.is_single {
                true => {
                    let bytes = &self.bytes[part.start..part.start + part.len];
                    self.sockets[self.socket].send_to(bytes, part.to)
                }
                false => sys::send_batch(fd, &self.bytes, &[part]),
            };
            match result {
                Ok(_) => self.sent += 1,
                Err(error) => {
                    path.refused += 1;
                    if error.kind() == io::ErrorKind::WouldBlock && !path.is_full {
                        (path.is_full, path.full) = (true, path.full + 1);
                    }
                }
            }
        }
    }
}

/// Joins a datagram, which lies right behind it, to a message: same address, all but the last of one size.
fn join(last: &mut Outgoing, to: SocketAddr, len: usize) -> bool {
    let is_open = last.len % last.segment == 0 && last.len / last.segment < MAX_SEGMENTS;
    let fits = len <= last.segment && last.len + len <= MAX_GSO_BYTES;
    let joins = is_open && fits && last.to == to;
    if joins {
        last.len += len;
    }
    joins
}

fn segments(message: &Outgoing) -> u64 {
    message.len.div_ceil(message.segment) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn datagrams_arrive_whole_and_in_order_whatever_their_sizes() {
        let receiver = UdpSocket::bind("127.0.0.1:0").expect("loopback");
        receiver
            .set_read_timeout(Some(std::time::Duration::from_secs(5)))
            .expect("timeout");
        let other = UdpSocket::bind("127.0.0.1:0").expect("loopback");
        let to = receiver.local_addr().expect("bound");
        let sockets = ["127.0.0.1:0", "127.0.0.1:0"]
            .map(|address| UdpSocket::bind(address).expect("loopback"));
        let mut arena = SendArena::new(Arc::new(sockets));
        let sizes: Vec<usize> = (0..150)
            .map(|number| [1100, 1100, 1100, 900, 1, 1200, 967, 968][number % 8])
            .collect();
        let mut buffer = [0; 2048];
        let mut received = 0;
        for (number, size) in sizes.iter().enumerate() {
            arena.datagram(usize::from(number % 50 == 49), to, |bytes| {
                bytes[..*size].fill(number as u8);
                *size
            });
            arena.datagram(0, to, |_| 0);
            if number % 40 != 39 && number + 1 != sizes.len() {
                continue;
            }
            arena.datagram(0, other.local_addr().expect("bound"), |_| 20);
            arena.flush();
            // Read as it goes: the receiver's buffer is small.
            for (expected, size) in sizes.iter().enumerate().take(number + 1).skip(received) {
                let length = receiver.recv(&mut buffer).expect("arrives");
                assert_eq!(length, *size, "{expected}");
                assert!(
                    buffer[..length]
                        .iter()
                        .all(|octet| *octet == expected as u8),
                    "{expected}"
                );
            }
            received = number + 1;
        }
        assert_eq!((arena.sent, arena.refused()), (154, 0));
    }

    #[test]
    fn without_batches_datagrams_go_out_one_by_one() {
        let receiver = UdpSocket::bind("127.0.0.1:0").expect("loopback");
        let to = receiver.local_addr().expect("bound");
        let sender = UdpSocket::bind("127.0.0.1:0").expect("loopback");
        let mut arena = SendArena::new(Arc::new([sender]));
        arena.paths[0].is_single = true;
        for size in [700, 700, 300] {
            arena.datagram(0, to, |_| size);
        }
        arena.flush();
        let lengths = [0; 3].map(|_| receiver.recv(&mut [0; 2048]).expect("arrives"));
        assert_eq!(
            (lengths, arena.sent, arena.refused()),
            ([700, 700, 300], 3, 0)
        );
        assert!(!arena.uses_gso());
    }

    #[test]
    fn an_address_that_cannot_be_sent_to_costs_nobody_else_anything() {
        let receiver = UdpSocket::bind("127.0.0.1:0").expect("loopback");
        let to = receiver.local_addr().expect("bound");
        let nowhere = SocketAddr::from(([127, 0, 0, 1], 0));
        let sender = UdpSocket::bind("127.0.0.1:0").expect("loopback");
        let mut arena = SendArena::new(Arc::new([sender]));
        let used_gso = arena.uses_gso();
        for to in [nowhere, nowhere, to] {
            arena.datagram(0, to, |_| 1000);
        }
        arena.flush();
        assert_eq!((arena.sent, arena.refused()), (1, 2));
        assert_eq!(arena.uses_gso(), used_gso);
        assert_eq!(receiver.recv(&mut [0; 2048]).expect("arrives"), 1000);
    }
}
