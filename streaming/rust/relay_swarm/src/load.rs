//! `relay_swarm load`: one publisher, N viewers, one window; the server's CPU and memory are read from /proc.

use std::net::UdpSocket;
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use str0m::Rtc;
use str0m::media::{Direction, MediaKind};

use crate::arguments::Arguments;
use crate::json::{Object, percentile};
use crate::media::PAYLOAD_LEN;
use crate::publisher::{Content, Publisher};
use crate::system::{Batch, Epoll, core_jiffies, pin_to_core, process_cpu_seconds, process_rss_kb};
use crate::viewer::{Agent, Offered, Viewer, offer};
use crate::{Failure, http};

const PUBLISHER: usize = usize::MAX;
const IDLE_WINDOW: Duration = Duration::from_secs(3);
const SETTLE: Duration = Duration::from_secs(3);
const JOIN_LIMIT: Duration = Duration::from_secs(60);

struct Plan {
    whep: String,
    watch_token: Option<String>,
    viewers: usize,
    server_pid: u32,
    window: Duration,
    join_interval: Duration,
    content: Content,
}

/// An answered POST, on its way from the joining thread.
struct Joined {
    started: Instant,
    outcome: Result<(String, Option<String>), String>,
}

/// The media loop: everything on one thread, on one core.
struct Swarm {
    epoll: Epoll,
    batch: Batch,
    ready: Vec<usize>,
    publisher: Publisher,
    viewers: Vec<Viewer>,
}

/// Runs the load and reports.
pub fn run(arguments: &Arguments) -> Result<String, Failure> {
    str0m::crypto::from_feature_flags().install_process_default();
    let plan = Plan {
        whep: arguments.required("whep")?,
        watch_token: arguments.optional("watch-token")?,
        viewers: arguments.required("viewers")?,
        server_pid: arguments.required("server-pid")?,
        window: Duration::from_secs_f64(arguments.optional("seconds")?.unwrap_or(10.0)),
        join_interval: Duration::from_millis(arguments.optional("join-interval-ms")?.unwrap_or(10)),
        content: Content {
            fps: arguments.optional("fps")?.unwrap_or(25.0),
            with_audio: arguments.is_yes("audio")?,
            is_spread: arguments.is_yes("spread")?,
        },
    };
    pin_to_core(arguments.optional("core")?.unwrap_or(1))?;

    let idle = idle_cpu(plan.server_pid)?;
    let token: Option<String> = arguments.optional("publish-token")?;
    let publisher = Publisher::join(
        &arguments.required::<String>("whip")?,
        token.as_deref(),
        plan.content,
    )?;
    let epoll = Epoll::new()?;
    epoll.add(&publisher.agent.socket, PUBLISHER)?;
    let mut swarm = Swarm {
        epoll,
        batch: Batch::new(),
        ready: Vec::new(),
        publisher,
        viewers: Vec::new(),
    };
    swarm.run_until(Instant::now() + JOIN_LIMIT, |swarm| {
        swarm.publisher.agent.connected
    })?;
    swarm.run_until(Instant::now() + SETTLE, |_| false)?;

    let rss_before = process_rss_kb(plan.server_pid)?;
    swarm.join_all(&plan)?;
    swarm.run_until(Instant::now() + SETTLE, |_| false)?;
    let rss_per_viewer = (process_rss_kb(plan.server_pid)? - rss_before) / plan.viewers as f64;
    let report = swarm
        .measure(&plan, idle)?
        .put_float("fps", plan.content.fps)
        .put_float("rss_per_viewer_kb", rss_per_viewer);
    swarm.leave(&plan, token.as_deref());
    Ok(report.finish())
}

/// The server's CPU as a fraction of one core while nobody is there.
fn idle_cpu(pid: u32) -> Result<f64, Failure> {
    let before = process_cpu_seconds(pid)?;
    thread::sleep(IDLE_WINDOW);
    Ok((process_cpu_seconds(pid)? - before) / IDLE_WINDOW.as_secs_f64())
}

impl Swarm {
    /// Moves media until `done` or `limit`.
    fn run_until(
        &mut self,
        limit: Instant,
        mut done: impl FnMut(&Self) -> bool,
    ) -> Result<(), Failure> {
        let mut timers = Instant::now();
        loop {
            let now = Instant::now();
            if now >= limit || done(self) {
                return Ok(());
            }
            self.publisher.tick(now)?;
            if now >= timers {
                for viewer in self
                    .viewers
                    .iter_mut()
                    .filter(|viewer| now >= viewer.agent.next)
                {
                    viewer.drive(now)?;
                }
                timers = now + Duration::from_millis(5);
            }
            self.ready.clear();
            let wake = self.publisher.next().min(limit).min(timers);
            self.epoll.wait(
                wake.saturating_duration_since(Instant::now()),
                &mut self.ready,
            )?;
            self.read_ready()?;
        }
    }

    fn read_ready(&mut self) -> Result<(), Failure> {
        for token in std::mem::take(&mut self.ready) {
            let now = Instant::now();
            if let Some(viewer) = self.viewers.get_mut(token) {
                viewer.read(now, &mut self.batch)?;
            } else {
                while self.batch.receive(&self.publisher.agent.socket)? {
                    for datagram in self.batch.datagrams() {
                        self.publisher.agent.receive(now, datagram)?;
                    }
                }
                self.publisher.tick(now)?;
            }
        }
        Ok(())
    }

    /// Joins viewers one after the other while media flows; POSTs are made on a thread of their own.
    fn join_all(&mut self, plan: &Plan) -> Result<(), Failure> {
        let (to_join, offers) = mpsc::channel::<String>();
        let (to_swarm, answers) = mpsc::channel::<Joined>();
        let (url, token) = (plan.whep.clone(), plan.watch_token.clone());
        let poster = thread::spawn(move || {
            for sdp in offers {
                let started = Instant::now();
                let outcome = http::post_offer(&url, token.as_deref(), &sdp)
                    .map_err(|error| error.to_string());
                if to_swarm.send(Joined { started, outcome }).is_err() {
                    return;
                }
            }
        });
        let kinds = if plan.content.with_audio {
            &[MediaKind::Video, MediaKind::Audio][..]
        } else {
            &[MediaKind::Video]
        };
        for number in 0..plan.viewers {
            let socket = UdpSocket::bind("127.0.0.1:0")?;
            let (rtc, offered, _) = offer(&socket, kinds, Direction::RecvOnly)?;
            to_join.send(offered.sdp.clone())?;
            let mut joined = None;
            self.run_until(Instant::now() + JOIN_LIMIT, |_| {
                joined = joined.take().or_else(|| answers.try_recv().ok());
                joined.is_some()
            })?;
            let joined = joined.ok_or("a join took more than a minute")?;
            self.admit(number, joined, rtc, socket, offered)?;
            self.run_until(Instant::now() + plan.join_interval, |_| false)?;
        }
        drop(to_join);
        poster.join().map_err(|_| "the joining thread panicked")?;
        self.run_until(Instant::now() + JOIN_LIMIT, |swarm| {
            swarm.viewers.iter().all(|viewer| viewer.join.is_some())
        })
    }

    fn admit(
        &mut self,
        number: usize,
        joined: Joined,
        rtc: Rtc,
        socket: UdpSocket,
        offered: Offered,
    ) -> Result<(), Failure> {
        let (answer, resource) = joined.outcome?;
        let mut agent = Agent::new(rtc, socket);
        agent.accept(offered.pending, &answer)?;
        self.epoll.add(&agent.socket, number)?;
        self.viewers
            .push(Viewer::new(agent, resource, joined.started, number));
        Ok(())
    }

    fn measure(&mut self, plan: &Plan, idle: f64) -> Result<Object, Failure> {
        self.viewers.iter_mut().for_each(Viewer::reset);
        let (cores_before, cpu_before) = (core_jiffies()?, process_cpu_seconds(plan.server_pid)?);
        let (own_before, started) = (process_cpu_seconds(std::process::id())?, Instant::now());
        self.run_until(started + plan.window, |_| false)?;
        let cpu = process_cpu_seconds(plan.server_pid)? - cpu_before;
        let (cores_after, seconds) = (core_jiffies()?, started.elapsed().as_secs_f64());
        let own = process_cpu_seconds(std::process::id())? - own_before;

        let totals = self.viewers.iter().map(Viewer::totals);
        let (received, missing) = totals.fold((0, 0), |sum, one| (sum.0 + one.0, sum.1 + one.1));
        let mut delays: Vec<f64> = self
            .viewers
            .iter()
            .flat_map(|viewer| viewer.delays.iter().copied())
            .collect();
        let mut joins: Vec<f64> = self
            .viewers
            .iter()
            .filter_map(|viewer| viewer.join)
            .map(|join| join.as_secs_f64() * 1000.0)
            .collect();
        let busy = cores_before.iter().zip(&cores_after);
        let busy: Vec<f64> = busy
            .map(|(before, after)| 100.0 * (after.0 - before.0) / (after.1 - before.1))
            .collect();
        Ok(Object::new()
            .put("viewers", plan.viewers)
            .put("payload_bytes", PAYLOAD_LEN)
            .put("spread", plan.content.is_spread)
            .put_float("seconds", seconds)
            .put("packets", received)
            .put("missing", missing)
            .put_float("packets_per_s", received as f64 / seconds)
            .put_float("server_cpu_percent", 100.0 * cpu / seconds)
            .put_float("idle_cpu_percent", 100.0 * idle)
            .put_float(
                "us_per_packet",
                (cpu - idle * seconds) * 1e6 / received as f64,
            )
            .put_float("swarm_cpu_percent", 100.0 * own / seconds)
            .put_list("core_busy_percent", &busy)
            .put("sampled", delays.len())
            .put_float("delay_us_p50", percentile(&mut delays, 0.5))
            .put_float("delay_us_p99", percentile(&mut delays, 0.99))
            .put("joined", joins.len())
            .put_float("join_ms_p50", percentile(&mut joins, 0.5))
            .put_float("join_ms_p99", percentile(&mut joins, 0.99))
            .put("key_frames", self.publisher.key_frames))
    }

    fn leave(&self, plan: &Plan, publish_token: Option<&str>) {
        let viewers = self
            .viewers
            .iter()
            .map(|viewer| (viewer.resource.as_ref(), plan.watch_token.as_deref()));
        for (resource, token) in viewers.chain([(self.publisher.resource.as_ref(), publish_token)])
        {
            let Some(resource) = resource else { continue };
            if let Err(error) = http::request("DELETE", resource, token, "text/plain", "") {
                eprintln!("DELETE {resource}: {error}");
            }
        }
    }
}
