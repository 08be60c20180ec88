//! Which worker a datagram is for. The reading worker alone has one, and only when there are several workers.
//!
//! STUN goes by the user name fragment it names: whose worker checks its integrity, and answers or does not. Everything else goes by paths
//! that a worker reported after such a check; nothing else is ever believed.

use std::net::SocketAddr;

use hashbrown::HashMap;
use relay_core::demux::{DatagramKind, classify};
use relay_core::forward::{SessionId, SocketIndex, WorkerIndex};
use relay_core::stun::BindingRequest;

/// The worker that reads the sockets.
pub const READER: WorkerIndex = 0;
/// User name fragments kept per session: the present one, the one before, and one on its way.
const MAX_UFRAGS: usize = 3;

type Path = (SocketIndex, SocketAddr);

/// Where to hand datagrams that are not the reader's own.
#[derive(Debug, Default)]
pub struct Router {
    ufrags: HashMap<String, WorkerIndex>,
    sessions: HashMap<SessionId, Vec<String>>,
    paths: HashMap<Path, WorkerIndex>,
}

impl Router {
    /// Checks that name this fragment are for a session of that worker.
    pub fn admit(&mut self, session: SessionId, ufrag: String, worker: WorkerIndex) {
        let known = self.sessions.entry(session).or_default();
        if known.len() == MAX_UFRAGS {
            self.ufrags.remove(&known.remove(0));
        }
        known.push(ufrag.clone());
        self.ufrags.insert(ufrag, worker);
    }

    /// A session has gone. Its paths go when its worker says so.
    pub fn dismiss(&mut self, session: SessionId) {
        for ufrag in self.sessions.remove(&session).unwrap_or_default() {
            self.ufrags.remove(&ufrag);
        }
    }

    /// The other worker a datagram is for; None = the reader's own, or nobody's.
    pub fn find(&self, path: Path, datagram: &[u8]) -> Option<WorkerIndex> {
        if classify(datagram) != DatagramKind::Stun {
            return self.paths.get(&path).copied();
        }
        let request = BindingRequest::parse(datagram).ok()?;
        let ufrag = std::str::from_utf8(request.local_ufrag).ok()?;
        self.ufrags.get(ufrag).copied()
    }

    /// A path ended by itself. Returns the other worker that had it.
    pub fn close(&mut self, path: Path) -> Option<WorkerIndex> {
        self.paths.remove(&path)
    }

    /// A worker's session proved a path its own, or gave it up. Returns the other worker that had it so far.
    pub fn route(&mut self, path: Path, worker: WorkerIndex, is_here: bool) -> Option<WorkerIndex> {
        let before = self.paths.get(&path).copied();
        if is_here && worker == READER {
            self.paths.remove(&path);
        } else if is_here {
            self.paths.insert(path, worker);
        } else if before == Some(worker) {
            self.paths.remove(&path);
        }
        before.filter(|before| is_here && *before != worker)
    }
}

#[cfg(test)]
mod tests {
    use relay_core::stun::{IceRole, RequestParts, write_request};

    use super::*;

    fn check(ufrag: &str) -> Vec<u8> {
        let parts = RequestParts {
            remote_ufrag: ufrag,
            local_ufrag: "them",
            priority: 1,
            use_candidate: true,
            role: IceRole::Controlling(1),
        };
        let mut request = vec![0; 256];
        let len = write_request(&mut request, &[7; 12], &parts, b"any password").expect("room");
        request.truncate(len);
        request
    }

    #[test]
    fn a_check_alone_moves_nothing_and_media_goes_where_a_worker_said() {
        let mut router = Router::default();
        let path = (0, SocketAddr::from(([127, 0, 0, 1], 5)));
        router.admit(SessionId(1), "one".into(), 1);
        router.admit(SessionId(2), "two".into(), 2);
        let media = [0x80, 96, 0, 0];
        assert_eq!(router.find(path, &check("two")), Some(2));
        assert_eq!(router.find(path, &check("who")), None);
        assert_eq!(router.find(path, &media), None, "nobody proved it");
        assert_eq!(router.route(path, 2, true), None);
        assert_eq!(router.find(path, &media), Some(2));
        assert_eq!(router.route(path, 1, true), Some(2), "it moves");
        assert_eq!(router.route(path, 2, false), None);
        assert_eq!(router.find(path, &media), Some(1), "2 had lost it already");
        assert_eq!(router.route(path, READER, true), Some(1));
        assert_eq!(router.find(path, &media), None);
    }

    #[test]
    fn credentials_of_a_session_that_has_gone_route_nothing() {
        let mut router = Router::default();
        let path = (0, SocketAddr::from(([127, 0, 0, 1], 5)));
        for restart in 0..5 {
            router.admit(SessionId(1), format!("u{restart}"), 1);
        }
        assert_eq!(router.find(path, &check("u1")), None);
        assert_eq!(router.find(path, &check("u2")), Some(1));
        router.dismiss(SessionId(1));
        assert_eq!(router.find(path, &check("u4")), None);
        assert!(router.ufrags.is_empty() && router.sessions.is_empty());
    }
}
