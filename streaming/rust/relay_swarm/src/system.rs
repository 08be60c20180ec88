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

/// CPU seconds (user and system, all threads) of a process, from /proc/PID/stat.
pub fn process_cpu_seconds(pid: u32) -> Result<f64, Failure> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat"))?;
    // The command name may hold anything; the fields begin behind its closing parenthesis.
    let fields: Vec<&str> = stat
        .rsplit_once(')')
        .map_or("", |(_, rest)| rest)
        .split_whitespace()
        .collect();
    let ticks: f64 = fields
        .get(11..13)
        .ok_or("short /proc/PID/stat")?
        .iter()
        .filter_map(|text| text.parse::<f64>().ok())
        .sum();
    // SAFETY: sysconf has no preconditions.
    let per_second = unsafe { libc::sysconf(libc::_SC_CLK_TCK) };
    Ok(ticks / per_second as f64)
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

    /// Appends the ready tokens to `ready`; waits up to `timeout`, rounded up to milliseconds.
    pub fn wait(&mut self, timeout: Duration, ready: &mut Vec<usize>) -> io::Result<()> {
        let millis = timeout.as_micros().div_ceil(1000) as libc::c_int;
        // SAFETY: the buffer is valid for as many events as said.
        let count = unsafe {
            libc::epoll_wait(
                self.fd,
                self.events.as_mut_ptr(),
                self.events.len() as libc::c_int,
                millis,
            )
        };
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

/// Buffers for one recvmmsg call.
pub struct Batch {
    buffers: Vec<[u8; DATAGRAM]>,
    lengths: Vec<usize>,
}

impl Batch {
    /// Empty buffers.
    pub fn new() -> Self {
        Self {
            buffers: vec![[0; DATAGRAM]; BATCH],
            lengths: Vec::with_capacity(BATCH),
        }
    }

    /// Receives what waits on a non-blocking socket; `false` when nothing did.
    pub fn receive(&mut self, socket: &impl AsRawFd) -> io::Result<bool> {
        self.lengths.clear();
        let mut vectors: [libc::iovec; BATCH] = std::array::from_fn(|slot| libc::iovec {
            iov_base: self.buffers[slot].as_mut_ptr().cast(),
            iov_len: DATAGRAM,
        });
        let mut messages: [libc::mmsghdr; BATCH] = std::array::from_fn(|slot| {
            // SAFETY: mmsghdr is plain data for which zero is valid.
            let mut message: libc::mmsghdr = unsafe { mem::zeroed() };
            message.msg_hdr.msg_iov = &mut vectors[slot];
            message.msg_hdr.msg_iovlen = 1;
            message
        });
        // SAFETY: every message points at one vector, every vector at a buffer of its length; all outlive the call.
        let count = unsafe {
            libc::recvmmsg(
                socket.as_raw_fd(),
                messages.as_mut_ptr(),
                BATCH as u32,
                libc::MSG_DONTWAIT,
                std::ptr::null_mut(),
            )
        };
        match check(count) {
            Ok(count) => {
                self.lengths.extend(
                    messages[..count as usize]
                        .iter()
                        .map(|message| message.msg_len as usize),
                );
                Ok(count > 0)
            }
            Err(error)
                if matches!(
                    error.kind(),
                    io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted
                ) =>
            {
                Ok(false)
            }
            // A peer that went away: the loss shows in the numbers.
            Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// The datagrams of the last call.
    pub fn datagrams(&self) -> impl Iterator<Item = &[u8]> {
        self.buffers
            .iter()
            .zip(&self.lengths)
            .map(|(buffer, len)| &buffer[..*len])
    }
}

fn check(outcome: libc::c_int) -> io::Result<libc::c_int> {
    if outcome < 0 {
        Err(io::Error::last_os_error())
    } else {
        Ok(outcome)
    }
}
