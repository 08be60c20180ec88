//! One recorder's connection: whole frames in, octets out, never waiting.

use std::io::{self, Read, Write};
use std::os::fd::{AsRawFd, RawFd};
use std::os::unix::net::UnixStream;
use std::sync::Arc;

use super::frame::{Frame, MAX_FRAME};
use super::ring::Ring;

/// Octets taken from the ring at a time.
const CHUNK: usize = 256 << 10;

/// A recorder.
pub struct Connection {
    socket: UnixStream,
    inbound: Vec<u8>,
    outbound: Vec<u8>,
    written: usize,
    /// The recording it asked for.
    pub recording: Option<Arc<str>>,
    /// Last frame put into `outbound`.
    pub cursor: u64,
}

/// The connection is over.
#[derive(Debug)]
pub struct Closed;

impl Connection {
    /// A fresh connection that has said nothing yet.
    pub fn new(socket: UnixStream) -> io::Result<Self> {
        socket.set_nonblocking(true)?;
        Ok(Self {
            socket,
            inbound: Vec::new(),
            outbound: Vec::new(),
            written: 0,
            recording: None,
            cursor: 0,
        })
    }

    /// For polling.
    pub fn fd(&self) -> RawFd {
        self.socket.as_raw_fd()
    }

    /// Whether octets wait for room in the socket.
    pub fn wants_write(&self) -> bool {
        self.written < self.outbound.len()
    }

    /// Queues a frame outside the ring.
    pub fn queue(&mut self, frame: &Frame) {
        frame.write(&mut self.outbound);
    }

    /// Reads what is there and calls `handle` for each whole frame.
    pub fn read(&mut self, mut handle: impl FnMut(Frame)) -> Result<(), Closed> {
        let mut buffer = [0; 4096];
        loop {
            match self.socket.read(&mut buffer) {
                Ok(0) => return Err(Closed),
                Ok(count) => self.inbound.extend_from_slice(&buffer[..count]),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => return Err(Closed),
            }
            let mut used = 0;
            while let Some((frame, length)) =
                Frame::read(&self.inbound[used..]).map_err(|_| Closed)?
            {
                handle(frame);
                used += length;
            }
            self.inbound.drain(..used);
            debug_assert!(self.inbound.len() <= 4 + MAX_FRAME);
        }
    }

    /// Writes until the socket is full or everything is out.
    pub fn write(&mut self, ring: Option<&Ring>) -> Result<(), Closed> {
        loop {
            if !self.wants_write() {
                self.outbound.clear();
                self.written = 0;
                if let Some(ring) = ring {
                    self.cursor = ring.write_after(self.cursor, CHUNK, &mut self.outbound);
                }
                if self.outbound.is_empty() {
                    return Ok(());
                }
            }
            match self.socket.write(&self.outbound[self.written..]) {
                Ok(0) => return Err(Closed),
                Ok(count) => self.written += count,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => return Err(Closed),
            }
        }
    }
}
