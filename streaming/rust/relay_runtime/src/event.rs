//! The way to Python: a queue and an eventfd that is readable as long as the queue is not empty.
//!
//! Nothing is dropped but handshake packets beyond [`MAX_DTLS`] of one session that Python has not fetched yet (joints.md §2); those are
//! counted. Of a session's moves from address to address only the last is told, once per fetch: a peer may move as often as it likes.

use std::collections::VecDeque;
use std::io;
use std::os::fd::{AsRawFd, RawFd};

use hashbrown::HashMap;
use parking_lot::Mutex;
use relay_core::forward::{Event, PublicationId};

use crate::sys::EventFd;

/// Handshake packets queued per session: four flights; a peer that floods loses its own.
pub const MAX_DTLS: u32 = 32;

/// One event as Python sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EngineEvent {
    /// Name, as in docs/protocol/engine.md.
    pub kind: &'static str,
    /// Session, or 0.
    pub session: u64,
    /// Text, by kind.
    pub text: String,
    /// Data, by kind.
    pub data: Vec<u8>,
}

/// The queue.
pub struct EventQueue {
    state: Mutex<State>,
    wake: EventFd,
}

#[derive(Default)]
struct State {
    events: VecDeque<EngineEvent>,
    dtls: HashMap<u64, u32>,
    /// Handshake packets dropped.
    dtls_excess: u64,
    /// Newest address of the sessions whose `selected` is queued.
    selected: HashMap<u64, String>,
}

impl EventQueue {
    /// An empty queue.
    pub fn new() -> io::Result<Self> {
        Ok(Self {
            state: Mutex::default(),
            wake: EventFd::new()?,
        })
    }

    /// Readable while events wait.
    pub fn fd(&self) -> RawFd {
        self.wake.as_raw_fd()
    }

    /// Queues an event of the state machine.
    pub fn push(&self, event: Event) {
        let named = |kind, session: u64, text: String| EngineEvent {
            kind,
            session,
            text,
            data: Vec::new(),
        };
        self.push_named(match event {
            Event::Dtls(session, data) => EngineEvent {
                kind: "dtls",
                session: session.0,
                text: String::new(),
                data,
            },
            Event::Selected(session, address) => {
                return self.push_selected(session.0, address.to_string());
            }
            Event::ConsentLost(session) => named("consent_lost", session.0, String::new()),
            Event::ConsentRegained(session) => named("consent_regained", session.0, String::new()),
            Event::Expired(session) => named("expired", session.0, String::new()),
            Event::PublicationMedia(session, id) => {
                named("publication_media", session.0, id.0.to_string())
            }
            Event::PublicationStalled(session, id) => {
                named("publication_stalled", session.0, id.0.to_string())
            }
            Event::PublicationResumed(session, id) => {
                named("publication_resumed", session.0, id.0.to_string())
            }
            Event::LayersWanted(session, id, rids) => EngineEvent {
                data: rids.join(",").into_bytes(),
                ..named("layers_wanted", session.0, id.0.to_string())
            },
            Event::Speakers {
                room,
                speaking,
                heard,
            } => EngineEvent {
                kind: "speakers",
                session: 0,
                text: room.to_string(),
                data: speakers(&speaking, heard),
            },
            Event::Delivered(session, highest) => {
                named("delivered", session.0, highest.to_string())
            }
        });
    }

    /// Queues an event about a recording.
    pub fn push_recording(&self, kind: &'static str, recording: &str) {
        self.push_named(EngineEvent {
            kind,
            session: 0,
            text: recording.to_owned(),
            data: Vec::new(),
        });
    }

    /// Queues the event that a thread died.
    pub fn push_failure(&self, message: &str) {
        self.push_named(EngineEvent {
            kind: "failed",
            session: 0,
            text: message.to_owned(),
            data: Vec::new(),
        });
    }

    /// Handshake packets dropped because their session had too many waiting.
    pub fn dtls_excess(&self) -> u64 {
        self.state.lock().dtls_excess
    }

    /// Takes up to `limit` events, oldest first.
    pub fn drain(&self, limit: usize) -> Vec<EngineEvent> {
        let mut state = self.state.lock();
        let count = limit.min(state.events.len());
        let mut drained: Vec<_> = state.events.drain(..count).collect();
        for event in &mut drained {
            if event.kind == "dtls" {
                state.forget_dtls(event.session);
            } else if event.kind == "selected" {
                event.text = state.selected.remove(&event.session).unwrap_or_default();
            }
        }
        if state.events.is_empty() {
            self.wake.clear();
        }
        drained
    }

    fn push_named(&self, event: EngineEvent) {
        let mut state = self.state.lock();
        if event.kind == "dtls" {
            let queued = state.dtls.entry(event.session).or_insert(0);
            if *queued >= MAX_DTLS {
                state.dtls_excess += 1;
                return;
            }
            *queued += 1;
        }
        self.append(&mut state, event);
    }

    fn push_selected(&self, session: u64, address: String) {
        let mut state = self.state.lock();
        if state.selected.insert(session, address).is_none() {
            let event = EngineEvent {
                kind: "selected",
                session,
                text: String::new(),
                data: Vec::new(),
            };
            self.append(&mut state, event);
        }
    }

    fn append(&self, state: &mut State, event: EngineEvent) {
        let was_empty = state.events.is_empty();
        state.events.push_back(event);
        if was_empty {
            self.wake.signal();
        }
    }
}

impl State {
    fn forget_dtls(&mut self, session: u64) {
        if let Some(queued) = self.dtls.get_mut(&session) {
            *queued -= 1;
            if *queued == 0 {
                self.dtls.remove(&session);
            }
        }
    }
}

/// JSON `{"speaking":[12,15],"heard":[12,15,null]}`.
fn speakers(speaking: &[PublicationId], heard: [Option<PublicationId>; 3]) -> Vec<u8> {
    let speaking: Vec<_> = speaking.iter().map(|id| id.0).collect();
    let heard = heard.map(|id| id.map(|id| id.0));
    serde_json::json!({ "speaking": speaking, "heard": heard })
        .to_string()
        .into_bytes()
}

#[cfg(test)]
mod tests {
    use relay_core::forward::SessionId;

    use super::*;

    #[test]
    fn a_flood_of_handshake_packets_costs_only_its_own_session() {
        let queue = EventQueue::new().expect("eventfd");
        for _ in 0..100 {
            queue.push(Event::Dtls(SessionId(1), vec![22]));
        }
        queue.push(Event::Dtls(SessionId(2), vec![22]));
        queue.push(Event::PublicationMedia(SessionId(1), PublicationId(5)));
        let events = queue.drain(1000);
        assert_eq!(
            events
                .iter()
                .filter(|event| event.session == 1 && event.kind == "dtls")
                .count(),
            MAX_DTLS as usize
        );
        assert_eq!(events.len(), MAX_DTLS as usize + 2);
        assert_eq!(queue.dtls_excess(), 100 - u64::from(MAX_DTLS));
        queue.push(Event::Dtls(SessionId(1), vec![22]));
        assert_eq!(
            queue.drain(1000).len(),
            1,
            "fetched packets no longer count"
        );
    }

    #[test]
    fn a_session_that_keeps_moving_is_one_event_with_its_last_address() {
        let queue = EventQueue::new().expect("eventfd");
        let address = |port: u16| std::net::SocketAddr::from(([127, 0, 0, 1], port));
        for port in 1..=100 {
            queue.push(Event::Selected(SessionId(1), address(port)));
        }
        queue.push(Event::Selected(SessionId(2), address(7)));
        let told = |queue: &EventQueue| {
            let events = queue.drain(1000).into_iter();
            events
                .map(|event| (event.session, event.text))
                .collect::<Vec<_>>()
        };
        assert_eq!(
            told(&queue),
            [(1, "127.0.0.1:100".into()), (2, "127.0.0.1:7".into())]
        );
        queue.push(Event::Selected(SessionId(1), address(101)));
        assert_eq!(told(&queue), [(1, "127.0.0.1:101".into())]);
    }

    #[test]
    fn drain_takes_no_more_than_asked() {
        let queue = EventQueue::new().expect("eventfd");
        for session in 0..5 {
            queue.push(Event::Expired(SessionId(session)));
        }
        assert_eq!(
            queue
                .drain(3)
                .iter()
                .map(|event| event.session)
                .collect::<Vec<_>>(),
            [0, 1, 2]
        );
        assert_eq!(
            queue
                .drain(3)
                .iter()
                .map(|event| event.session)
                .collect::<Vec<_>>(),
            [3, 4]
        );
    }
}
