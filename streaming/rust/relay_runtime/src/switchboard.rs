//! Which worker a command is for, and where a new session is put: viewers to the worker with the fewest, publishers to their room's home.
//!
//! With one worker it is a queue and a wake-up. Nothing here looks into a packet.

use std::sync::Arc;

use crossbeam_channel::{Receiver, Sender, unbounded};
use hashbrown::HashMap;
use parking_lot::Mutex;
use relay_core::forward::{Command, PublicationId, SessionId, WorkerIndex, room_home};

use crate::router::READER;
use crate::sys::EventFd;
use crate::worker::WorkerCommand;

/// Where one worker's commands go.
pub struct Post {
    commands: Sender<WorkerCommand>,
    wake: Arc<EventFd>,
}

impl Post {
    /// A queue that wakes `wake`, and its other end.
    pub fn new(wake: Arc<EventFd>) -> (Self, Receiver<WorkerCommand>) {
        let (commands, receiver) = unbounded();
        (Self { commands, wake }, receiver)
    }

    fn send(&self, command: WorkerCommand) {
        // A worker that is gone needs no telling: its failure is told to Python.
        if self.commands.send(command).is_ok() {
            self.wake.signal();
        }
    }
}

/// The way from Python and the feed thread to the workers.
pub struct Switchboard {
    posts: Vec<Post>,
    seed: u64,
    seats: Mutex<Seats>,
}

#[derive(Default)]
struct Seats {
    sessions: HashMap<SessionId, Seat>,
    /// Sessions by worker.
    load: Vec<usize>,
}

struct Seat {
    worker: WorkerIndex,
    room: String,
    publications: Vec<PublicationId>,
}

impl Switchboard {
    /// One post per worker; `seed` is the state machines'.
    pub fn new(posts: Vec<Post>, seed: u64) -> Self {
        let seats = Seats {
            load: vec![0; posts.len()],
            ..Seats::default()
        };
        Self {
            posts,
            seed,
            seats: Mutex::new(seats),
        }
    }

    /// Puts a session on a worker. `publishes` is a hint: a room whose publishers share a worker hands over less.
    pub fn add_session(
        &self,
        session: SessionId,
        room: String,
        (ufrag, pwd): (String, String),
        publishes: bool,
    ) {
        if self.posts.len() > 1 {
            let mut seats = self.seats.lock();
            if seats.sessions.contains_key(&session) {
                return;
            }
            let worker = if publishes {
                room_home(self.seed, &room, self.posts.len())
            } else {
                least(&seats.load)
            };
            seats.load[worker] += 1;
            seats.sessions.insert(
                session,
                Seat {
                    worker,
                    room: room.clone(),
                    publications: Vec::new(),
                },
            );
            self.admit(session, &ufrag, worker);
        }
        let command = Command::AddSession {
            session,
            room,
            ufrag,
            pwd,
        };
        self.command(command);
    }

    /// Takes a command to the workers it concerns.
    pub fn command(&self, command: Command) {
        if self.posts.len() == 1 {
            return self.tell(0, command);
        }
        match command {
            Command::AddSession { session, .. }
            | Command::SendDtls(session, _)
            | Command::SetKeys(session, _)
            | Command::Subscribe(session, _) => {
                if let Some(worker) = self.worker_of(session) {
                    self.tell(worker, command);
                }
            }
            Command::RestartIce(session, ref ufrag, _) => {
                if let Some(worker) = self.worker_of(session) {
                    self.admit(session, ufrag, worker);
                    self.tell(worker, command);
                }
            }
            Command::Publish(session, publication, spec) => {
                let mut seats = self.seats.lock();
                let Some(seat) = seats.sessions.get_mut(&session) else {
                    return;
                };
                seat.publications.push(publication);
                for index in (0..self.posts.len()).filter(|index| *index != seat.worker) {
                    let mirror = Command::Mirror {
                        publication,
                        session,
                        worker: seat.worker,
                        room: seat.room.clone(),
                        spec: spec.clone(),
                    };
                    self.tell(index, mirror);
                }
                self.tell(seat.worker, Command::Publish(session, publication, spec));
            }
            Command::CloseSession(session) => self.close(session),
            Command::Unpublish(publication) => {
                self.tell_all(|| Command::Unpublish(publication));
            }
            Command::SetSlot(room, slot, publication) => {
                self.tell_all(|| Command::SetSlot(room.clone(), slot, publication));
            }
            Command::SetRecording(ref room, _) => {
                self.tell(room_home(self.seed, room, self.posts.len()), command);
            }
            Command::RequestSlotKeyframe { room_number, .. } => {
                self.tell((room_number % self.posts.len() as u64) as usize, command);
            }
            // Any worker knows every publication, as its own or as a mirror.
            Command::RequestKeyframe(_) | Command::Mirror { .. } => self.tell(READER, command),
        }
    }

    /// Ends all workers.
    pub fn stop(&self) {
        for post in &self.posts {
            post.send(WorkerCommand::Stop);
        }
    }

    fn close(&self, session: SessionId) {
        let mut seats = self.seats.lock();
        let Some(seat) = seats.sessions.remove(&session) else {
            return;
        };
        seats.load[seat.worker] -= 1;
        for publication in seat.publications {
            for index in (0..self.posts.len()).filter(|index| *index != seat.worker) {
                self.tell(index, Command::Unpublish(publication));
            }
        }
        if seat.worker != READER {
            self.posts[READER].send(WorkerCommand::Dismiss(session));
        }
        self.tell(seat.worker, Command::CloseSession(session));
    }

    fn admit(&self, session: SessionId, ufrag: &str, worker: WorkerIndex) {
        if worker != READER {
            self.posts[READER].send(WorkerCommand::Admit(session, ufrag.to_owned(), worker));
        }
    }

    fn worker_of(&self, session: SessionId) -> Option<WorkerIndex> {
        let seats = self.seats.lock();
        seats.sessions.get(&session).map(|seat| seat.worker)
    }

    fn tell(&self, worker: WorkerIndex, command: Command) {
        self.posts[worker].send(WorkerCommand::Relay(command));
    }

    fn tell_all(&self, command: impl Fn() -> Command) {
        (0..self.posts.len()).for_each(|worker| self.tell(worker, command()));
    }
}

/// The first of the least loaded.
fn least(load: &[usize]) -> WorkerIndex {
    let pairs = load.iter().enumerate();
    pairs
        .min_by_key(|(_, load)| **load)
        .map_or(0, |pair| pair.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn board(workers: usize) -> (Switchboard, Vec<Receiver<WorkerCommand>>) {
        let (posts, receivers) = (0..workers)
            .map(|_| Post::new(Arc::new(EventFd::new().expect("eventfd"))))
            .unzip();
        (Switchboard::new(posts, 7), receivers)
    }

    fn names(receiver: &Receiver<WorkerCommand>) -> Vec<&'static str> {
        let name = |command| match command {
            WorkerCommand::Relay(Command::AddSession { .. }) => "add",
            WorkerCommand::Relay(Command::Unpublish(_)) => "unpublish",
            WorkerCommand::Relay(Command::CloseSession(_)) => "close",
            WorkerCommand::Relay(Command::SetSlot(..)) => "slot",
            WorkerCommand::Relay(Command::SetRecording(..)) => "recording",
            WorkerCommand::Admit(..) => "admit",
            WorkerCommand::Dismiss(_) => "dismiss",
            _ => "other",
        };
        receiver.try_iter().map(name).collect()
    }

    fn add(board: &Switchboard, session: u64, room: &str, publishes: bool) {
        let credentials = (format!("u{session}"), "p".to_owned());
        board.add_session(SessionId(session), room.into(), credentials, publishes);
    }

    #[test]
    fn viewers_spread_evenly_and_come_back_where_there_is_room() {
        let (board, receivers) = board(3);
        (0..90).for_each(|session| add(&board, session, "room", false));
        assert_eq!(board.seats.lock().load, [30, 30, 30]);
        for session in (0..90).filter(|session| session % 3 == 1) {
            board.command(Command::CloseSession(SessionId(session)));
        }
        assert_eq!(board.seats.lock().load, [30, 0, 30]);
        (100..110).for_each(|session| add(&board, session, "room", false));
        assert_eq!(board.seats.lock().load, [30, 10, 30]);
        let told = names(&receivers[1]);
        assert_eq!(told.iter().filter(|name| **name == "add").count(), 40);
        assert_eq!(told.iter().filter(|name| **name == "close").count(), 30);
        let routes = names(&receivers[READER]);
        assert_eq!(routes.iter().filter(|name| **name == "admit").count(), 70);
        assert_eq!(routes.iter().filter(|name| **name == "dismiss").count(), 30);
    }

    #[test]
    fn publishers_of_a_room_and_its_recording_share_a_worker_and_everybody_knows_the_slots() {
        let (board, receivers) = board(4);
        for session in 0..5 {
            add(&board, session, "room", true);
        }
        board.command(Command::SetRecording("room".into(), Some("r".into())));
        let slot = relay_core::forward::Slot::from_name("V0").expect("a slot");
        board.command(Command::SetSlot("room".into(), slot, None));
        let home = room_home(7, "room", 4);
        for (worker, receiver) in receivers.iter().enumerate() {
            let told = names(receiver);
            let count = |wanted| told.iter().filter(|name| **name == wanted).count();
            assert_eq!(count("slot"), 1);
            assert_eq!(count("recording"), usize::from(worker == home));
            assert_eq!(count("add"), if worker == home { 5 } else { 0 });
        }
    }
}
