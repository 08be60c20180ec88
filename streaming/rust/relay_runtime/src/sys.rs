//! The system calls std and socket2 do not offer: batched datagrams, eventfd, poll, the monotonic clock.
//!
//! The only module of the workspace with `unsafe`. It decides nothing: buffers in, counts out.

use std::io;
use std::mem;
use std::net::SocketAddr;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};

use relay_core::forward::{DATAGRAM_CAPACITY, Nanos};
use socket2::SockAddr;

/// Datagrams taken or given in one system call.
pub const BATCH: usize = 64;
/// Segments one GSO send may have (`UDP_MAX_SEGMENTS` of older kernels).
pub const MAX_SEGMENTS: usize = 64;
/// Octets one GSO send may have: the largest IPv4 datagram's payload.
pub const MAX_GSO_BYTES: usize = 65_507;

/// Nanoseconds of `CLOCK_MONOTONIC`.
pub fn monotonic() -> Nanos {
    read_clock(libc::CLOCK_MONOTONIC)
}

fn read_clock(clock: libc::clockid_t) -> Nanos {
    let mut time = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: `time` is a valid timespec for the call to fill; the clocks asked for always exist on Linux.
    unsafe { libc::clock_gettime(clock, &mut time) };
    nanos(time)
}

fn nanos(time: libc::timespec) -> Nanos {
    time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
}

/// A counter that wakes a poller.
#[derive(Debug)]
pub struct EventFd(OwnedFd);

impl EventFd {
    /// A new one, not signalled.
    pub fn new() -> io::Result<Self> {
        // SAFETY: no pointers are involved.
        let fd = unsafe { libc::eventfd(0, libc::EFD_CLOEXEC | libc::EFD_NONBLOCK) };
        if fd < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: `fd` was just created and belongs to nobody else.
        Ok(Self(unsafe { OwnedFd::from_raw_fd(fd) }))
    }

    /// Makes it readable.
    pub fn signal(&self) {
        let one = 1u64;
        // SAFETY: the pointer is to eight readable octets. A full counter is readable already, so the result does not matter.
        unsafe { libc::write(self.0.as_raw_fd(), (&raw const one).cast(), 8) };
    }

    /// Makes it unreadable.
    pub fn clear(&self) {
        let mut count = 0u64;
        // SAFETY: the pointer is to eight writable octets. An empty counter is clear already.
        unsafe { libc::read(self.0.as_raw_fd(), (&raw mut count).cast(), 8) };
    }
}

impl AsRawFd for EventFd {
    fn as_raw_fd(&self) -> RawFd {
        self.0.as_raw_fd()
    }
}

/// A descriptor and what to wait for.
#[derive(Debug, Clone, Copy)]
pub struct Interest {
    /// The descriptor.
    pub fd: RawFd,
    /// Also wake when it can be written.
    pub writable: bool,
}

/// Waits until a descriptor is ready or `timeout` passed; `ready[i]` tells readability (or an error) of `interests[i]`.
pub fn poll(interests: &[Interest], timeout: Nanos, ready: &mut Vec<bool>) -> io::Result<()> {
    let mut fds: Vec<libc::pollfd> = interests
        .iter()
        .map(|interest| libc::pollfd {
            fd: interest.fd,
            events: libc::POLLIN | if interest.writable { libc::POLLOUT } else { 0 },
            revents: 0,
        })
        .collect();
    let time = libc::timespec {
        tv_sec: (timeout / 1_000_000_000) as libc::time_t,
        tv_nsec: (timeout % 1_000_000_000) as libc::c_long,
    };
    // SAFETY: the pointer and length describe `fds`, which outlives the call; no signal mask is given.
    let result = unsafe {
        libc::ppoll(
            fds.as_mut_ptr(),
            fds.len() as libc::nfds_t,
            &time,
            std::ptr::null(),
        )
    };
    ready.clear();
    ready.extend(fds.iter().map(|fd| fd.revents != 0));
    if result < 0 {
        let error = io::Error::last_os_error();
        return if error.kind() == io::ErrorKind::Interrupted {
            Ok(())
        } else {
            Err(error)
        };
    }
    Ok(())
}

/// Fixed buffers for receiving a batch of datagrams.
pub struct ReceiveBatch {
    buffers: Vec<[u8; DATAGRAM_CAPACITY]>,
    addresses: Vec<libc::sockaddr_storage>,
    lengths: Vec<usize>,
    sources: Vec<Option<SocketAddr>>,
    controls: Vec<Stamp>,
    arrivals: Vec<Nanos>,
}

/// Room for one SCM_TIMESTAMPNS message.
#[repr(C, align(8))]
#[derive(Clone, Copy)]
struct Stamp([u8; 64]);

impl ReceiveBatch {
    /// Buffers for [`BATCH`] datagrams.
    pub fn new() -> Self {
        // SAFETY: all-zero is a valid sockaddr_storage.
        let empty: libc::sockaddr_storage = unsafe { mem::zeroed() };
        Self {
            buffers: vec![[0; DATAGRAM_CAPACITY]; BATCH],
            addresses: vec![empty; BATCH],
            lengths: vec![0; BATCH],
            sources: vec![None; BATCH],
            controls: vec![Stamp([0; 64]); BATCH],
            arrivals: vec![0; BATCH],
        }
    }

    /// Receives what is there without waiting; returns the number of datagrams.
    pub fn receive(&mut self, fd: RawFd) -> io::Result<usize> {
        // SAFETY: all-zero is a valid value of both plain structs.
        let (mut headers, mut vectors): ([libc::mmsghdr; BATCH], [libc::iovec; BATCH]) =
            unsafe { (mem::zeroed(), mem::zeroed()) };
        for index in 0..BATCH {
            vectors[index] = libc::iovec {
                iov_base: self.buffers[index].as_mut_ptr().cast(),
                iov_len: DATAGRAM_CAPACITY,
            };
            let header = &mut headers[index].msg_hdr;
            header.msg_name = (&raw mut self.addresses[index]).cast();
            header.msg_namelen = size_of::<libc::sockaddr_storage>() as libc::socklen_t;
            header.msg_iov = &raw mut vectors[index];
            header.msg_iovlen = 1;
            header.msg_control = self.controls[index].0.as_mut_ptr().cast();
            header.msg_controllen = self.controls[index].0.len() as _;
        }
        // SAFETY: every header points to buffers of the stated sizes that live in `self` or on this stack frame during the call.
        let count = unsafe {
            libc::recvmmsg(
                fd,
                headers.as_mut_ptr(),
                BATCH as libc::c_uint,
                libc::MSG_DONTWAIT,
                std::ptr::null_mut(),
            )
        };
        if count < 0 {
            let error = io::Error::last_os_error();
            return if error.kind() == io::ErrorKind::WouldBlock {
                Ok(0)
            } else {
                Err(error)
            };
        }
        // The kernel stamps by the wall clock; both clocks are read at one moment, so a step of it moves nothing but this batch.
        let (now, wall) = (monotonic(), read_clock(libc::CLOCK_REALTIME));
        for (index, header) in headers.iter().enumerate().take(count as usize) {
            let age = timestamp(&header.msg_hdr).map_or(0, |stamp| wall.saturating_sub(stamp));
            self.arrivals[index] = now.saturating_sub(age.min(MAX_AGE));
            // A datagram cut to the buffer cannot be authentic: it is left empty and counted as `other`.
            let is_cut = header.msg_hdr.msg_flags & libc::MSG_TRUNC != 0;
            self.lengths[index] = if is_cut { 0 } else { header.msg_len as usize };
            // SAFETY: the kernel filled the storage and told its length.
            let address = unsafe {
                SockAddr::new(
                    copy_storage(&self.addresses[index]),
                    header.msg_hdr.msg_namelen,
                )
            };
            self.sources[index] = address.as_socket();
        }
        Ok(count as usize)
    }

    /// When the kernel got a datagram, on the monotonic clock.
    pub fn arrival(&self, index: usize) -> Nanos {
        self.arrivals[index]
    }

    /// A received datagram and where it came from, v4-mapped addresses normalised.
    pub fn datagram(&mut self, index: usize) -> Option<(SocketAddr, &mut [u8])> {
        let source = self.sources[index]?;
        let source = SocketAddr::new(source.ip().to_canonical(), source.port());
        Some((source, &mut self.buffers[index][..self.lengths[index]]))
    }
}

/// Older than this a stamp is a stepped wall clock.
const MAX_AGE: Nanos = 10_000_000_000;

/// The kernel's receive time of a message, on the wall clock.
fn timestamp(header: &libc::msghdr) -> Option<Nanos> {
    // SAFETY: the kernel filled the control buffer the header points to, and told its length.
    let message = unsafe { libc::CMSG_FIRSTHDR(header).as_ref() }?;
    if (message.cmsg_level, message.cmsg_type) != (libc::SOL_SOCKET, libc::SCM_TIMESTAMPNS) {
        return None;
    }
    // SAFETY: a message of this kind carries a timespec; it may lie unaligned.
    let time = unsafe {
        libc::CMSG_DATA(message)
            .cast::<libc::timespec>()
            .read_unaligned()
    };
    Some(nanos(time))
}

/// Has the kernel stamp what a socket receives; without it a datagram counts as arrived when it was read.
pub fn stamp_arrivals(fd: RawFd) -> bool {
    let on: libc::c_int = 1;
    let pointer: *const libc::c_int = &raw const on;
    let length = size_of::<libc::c_int>() as libc::socklen_t;
    // SAFETY: the pointer is to an int of the stated length.
    unsafe {
        libc::setsockopt(
            fd,
            libc::SOL_SOCKET,
            libc::SO_TIMESTAMPNS,
            pointer.cast(),
            length,
        ) == 0
    }
}

/// One message of a send batch: a datagram, or with `segment` several of that size in a row (UDP GSO).
#[derive(Debug, Clone, Copy)]
pub struct Outgoing {
    /// Where to.
    pub to: SocketAddr,
    /// First octet in the arena.
    pub start: usize,
    /// Octets in all.
    pub len: usize,
    /// Octets of each datagram but the last; `len` when there is only one.
    pub segment: usize,
}

#[repr(C, align(8))]
#[derive(Clone, Copy)]
struct Control([u8; 24]);

/// Sends messages that lie in `arena`, without waiting; returns how many went out. An error concerns the first message.
pub fn send_batch(fd: RawFd, arena: &[u8], messages: &[Outgoing]) -> io::Result<usize> {
    let messages = &messages[..messages.len().min(BATCH)];
    // SAFETY: all-zero is a valid value of these plain structs.
    let (mut headers, mut vectors): ([libc::mmsghdr; BATCH], [libc::iovec; BATCH]) =
        unsafe { (mem::zeroed(), mem::zeroed()) };
    let mut controls = [Control([0; 24]); BATCH];
    let mut addresses: Vec<SockAddr> = Vec::with_capacity(messages.len());
    for (index, message) in messages.iter().enumerate() {
        let bytes = &arena[message.start..message.start + message.len];
        addresses.push(SockAddr::from(message.to));
        vectors[index] = libc::iovec {
            iov_base: bytes.as_ptr().cast_mut().cast(),
            iov_len: bytes.len(),
        };
        let header = &mut headers[index].msg_hdr;
        header.msg_name = addresses[index].as_ptr().cast_mut().cast();
        header.msg_namelen = addresses[index].len();
        header.msg_iov = &raw mut vectors[index];
        header.msg_iovlen = 1;
        if message.segment < message.len {
            header.msg_control = controls[index].0.as_mut_ptr().cast();
            header.msg_controllen = controls[index].0.len() as _;
            // SAFETY: the control buffer is aligned and has room for one u16 message (CMSG_SPACE(2) = 24 here).
            unsafe {
                let control = libc::CMSG_FIRSTHDR(header);
                (*control).cmsg_level = libc::SOL_UDP;
                (*control).cmsg_type = libc::UDP_SEGMENT;
                (*control).cmsg_len = libc::CMSG_LEN(2) as _;
                libc::CMSG_DATA(control)
                    .cast::<u16>()
                    .write_unaligned(message.segment as u16);
            }
        }
    }
    // SAFETY: every header points to memory of the stated sizes in `arena`, `addresses` (not grown any more) or this stack frame.
    let count = unsafe {
        libc::sendmmsg(
            fd,
            headers.as_mut_ptr(),
            messages.len() as libc::c_uint,
            libc::MSG_DONTWAIT,
        )
    };
    if count < 0 {
        Err(io::Error::last_os_error())
    } else {
        Ok(count as usize)
    }
}

/// Sets receive and send buffer beyond the system's limit; tells whether the caller was allowed to (CAP_NET_ADMIN).
pub fn force_buffers(fd: RawFd, bytes: usize) -> bool {
    let size = bytes as libc::c_int;
    let length = size_of::<libc::c_int>() as libc::socklen_t;
    let set = |option| {
        let pointer: *const libc::c_int = &raw const size;
        // SAFETY: the pointer is to an int of the stated length.
        unsafe { libc::setsockopt(fd, libc::SOL_SOCKET, option, pointer.cast(), length) == 0 }
    };
    set(libc::SO_RCVBUFFORCE) && set(libc::SO_SNDBUFFORCE)
}

/// Whether the kernel knows UDP GSO on this socket.
pub fn supports_gso(fd: RawFd) -> bool {
    let size: libc::c_int = 1200;
    let zero: libc::c_int = 0;
    let length = size_of::<libc::c_int>() as libc::socklen_t;
    let set = |value: &libc::c_int| {
        let pointer: *const libc::c_int = value;
        // SAFETY: the pointer is to an int of the stated length.
        unsafe {
            libc::setsockopt(fd, libc::SOL_UDP, libc::UDP_SEGMENT, pointer.cast(), length) == 0
        }
    };
    set(&size) && set(&zero)
}

fn copy_storage(storage: &libc::sockaddr_storage) -> socket2::SockAddrStorage {
    let mut copy = socket2::SockAddrStorage::zeroed();
    // SAFETY: SockAddrStorage is a transparent wrapper with room for any sockaddr_storage.
    unsafe { *copy.view_as::<libc::sockaddr_storage>() = *storage };
    copy
}

#[cfg(test)]
mod tests {
    use std::net::UdpSocket;

    use super::*;

    #[test]
    fn a_gso_run_arrives_as_its_datagrams() {
        let receiver = UdpSocket::bind("127.0.0.1:0").expect("loopback");
        let sender = UdpSocket::bind("127.0.0.1:0").expect("loopback");
        let to = receiver.local_addr().expect("bound");
        let arena: Vec<u8> = (0..2500u32).map(|octet| octet as u8).collect();
        let mut run = vec![Outgoing {
            to,
            start: 0,
            len: 2500,
            segment: 1000,
        }];
        if !supports_gso(sender.as_raw_fd()) {
            run = [(0, 1000), (1000, 1000), (2000, 500)]
                .map(|(start, len)| Outgoing {
                    to,
                    start,
                    len,
                    segment: len,
                })
                .to_vec();
        }
        assert_eq!(
            send_batch(sender.as_raw_fd(), &arena, &run).expect("sent"),
            run.len()
        );
        let mut batch = ReceiveBatch::new();
        let mut lengths = Vec::new();
        let mut ready = Vec::new();
        while lengths.len() < 3 {
            poll(
                &[Interest {
                    fd: receiver.as_raw_fd(),
                    writable: false,
                }],
                1_000_000_000,
                &mut ready,
            )
            .expect("poll");
            for index in 0..batch.receive(receiver.as_raw_fd()).expect("received") {
                let (from, bytes) = batch.datagram(index).expect("an address");
                assert_eq!(from, sender.local_addr().expect("bound"));
                lengths.push(bytes.len());
            }
        }
        assert_eq!(lengths, [1000, 1000, 500]);
    }

    #[test]
    fn a_datagram_has_arrived_when_the_kernel_got_it() {
        let receiver = UdpSocket::bind("127.0.0.1:0").expect("loopback");
        assert!(stamp_arrivals(receiver.as_raw_fd()));
        let before = monotonic();
        let to = receiver.local_addr().expect("bound");
        receiver.send_to(b"late", to).expect("sent");
        let sent = monotonic();
        std::thread::sleep(std::time::Duration::from_millis(30));
        let mut batch = ReceiveBatch::new();
        assert_eq!(batch.receive(receiver.as_raw_fd()).expect("received"), 1);
        // The two clocks are read one after the other.
        let slack = 1_000_000;
        assert!((before - slack..sent + slack).contains(&batch.arrival(0)));
    }

    #[test]
    fn an_eventfd_wakes_until_cleared() {
        let event = EventFd::new().expect("eventfd");
        let interest = [Interest {
            fd: event.as_raw_fd(),
            writable: false,
        }];
        let mut ready = Vec::new();
        poll(&interest, 0, &mut ready).expect("poll");
        assert_eq!(ready, [false]);
        event.signal();
        event.signal();
        poll(&interest, 0, &mut ready).expect("poll");
        assert_eq!(ready, [true]);
        event.clear();
        poll(&interest, 0, &mut ready).expect("poll");
        assert_eq!(ready, [false]);
    }
}
