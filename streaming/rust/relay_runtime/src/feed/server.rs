//! The feed thread: takes items from the media thread into rings, serves recorders over a Unix socket.

use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixListener;
use std::sync::Arc;

use crossbeam_channel::Receiver;
use hashbrown::HashMap;
use parking_lot::Mutex;
use relay_core::forward::{Command, FeedItem, MILLISECOND, Nanos, SECOND, Slot};
use serde::Deserialize;

use super::connection::Connection;
use super::frame::{Frame, kind};
use super::handover::FeedMessage;
use super::recording::{Recording, RecordingStats};
use super::ring::{Ring, RingLimits};
use crate::event::EventQueue;
use crate::switchboard::Switchboard;
use crate::sys::{self, EventFd, Interest};

/// Longest wait: how stale the statistics may be.
const TICK: Nanos = 250 * MILLISECOND;
/// How long a switched-off recording waits for its last acknowledgement.
const LINGER: Nanos = 60 * SECOND;

/// What the feed thread works with.
pub struct FeedServer {
    /// Where recorders connect.
    pub listener: UnixListener,
    /// Items from the media thread.
    pub messages: Receiver<FeedMessage>,
    /// Signalled when items wait or the engine stops.
    pub wake: Arc<EventFd>,
    /// Key frame requests go back this way.
    pub switchboard: Arc<Switchboard>,
    /// Life-cycle events for Python.
    pub events: Arc<EventQueue>,
    /// For stats().
    pub stats: Arc<Mutex<Vec<RecordingStats>>>,
    /// Named in `attached`.
    pub node_epoch: String,
    /// UTC at engine clock 0.
    pub wall_offset: u64,
    /// Ring limits.
    pub limits: RingLimits,
}

#[derive(Deserialize)]
struct Hello {
    recording_id: String,
    node_epoch: Option<String>,
    after: u64,
}

impl FeedServer {
    /// Serves until the media thread's end of the hand-over is gone.
    pub fn run(self) -> io::Result<()> {
        let mut state = State {
            server: self,
            recordings: HashMap::new(),
            connections: HashMap::new(),
            next_key: 0,
            finished: HashMap::new(),
        };
        let mut ready = Vec::new();
        loop {
            let mut keys: Vec<u64> = state.connections.keys().copied().collect();
            keys.sort_unstable();
            let mut interests = vec![
                Interest {
                    fd: state.server.wake.as_raw_fd(),
                    writable: false,
                },
                Interest {
                    fd: state.server.listener.as_raw_fd(),
                    writable: false,
                },
            ];
            interests.extend(
                keys.iter()
                    .filter_map(|key| state.connections.get(key))
                    .map(|connection| Interest {
                        fd: connection.fd(),
                        writable: connection.wants_write(),
                    }),
            );
            sys::poll(&interests, TICK, &mut ready)?;
            if ready[0] {
                state.server.wake.clear();
            }
            if !state.take_messages() {
                state.write_all(); // What fits the sockets still reaches the recorders.
                return Ok(());
            }
            if ready[1] {
                state.accept();
            }
            for (key, _) in keys
                .iter()
                .zip(&ready[2..])
                .filter(|(_, is_ready)| **is_ready)
            {
                state.read(*key);
            }
            state.write_all();
            state.expire(sys::monotonic());
            state.publish_stats();
        }
    }
}

struct State {
    server: FeedServer,
    recordings: HashMap<Arc<str>, Recording>,
    connections: HashMap<u64, Connection>,
    next_key: u64,
    /// Where finished recordings stopped, in case one is switched on again in this epoch.
    finished: HashMap<Arc<str>, Ring>,
}

impl State {
    /// False when there will be no more.
    fn take_messages(&mut self) -> bool {
        loop {
            match self.server.messages.try_recv() {
                Ok(FeedMessage::Item(item)) => self.take_item(item),
                Ok(FeedMessage::Lost {
                    recording,
                    slot,
                    count,
                }) => {
                    if let Some(found) = self.recordings.get_mut(&recording) {
                        found.lose(slot, count, sys::monotonic());
                    }
                }
                Err(crossbeam_channel::TryRecvError::Empty) => return true,
                Err(crossbeam_channel::TryRecvError::Disconnected) => return false,
            }
        }
    }

    fn take_item(&mut self, item: FeedItem) {
        match item {
            FeedItem::Start {
                recording,
                room_number,
                room,
            } => self.start(recording, room_number, room),
            FeedItem::End { recording, at } => {
                if let Some(found) = self.recordings.get_mut(&recording) {
                    found.end(at);
                }
            }
            FeedItem::Source {
                recording,
                at,
                slot,
                source,
            } => {
                if let Some(found) = self.recordings.get_mut(&recording) {
                    found.show(slot, source.as_ref(), at);
                }
            }
            FeedItem::Packet {
                recording,
                at,
                slot,
                publication,
                is_rtcp,
                is_entry,
                packet,
            } => {
                let Some(found) = self.recordings.get_mut(&recording) else {
                    return;
                };
                let kind = if is_rtcp { kind::RTCP } else { kind::RTP };
                let frame = Frame {
                    kind,
                    slot: slot.octet(),
                    publication: publication.0,
                    payload: packet,
                    ..found.control_frame(at)
                };
                let waiting = found.take(slot, frame, is_entry);
                let room_number = found.room_number;
                if found.has_overflow_to_report(at) {
                    let events = &self.server.events;
                    events.push_recording("recording_overflow", &recording);
                }
                if let Some(slot) = waiting {
                    self.request_keyframe(room_number, slot);
                }
            }
        }
    }

    fn start(&mut self, recording: Arc<str>, room_number: u64, room: Arc<str>) {
        if let Some(found) = self.recordings.get_mut(&recording) {
            found.ended_at = None;
            return;
        }
        let ring = self
            .finished
            .remove(&recording)
            .unwrap_or_else(|| Ring::new(self.server.limits));
        let fresh = Recording::new(room, room_number, ring, self.server.wall_offset);
        self.recordings.insert(recording, fresh);
    }

    fn accept(&mut self) {
        while let Ok((socket, _)) = self.server.listener.accept() {
            if let Ok(connection) = Connection::new(socket) {
                self.connections.insert(self.next_key, connection);
                self.next_key += 1;
            }
        }
    }

    fn read(&mut self, key: u64) {
        let Some(connection) = self.connections.get_mut(&key) else {
            return;
        };
        let mut frames = Vec::new();
        let result = connection.read(|frame| frames.push(frame));
        let valid = frames.into_iter().all(|frame| self.handle(key, &frame));
        if result.is_err() || !valid {
            self.close(key);
        }
    }

    /// False when the connection has to be closed.
    fn handle(&mut self, key: u64, frame: &Frame) -> bool {
        let recording = self
            .connections
            .get(&key)
            .and_then(|connection| connection.recording.clone());
        match (frame.kind, recording) {
            (kind::HELLO, None) => self.attach(key, &frame.payload),
            (kind::ACK, Some(recording)) => {
                if let Some(found) = self.recordings.get_mut(&recording) {
                    found.ring.ack(frame.feed_seq);
                }
                true
            }
            (kind::KEY_FRAME_REQUEST, Some(recording)) => {
                let room_number = self
                    .recordings
                    .get(&recording)
                    .map(|found| found.room_number);
                if let (Some(room_number), Some(slot)) = (room_number, Slot::from_octet(frame.slot))
                {
                    self.request_keyframe(room_number, slot);
                }
                true
            }
            _ => false,
        }
    }

    fn attach(&mut self, key: u64, payload: &[u8]) -> bool {
        let Ok(hello) = serde_json::from_slice::<Hello>(payload) else {
            return false;
        };
        let id: Arc<str> = Arc::from(hello.recording_id.as_str());
        let (Some(found), Some(connection)) =
            (self.recordings.get_mut(&id), self.connections.get_mut(&key))
        else {
            return false;
        };
        let is_same_epoch = hello.node_epoch.as_deref() == Some(&self.server.node_epoch);
        // A number we never gave out is from elsewhere: what is in the ring is what there is.
        let after = if is_same_epoch && hello.after < found.ring.next_seq() {
            hello.after
        } else {
            0
        };
        let first_seq = found.ring.first_after(after);
        let older = found.attached.replace(key);
        connection.recording = Some(id.clone());
        connection.cursor = after;
        let header = found.control_frame(sys::monotonic());
        let attached = serde_json::json!({"event": "attached", "node_epoch": self.server.node_epoch, "first_seq": first_seq});
        connection.queue(&Frame {
            payload: Arc::from(attached.to_string().into_bytes()),
            ..header.clone()
        });
        for (slot, payload) in found.ring.sources_at(first_seq - 1) {
            connection.queue(&Frame {
                slot,
                payload,
                ..header.clone()
            });
        }
        if let Some(older) = older {
            self.connections.remove(&older);
        } else {
            self.server.events.push_recording("recorder_attached", &id);
        }
        true
    }

    fn close(&mut self, key: u64) {
        let Some(id) = self
            .connections
            .remove(&key)
            .and_then(|connection| connection.recording)
        else {
            return;
        };
        if let Some(found) = self
            .recordings
            .get_mut(&id)
            .filter(|found| found.attached == Some(key))
        {
            found.attached = None;
            self.server.events.push_recording("recorder_detached", &id);
        }
    }

    fn write_all(&mut self) {
        let mut closed = Vec::new();
        for (key, connection) in &mut self.connections {
            let found = connection
                .recording
                .as_ref()
                .and_then(|id| self.recordings.get(id));
            if connection.write(found.map(|found| &found.ring)).is_err() {
                closed.push(*key);
            }
        }
        for key in closed {
            self.close(key);
        }
    }

    fn expire(&mut self, now: Nanos) {
        let is_over = |found: &Recording| {
            found
                .ended_at
                .is_some_and(|at| found.ring.is_empty() || now.saturating_sub(at) >= LINGER)
        };
        let over: Vec<_> = self
            .recordings
            .iter()
            .filter(|(_, found)| is_over(found))
            .map(|(id, _)| id.clone())
            .collect();
        for id in over {
            let Some(mut found) = self.recordings.remove(&id) else {
                continue;
            };
            if let Some(key) = found.attached {
                self.connections.remove(&key);
                self.server.events.push_recording("recorder_detached", &id);
            }
            found.ring.clear();
            self.finished.insert(id, found.ring);
        }
    }

    fn request_keyframe(&self, room_number: u64, slot: Slot) {
        self.server
            .switchboard
            .command(Command::RequestSlotKeyframe { room_number, slot });
    }

    fn publish_stats(&self) {
        let recordings = self.recordings.iter();
        let numbers = recordings.map(|(id, found)| found.stats(id.clone()));
        *self.server.stats.lock() = numbers.collect();
    }
}
