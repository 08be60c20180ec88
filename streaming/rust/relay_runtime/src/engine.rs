//! The handle Python holds: starts the threads, queues commands, fetches events. No call waits for a thread but `shutdown`.

use std::fs;
use std::io;
use std::net::SocketAddr;
use std::os::fd::RawFd;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::os::unix::net::UnixListener;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{SystemTime, UNIX_EPOCH};

use parking_lot::Mutex;
use relay_core::forward::{Command, Config, MAX_WORKERS, SessionId, WorkerIndex};
use relay_core::srtp::SrtpContext;
use socket2::{Domain, SockAddr, Socket, Type};

use crate::error::EngineError;
use crate::event::{EngineEvent, EventQueue};
use crate::feed::{FeedSender, FeedServer, RecordingStats, handover};
use crate::lane::{Inlet, Lane, lane};
use crate::router::READER;
use crate::switchboard::{Post, Switchboard};
use crate::sys::{self, EventFd};
use crate::worker::{Worker, WorkerStats};
use crate::{spec, stats, tcp};

/// How to start an engine.
#[derive(Debug, Clone)]
pub struct EngineSettings {
    /// Addresses to announce, one socket each.
    pub addresses: Vec<String>,
    /// UDP port, 0 = ephemeral.
    pub port: u16,
    /// Random string of this node start.
    pub node_epoch: String,
    /// Where recorders connect.
    pub feed_path: Option<String>,
    /// REMB towards publishers: the most.
    pub remb_bps: u64,
    /// The least.
    pub remb_min_bps: u64,
    /// Timings for tests, JSON.
    pub timings: Option<String>,
    /// Media threads; 0 = one per core this process may use, at most [`MOST_BY_DEFAULT`].
    pub workers: usize,
}

/// More threads than this only make the hand-over dearer for one lecture; ask for them when there are many rooms.
const MOST_BY_DEFAULT: usize = 8;

/// A running engine.
pub struct Engine {
    addresses: Vec<SocketAddr>,
    switchboard: Arc<Switchboard>,
    events: Arc<EventQueue>,
    stats: Vec<Arc<Mutex<WorkerStats>>>,
    recordings: Arc<Mutex<Vec<RecordingStats>>>,
    tcp: tcp::TcpNumbers,
    failure: Arc<Mutex<Option<String>>>,
    threads: Mutex<Option<Vec<JoinHandle<()>>>>,
    feed_path: Option<PathBuf>,
}

impl Engine {
    /// Binds the sockets and starts the threads.
    pub fn start(settings: &EngineSettings) -> Result<Self, EngineError> {
        let wall = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default()
            .as_nanos() as u64;
        let seed = random_seed()?;
        let mut config = Config::new(settings.remb_bps, wall - sys::monotonic().min(wall), seed);
        config.remb_min_bps = settings.remb_min_bps;
        let (limits, tcp_limits) = spec::timings(settings.timings.as_deref(), &mut config)?;
        let (sockets, listeners) = tcp::bind_with_listeners(&settings.addresses, settings.port)?;
        let sockets: Arc<[_]> = sockets.into();
        let addresses = sockets
            .iter()
            .map(std::net::UdpSocket::local_addr)
            .collect::<io::Result<_>>()?;
        config.workers = worker_count(settings.workers)?;
        let wakes = (0..config.workers)
            .map(|_| EventFd::new().map(Arc::new))
            .collect::<io::Result<Vec<_>>>()?;
        let (posts, receivers): (Vec<_>, Vec<_>) =
            wakes.iter().map(|wake| Post::new(wake.clone())).unzip();
        let switchboard = Arc::new(Switchboard::new(posts, seed));
        let events = Arc::new(EventQueue::new()?);
        let (tcp_server, tcp_port, tcp_numbers) =
            tcp::open(listeners, tcp_limits, wakes[READER].clone())?;
        let engine = Self {
            addresses,
            switchboard: switchboard.clone(),
            events: events.clone(),
            stats: wakes.iter().map(|_| Arc::default()).collect(),
            recordings: Arc::default(),
            tcp: tcp_numbers,
            failure: Arc::default(),
            threads: Mutex::new(Some(Vec::new())),
            feed_path: settings.feed_path.as_ref().map(PathBuf::from),
        };
        let mut feed = None;
        if let Some(path) = &settings.feed_path {
            let listener = listen(Path::new(path)).map_err(|source| EngineError::FeedSocket {
                path: path.clone(),
                source,
            })?;
            let feed_wake = Arc::new(EventFd::new()?);
            let (sender, messages) = handover(feed_wake.clone());
            feed = Some(sender);
            let server = FeedServer {
                listener,
                messages,
                wake: feed_wake,
                switchboard,
                events: events.clone(),
                stats: engine.recordings.clone(),
                node_epoch: settings.node_epoch.clone(),
                wall_offset: config.wall_offset,
                limits,
            };
            engine.spawn("relay-feed", move || server.run())?;
        }
        engine.spawn("relay-tcp", move || tcp_server.run())?;
        let (mut lanes, mut inlets) = interconnect(&wakes);
        for (index, (wake, commands)) in wakes.into_iter().zip(receivers).enumerate() {
            let worker = Worker {
                sockets: sockets.clone(),
                commands,
                wake,
                inlets: std::mem::take(&mut inlets[index]),
                lanes: std::mem::take(&mut lanes[index]),
                events: events.clone(),
                feed: feed.as_ref().map(FeedSender::another),
                tcp: Some(tcp_port.another()),
                stats: engine.stats[index].clone(),
                config: Config {
                    worker: index,
                    ..config.clone()
                },
            };
            engine.spawn(&format!("relay-media-{index}"), move || worker.run())?;
        }
        Ok(engine)
    }

    /// `ip:port` of every socket.
    pub fn local_addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// Readable while events wait.
    pub fn event_fd(&self) -> RawFd {
        self.events.fd()
    }

    /// Takes up to `limit` events.
    pub fn drain(&self, limit: usize) -> Vec<EngineEvent> {
        self.events.drain(limit)
    }

    /// Queues a command.
    pub fn command(&self, command: Command) -> Result<(), EngineError> {
        if let Command::SetKeys(_, keys) = &command {
            for material in [&keys.local, &keys.remote] {
                SrtpContext::from_keying_material(keys.profile, material)
                    .map_err(|error| EngineError::InvalidArgument(error.to_string()))?;
            }
        }
        self.check()?;
        self.switchboard.command(command);
        Ok(())
    }

    /// Queues a new session; `publishes` says whether it will send rather than watch, which decides where it is put.
    pub fn add_session(
        &self,
        session: SessionId,
        room: String,
        credentials: (String, String),
        publishes: bool,
    ) -> Result<(), EngineError> {
        self.check()?;
        self.switchboard
            .add_session(session, room, credentials, publishes);
        Ok(())
    }

    /// A snapshot at most a quarter of a second old, as JSON.
    pub fn stats(&self) -> Result<String, EngineError> {
        self.check()?;
        let workers: Vec<_> = self
            .stats
            .iter()
            .map(|stats| stats.lock().clone())
            .collect();
        let recordings = self.recordings.lock().clone();
        Ok(stats::to_json(
            &workers,
            &recordings,
            self.tcp.read(),
            self.events.dtls_excess(),
        ))
    }

    /// Ends the threads; the second call does nothing.
    pub fn shutdown(&self) {
        let Some(threads) = self.threads.lock().take() else {
            return;
        };
        self.switchboard.stop();
        for thread in threads.into_iter().rev() {
            // Panics were caught inside and are in `failure`.
            let _ = thread.join();
        }
        if let Some(path) = &self.feed_path {
            // Somebody else may have tidied up.
            let _ = fs::remove_file(path);
        }
    }

    fn check(&self) -> Result<(), EngineError> {
        if let Some(message) = &*self.failure.lock() {
            return Err(EngineError::Failed(message.clone()));
        }
        if self.threads.lock().is_none() {
            Err(EngineError::Stopped)
        } else {
            Ok(())
        }
    }

    fn spawn(
        &self,
        name: &str,
        body: impl FnOnce() -> io::Result<()> + Send + 'static,
    ) -> Result<(), EngineError> {
        let (events, failure) = (self.events.clone(), self.failure.clone());
        let thread = std::thread::Builder::new()
            .name(name.to_owned())
            .spawn(move || {
                let message = match catch_unwind(AssertUnwindSafe(body)) {
                    Ok(Ok(())) => return,
                    Ok(Err(error)) => error.to_string(),
                    Err(panic) => panic_message(panic.as_ref()),
                };
                failure.lock().get_or_insert_with(|| message.clone());
                events.push_failure(&message);
            })?;
        if let Some(threads) = &mut *self.threads.lock() {
            threads.push(thread);
        }
        Ok(())
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        self.shutdown();
    }
}

fn worker_count(wanted: usize) -> Result<usize, EngineError> {
    match wanted {
        0 => {
            let cores = std::thread::available_parallelism().map_or(1, usize::from);
            Ok(cores.min(MOST_BY_DEFAULT))
        }
        1..=MAX_WORKERS => Ok(wanted),
        _ => Err(EngineError::InvalidArgument(format!(
            "workers: at most {MAX_WORKERS}"
        ))),
    }
}

/// By worker: its ways to the others, and theirs to it. Nothing for one alone.
#[expect(clippy::type_complexity, reason = "two tables by worker")]
fn interconnect(
    wakes: &[Arc<EventFd>],
) -> (Vec<Vec<Option<Lane>>>, Vec<Vec<(WorkerIndex, Inlet)>>) {
    let mut lanes: Vec<Vec<_>> = wakes.iter().map(|_| Vec::new()).collect();
    let mut inlets: Vec<Vec<_>> = wakes.iter().map(|_| Vec::new()).collect();
    if wakes.len() == 1 {
        return (lanes, inlets);
    }
    for (from, ways) in lanes.iter_mut().enumerate() {
        for (to, wake) in wakes.iter().enumerate() {
            ways.push((from != to).then(|| {
                let (lane, inlet) = lane(wake.clone());
                inlets[to].push((from, inlet));
                lane
            }));
        }
    }
    (lanes, inlets)
}

fn panic_message(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "panic without a message".into())
}

/// A Unix listener only its owner may connect to: the mode is set before anybody can.
fn listen(path: &Path) -> io::Result<UnixListener> {
    if fs::symlink_metadata(path).is_ok_and(|found| found.file_type().is_socket()) {
        fs::remove_file(path)?;
    }
    let socket = Socket::new(Domain::UNIX, Type::STREAM.cloexec().nonblocking(), None)?;
    socket.bind(&SockAddr::unix(path)?)?;
    fs::set_permissions(path, fs::Permissions::from_mode(0o600))?;
    socket.listen(16)?;
    Ok(socket.into())
}

fn random_seed() -> io::Result<u64> {
    use std::io::Read;
    let mut seed = [0; 8];
    fs::File::open("/dev/urandom")?.read_exact(&mut seed)?;
    Ok(u64::from_ne_bytes(seed))
}

#[cfg(test)]
mod tests {
    use relay_core::forward::SessionId;

    use super::*;

    #[test]
    fn a_panic_is_an_event_and_fails_every_later_call() {
        let settings = EngineSettings {
            addresses: vec!["127.0.0.1".into()],
            port: 0,
            node_epoch: "epoch".into(),
            feed_path: None,
            remb_bps: 1,
            remb_min_bps: 1,
            timings: None,
            workers: 2,
        };
        let engine = Engine::start(&settings).expect("loopback");
        engine
            .spawn("doomed", || panic!("on purpose"))
            .expect("a thread");
        while engine.check().is_ok() {
            std::thread::yield_now();
        }
        let close = || engine.command(Command::CloseSession(SessionId(1)));
        assert!(matches!(close(), Err(EngineError::Failed(reason)) if reason == "on purpose"));
        engine.shutdown();
        let events = engine.drain(10);
        assert_eq!(
            (events[0].kind, events[0].text.as_str()),
            ("failed", "on purpose")
        );
    }
}
