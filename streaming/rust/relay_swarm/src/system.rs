//! What the kernel is asked directly: cores, clocks, CPU time, epoll, recvmmsg. The only module with `unsafe`.

use std::fs;
use std::io;
use std::mem;
use std::os::fd::{AsRawFd, RawFd};
use std::time::Duration;

use crate::Failure;

const BATCH: usize = 32;
const DATAGRAM: usize = 2048;

/// Pins the calling thread to one core.
pub fn pin_to_core(core: usize) -> io::Result<()> {
    // SAFETY: cpu_set_t is plain bits for which zero is valid, CPU_SET writes inside it, the size is that of the set.
    let outcome = unsafe {
        let mut set: libc::cpu_set_t = mem::zeroed();
        libc::CPU_SET(core, &mut set);
        libc::sched_setaffinity(0, mem::size_of_val(&set), &set)
    };
    check(outcome).map(|_| ())
}

/// Lets this process open as many sockets as its hard limit allows: a thousand viewers need more than the usual 1024.
pub fn raise_descriptor_limit() {
    // SAFETY: `limit` is valid for both calls; a refusal leaves the limit as it was, and shows when a socket is made.
    unsafe {
        let mut limit: libc::rlimit = mem::zeroed();
        if libc::getrlimit(libc::RLIMIT_NOFILE, &mut limit) == 0 {
            limit.rlim_cur = limit.rlim_max;
            libc::setrlimit(libc::RLIMIT_NOFILE, &limit);
        }
    }
}

/// Datagrams the kernel threw away since this socket was made, its buffer being full (SO_MEMINFO, Linux 4.12).
pub fn dropped_datagrams(socket: &impl AsRawFd) -> u64 {
    const SK_MEMINFO_DROPS: usize = 8;
    const SK_MEMINFO_VARS: usize = 9;
    let mut values = [0u32; SK_MEMINFO_VARS];
    let mut len = mem::size_of_val(&values) as libc::socklen_t;
    // SAFETY: the buffer is as long as said; a failure leaves zeros.
    unsafe {
        libc::getsockopt(
            socket.as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_MEMINFO,
            values.as_mut_ptr().cast(),
            &mut len,
        );
    }
    u64::from(values[SK_MEMINFO_DROPS])
}

/// Nanoseconds of CLOCK_MONOTONIC, the same in every process of the machine.
pub fn monotonic_nanos() -> u64 {
    clock(libc::CLOCK_MONOTONIC)
}

/// CPU nanoseconds of the calling thread.
pub fn thread_cpu_nanos() -> u64 {
    clock(libc::CLOCK_THREAD_CPUTIME_ID)
}

fn clock(id: libc::clockid_t) -> u64 {
    let mut time = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: `time` is valid for the write; a failure leaves zero.
    unsafe { libc::clock_gettime(id, &mut time) };
    time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
}

/// CPU seconds of a process, all threads, by the clock that [`thread_cpu_nanos`] reads for a thread.
pub fn process_cpu_seconds(pid: u32) -> Result<f64, Failure> {
    let mut id: libc::clockid_t = 0;
    // SAFETY: `id` is valid for the write.
    let outcome = unsafe { libc::clock_getcpuclockid(pid as libc::pid_t, &mut id) };
    if outcome != 0 {
        return Err(format!("process {pid}: {}", io::Error::from_raw_os_error(outcome)).into());
    }
    Ok(clock(id) as f64 / 1e9)
}

/// CPU seconds of each thread of a process: `(thread id, name, seconds)`.
pub fn thread_cpu_seconds(pid: u32) -> Result<Vec<(String, String, f64)>, Failure> {
    let mut threads = Vec::new();
    for entry in fs::read_dir(format!("/proc/{pid}/task"))? {
        let folder = entry?.path();
        // A thread may end while we look.
        let (Ok(name), Ok(times)) = (
            fs::read_to_string(folder.join("comm")),
            fs::read_to_string(folder.join("schedstat")),
        ) else {
            continue;
        };
        let nanos = times.split(' ').next().and_then(|word| word.parse().ok());
        let id = folder
            .file_name()
            .map(|id| id.to_string_lossy().into_owned());
        threads.push((
            id.unwrap_or_default(),
            name.trim().to_owned(),
            nanos.unwrap_or(0.0) / 1e9,
        ));
    }
    Ok(threads)
}

/// Threads and open descriptors of a process.
pub fn process_holdings(pid: u32) -> Result<(usize, usize), Failure> {
    let count = |folder: &str| fs::read_dir(format!("/proc/{pid}/{folder}")).map(Iterator::count);
    Ok((count("task")?, count("fd")?))
}

/// Resident memory of a process in KB.
pub fn process_rss_kb(pid: u32) -> Result<f64, Failure> {
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))
        .ok_or("no VmRSS")?;
    Ok(line.trim().trim_end_matches(" kB").trim().parse()?)
}

/// `(busy, total)` jiffies of every core, from /proc/stat.
pub fn core_jiffies() -> Result<Vec<(f64, f64)>, Failure> {
    let stat = fs::read_to_string("/proc/stat")?;
    let cores = stat
        .lines()
        .filter(|line| line.starts_with("cpu") && !line.starts_with("cpu "));
    Ok(cores
        .map(|line| {
            let values: Vec<f64> = line
                .split_whitespace()
                .skip(1)
                .take(8)
                .filter_map(|text| text.parse().ok())
                .collect();
            let total: f64 = values.iter().sum();
            let idle: f64 = values.iter().skip(3).take(2).sum();
            (total - idle, total)
        })
        .collect())
}

/// An epoll instance whose tokens are indices.
pub struct Epoll {
    fd: RawFd,
    events: Vec<libc::epoll_event>,
}

impl Epoll {
    /// A new instance.
    pub fn new() -> io::Result<Self> {
        // SAFETY: no preconditions.
        let fd = check(unsafe { libc::epoll_create1(libc::EPOLL_CLOEXEC) })?;
        Ok(Self {
            fd,
            events: vec![libc::epoll_event { events: 0, u64: 0 }; 256],
        })
    }

    /// Watches a descriptor for reading, level-triggered.
    pub fn add(&self, descriptor: &impl AsRawFd, token: usize) -> io::Result<()> {
        let mut event = libc::epoll_event {
            events: libc::EPOLLIN as u32,
            u64: token as u64,
        };
        // SAFETY: both descriptors are open and `event` lives for the call.
        check(unsafe {
            libc::epoll_ctl(
                self.fd,
                libc::EPOLL_CTL_ADD,
                descriptor.as_raw_fd(),
                &mut event,
            )
        })
        .map(|_| ())
    }

    /// Appends the ready tokens to `ready`; waits up to `timeout`, to the nanosecond (epoll_pwait2, Linux 5.11).
    pub fn wait(&mut self, timeout: Duration, ready: &mut Vec<usize>) -> io::Result<()> {
        let time = libc::timespec {
            tv_sec: timeout.as_secs() as libc::time_t,
            tv_nsec: timeout.subsec_nanos().into(),
        };
        // SAFETY: the buffer is valid for as many events as said, `time` lives for the call, no signal mask is given.
        let count = unsafe {
            libc::syscall(
                libc::SYS_epoll_pwait2,
                self.fd,
                self.events.as_mut_ptr(),
                self.events.len() as libc::c_int,
                &time,
                std::ptr::null::<libc::sigset_t>(),
                0usize,
            )
        } as libc::c_int;
        match check(count) {
            Ok(count) => {
                ready.extend(
                    self.events[..count as usize]
                        .iter()
                        .map(|event| event.u64 as usize),
                );
                Ok(())
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => Ok(()),
            Err(error) => Err(error),
        }
    }
}

impl Drop for Epoll {
    fn drop(&mut self) {
        // SAFETY: the descriptor is ours and not used again.
        unsafe { libc::close(self.fd) };
    }
}

/// Buffers for one recvmmsg call. The headers point into them once and for all: boxed slices do not move.
pub struct Batch {
    buffers: Box<[[u8; DATAGRAM]]>,
    _vectors: Box<[libc::iovec]>,
    messages: Box<[libc::mmsghdr]>,
    count: usize,
}

impl Batch {
    /// Empty buffers.
    pub fn new() -> Self {
        let mut buffers = vec![[0; DATAGRAM]; BATCH].into_boxed_slice();
        let mut vectors: Box<[libc::iovec]> = buffers
            .iter_mut()
            .map(|buffer| libc::iovec {
                iov_base: buffer.as_mut_ptr().cast(),
                iov_len: DATAGRAM,
            })
            .collect();
        let messages = vectors.iter_mut().map(|vector| {
            // SAFETY: mmsghdr is plain data for which zero is valid.
            let mut message: libc::mmsghdr = unsafe { mem::zeroed() };
            message.msg_hdr.msg_iov = vector;
            message.msg_hdr.msg_iovlen = 1;
            message
        });
        Self {
            messages: messages.collect(),
            _vectors: vectors,
            buffers,
            count: 0,
        }
    }

    /// Receives what waits on a socket, at most a batch; `true` when the batch is full, so that more may wait.
    pub fn receive(&mut self, socket: &impl AsRawFd) -> io::Result<bool> {
        self.count = 0;
        // SAFETY: every message points at one vector, every vector at a buffer of its length; all belong to `self`.
        let count = unsafe {
            libc::recvmmsg(
                socket.as_raw_fd(),
                self.messages.as_mut_ptr(),
                BATCH as u32,
                libc::MSG_DONTWAIT,
                std::ptr::null_mut(),
            )
        };
        match check(count) {
            Ok(count) => {
                self.count = count as usize;
                Ok(self.count == BATCH)
            }
            Err(error)
                if matches!(
                    error.kind(),
                    // Refused: a peer that went away; the loss shows in the numbers.
                    io::ErrorKind::WouldBlock
                        | io::ErrorKind::Interrupted
                        | io::ErrorKind::ConnectionRefused
                ) =>
            {
                Ok(false)
            }
            Err(error) => Err(error),
        }
    }

    /// The datagrams of the last call.
    pub fn datagrams(&self) -> impl Iterator<Item = &[u8]> {
        self.buffers
            .iter()
            .zip(&self.messages[..self.count])
            .map(|(buffer, message)| &buffer[..message.msg_len as usize])
    }

    /// How many they are.
    pub fn len(&self) -> usize {
        self.count
    }
}

/// Sends `bytes` as datagrams of `segment` octets, the last may be shorter, in one call (UDP GSO, Linux 4.18).
pub fn send_segmented(
    socket: &impl AsRawFd,
    to: std::net::SocketAddr,
    bytes: &[u8],
    segment: u16,
) -> io::Result<()> {
    let address = socket2::SockAddr::from(to);
    // SAFETY: plain data for which zero is valid.
    let mut message: libc::msghdr = unsafe { mem::zeroed() };
    let mut vector = libc::iovec {
        iov_base: bytes.as_ptr().cast_mut().cast(),
        iov_len: bytes.len(),
    };
    // Aligned as a control message has to be.
    let mut control = [0u64; 4];
    message.msg_name = address.as_ptr().cast_mut().cast();
    message.msg_namelen = address.len();
    message.msg_iov = &mut vector;
    message.msg_iovlen = 1;
    message.msg_control = control.as_mut_ptr().cast();
    // SAFETY: the control buffer is longer than one message with a u16; everything pointed to outlives the call,
    // and the kernel only reads the address and the bytes.
    let outcome = unsafe {
        message.msg_controllen = libc::CMSG_SPACE(mem::size_of::<u16>() as u32) as usize;
        let header = libc::CMSG_FIRSTHDR(&message);
        (*header).cmsg_level = libc::SOL_UDP;
        (*header).cmsg_type = libc::UDP_SEGMENT;
        (*header).cmsg_len = libc::CMSG_LEN(mem::size_of::<u16>() as u32) as usize;
        libc::CMSG_DATA(header)
            .cast::<u16>()
            .write_unaligned(segment);
        libc::sendmsg(socket.as_raw_fd(), &message, 0)
    };
    if outcome < 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(())
}

fn check(outcome: libc::c_int) -> io::Result<libc::c_int> {
    if outcome < 0 {
        Err(io::Error::last_os_error())
    } else {
        Ok(outcome)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_full_buffer_lost_is_known() {
        let receiver = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
        let sender = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
        socket2::SockRef::from(&receiver)
            .set_recv_buffer_size(4096)
            .unwrap();
        assert_eq!(dropped_datagrams(&receiver), 0);
        for _ in 0..50 {
            sender
                .send_to(&[0; 1200], receiver.local_addr().unwrap())
                .unwrap();
        }
        assert!(dropped_datagrams(&receiver) > 30);
    }
}
