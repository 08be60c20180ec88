//! What a swarm can be told to do, one step after the other while media flows: join, phase, lone, churn, leave.

use std::collections::HashMap;
use std::io::BufRead;
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::Failure;
use crate::arguments::Arguments;
use crate::figures::{self, Span, merge, percentile};
use crate::publisher::Content;
use crate::swarm::{Swarm, content_of};
use crate::system::process_cpu_seconds;

const IDLE_WINDOW: Duration = Duration::from_secs(2);
/// After this a join that brought no packet has failed.
const JOIN_LIMIT: Duration = Duration::from_secs(30);

/// A swarm and what its figures are held against.
pub struct Run {
    swarm: Swarm,
    server_pid: Option<u32>,
    idle_cpu: f64,
}

impl Run {
    /// Measures the idle server, then connects the publisher.
    pub fn open(arguments: &Arguments) -> Result<Self, Failure> {
        let server_pid = arguments.optional("server-pid")?;
        let idle_cpu = match server_pid {
            Some(pid) => {
                let before = process_cpu_seconds(pid)?;
                thread::sleep(IDLE_WINDOW);
                (process_cpu_seconds(pid)? - before) / IDLE_WINDOW.as_secs_f64()
            }
            None => 0.0,
        };
        Ok(Self {
            swarm: Swarm::open(arguments)?,
            server_pid,
            idle_cpu,
        })
    }

    /// Carries out one step.
    pub fn step(&mut self, word: &str, arguments: &Arguments) -> Result<Value, Failure> {
        let failed = self.swarm.failed;
        let mut report = match word {
            "join" => self.join(arguments)?,
            "phase" => self.phase(arguments)?,
            "lone" => self.lone(arguments)?,
            "churn" => self.churn(arguments)?,
            "leave" => self.leave(arguments)?,
            _ => return Err(format!("not a step: {word}").into()),
        };
        merge(
            &mut report,
            json!({"failed": self.swarm.failed - failed, "complaints": self.swarm.complaints}),
        );
        Ok(report)
    }

    /// `--viewers N [--rate N a second]`: a ramp while media flows; ends when everyone has a packet.
    fn join(&mut self, arguments: &Arguments) -> Result<Value, Failure> {
        let viewers: usize = arguments.required("viewers")?;
        let rate: f64 = arguments.optional("rate")?.unwrap_or(50.0);
        let holdings = self.server_pid.map(figures::holdings).transpose()?;
        let span = Span::begin(&mut self.swarm, self.server_pid)?;
        let started = Instant::now();
        let (mut begun, mut joins, mut posts) = (0, Vec::new(), Vec::new());
        let (mut answered, mut tagged, mut waiting) = (0, 0, Vec::new());
        let mut last = started;
        while answered < viewers || !waiting.is_empty() {
            let due = ((started.elapsed().as_secs_f64() * rate) as usize + 1).min(viewers);
            while begun < due {
                self.swarm.begin_join()?;
                begun += 1;
            }
            let nap = Duration::from_secs_f64((0.5 / rate).min(0.01));
            self.swarm.run_until(Instant::now() + nap, |_| false)?;
            for outcome in self.swarm.outcomes() {
                answered += 1;
                tagged += usize::from(outcome.has_etag);
                posts.push(millis(outcome.post));
                waiting.extend(outcome.viewer);
            }
            let swarm = &mut self.swarm;
            waiting.retain(|index| match swarm.viewers[*index].as_ref() {
                Some(viewer) => {
                    joins.extend(viewer.join.map(millis));
                    viewer.join.is_none()
                }
                None => false,
            });
            if let Some(latest) = swarm
                .present()
                .filter_map(|viewer| Some(viewer.started + viewer.join?))
                .max()
            {
                last = latest;
            }
            if started.elapsed() > JOIN_LIMIT + Duration::from_secs_f64(viewers as f64 / rate) {
                for index in waiting.drain(..) {
                    self.swarm.leave(index);
                    self.swarm.failed += 1;
                }
                break;
            }
        }
        let seconds = (last - started).as_secs_f64();
        let mut report = span.end(&self.swarm, self.idle_cpu, false)?;
        merge(
            &mut report,
            json!({
                "joined": joins.len(),
                "with_etag": tagged,
                "join_seconds": seconds,
                "joins_per_s": joins.len() as f64 / seconds,
                "join_ms_p50": percentile(&mut joins, 0.5),
                "join_ms_p99": percentile(&mut joins, 0.99),
                "post_ms_p50": percentile(&mut posts, 0.5),
                "post_ms_p99": percentile(&mut posts, 0.99),
                "server_before": holdings,
            }),
        );
        Ok(report)
    }

    /// `--seconds S [--settle S] [--fps F] [--pattern burst|single] [--sizes chromium|equal] [--sound yes|no]`: one window.
    fn phase(&mut self, arguments: &Arguments) -> Result<Value, Failure> {
        let seconds = arguments.optional("seconds")?.unwrap_or(8.0);
        let settle = arguments.optional("settle")?.unwrap_or(1.0);
        let before = self
            .swarm
            .publisher
            .as_ref()
            .map(|publisher| publisher.content());
        let content = content_of(arguments, before)?;
        if let Some(publisher) = &mut self.swarm.publisher {
            publisher.set_content(content);
        }
        self.idle_for(settle)?;
        let span = Span::begin(&mut self.swarm, self.server_pid)?;
        self.idle_for(seconds)?;
        let mut report = span.end(&self.swarm, self.idle_cpu, true)?;
        merge(&mut report, described(content));
        Ok(report)
    }

    /// `--joins N [--gap-ms N]`: joins alone, one after the other, each leaving again.
    fn lone(&mut self, arguments: &Arguments) -> Result<Value, Failure> {
        let joins: usize = arguments.optional("joins")?.unwrap_or(15);
        let gap = arguments.optional("gap-ms")?.unwrap_or(400.0) / 1000.0;
        let (mut times, mut posts) = (Vec::new(), Vec::new());
        for _ in 0..joins {
            self.swarm.begin_join()?;
            let mut arrived = None;
            self.swarm.run_until(Instant::now() + JOIN_LIMIT, |swarm| {
                for outcome in swarm.outcomes() {
                    posts.push(millis(outcome.post));
                    arrived = Some(outcome.viewer);
                }
                match arrived {
                    Some(Some(index)) => swarm.viewers[index]
                        .as_ref()
                        .is_none_or(|viewer| viewer.join.is_some()),
                    Some(None) => true,
                    None => false,
                }
            })?;
            let index = arrived.flatten();
            let join = index.and_then(|index| self.swarm.viewers[index].as_ref()?.join);
            times.extend(join.map(millis));
            self.idle_for(gap)?;
            if let Some(index) = index {
                self.swarm.leave(index);
            }
        }
        Ok(json!({
            "lone_joins": times.len(),
            "lone_join_ms_p50": percentile(&mut times, 0.5),
            "lone_join_ms_p99": percentile(&mut times, 0.99),
            "lone_post_ms_p50": percentile(&mut posts, 0.5),
            "lone_join_ms": times,
        }))
    }

    /// `--seconds S [--rate N a second] [--stay S] [--kill-share 0..1]`: viewers come and go; arrivals and stays by the seed.
    fn churn(&mut self, arguments: &Arguments) -> Result<Value, Failure> {
        let seconds: f64 = arguments.required("seconds")?;
        let rate: f64 = arguments.optional("rate")?.unwrap_or(5.0);
        let stay = Duration::from_secs_f64(arguments.optional("stay")?.unwrap_or(5.0));
        let kill_share: f64 = arguments.optional("kill-share")?.unwrap_or(0.3);
        let mean = Duration::from_secs_f64(1.0 / rate);
        let span = Span::begin(&mut self.swarm, self.server_pid)?;
        let end = Instant::now() + Duration::from_secs_f64(seconds);
        let mut next = Instant::now();
        let mut leaving: HashMap<usize, Instant> = HashMap::new();
        let (mut begun, mut left, mut killed, mut most) = (0u64, 0u64, 0u64, 0);
        let (mut joins, mut without_media) = (Vec::new(), 0u64);
        while Instant::now() < end {
            while Instant::now() >= next {
                self.swarm.begin_join()?;
                begun += 1;
                next += self.swarm.random.gap(mean);
            }
            let wake = next
                .min(end)
                .min(Instant::now() + Duration::from_millis(20));
            self.swarm.run_until(wake, |_| false)?;
            for index in self
                .swarm
                .outcomes()
                .into_iter()
                .filter_map(|outcome| outcome.viewer)
            {
                let until = Instant::now() + self.swarm.random.gap(stay);
                leaving.insert(index, until);
            }
            most = most.max(leaving.len());
            let mut over: Vec<usize> = leaving
                .iter()
                .filter(|(_, until)| Instant::now() >= **until)
                .map(|(index, _)| *index)
                .collect();
            // The map's order is by chance of its own; the seed's comes next.
            over.sort_unstable();
            for index in over {
                leaving.remove(&index);
                if let Some(viewer) = &self.swarm.viewers[index] {
                    joins.extend(viewer.join.map(millis));
                    without_media += u64::from(viewer.join.is_none());
                }
                if self.swarm.random.share() < kill_share {
                    drop(self.swarm.kill(index));
                    killed += 1;
                } else {
                    self.swarm.leave(index);
                    left += 1;
                }
            }
        }
        self.swarm.finish_joins()?;
        drop(self.swarm.outcomes());
        let mut report = span.end(&self.swarm, self.idle_cpu, false)?;
        merge(
            &mut report,
            json!({
                "begun": begun, "left": left, "killed": killed, "most_at_once": most,
                "left_without_media": without_media,
                "join_ms_p50": percentile(&mut joins, 0.5),
                "join_ms_p99": percentile(&mut joins, 0.99),
            }),
        );
        Ok(report)
    }

    /// `[--kill yes]`: all viewers go; the publisher stays.
    fn leave(&mut self, arguments: &Arguments) -> Result<Value, Failure> {
        let is_kill = arguments.is_yes("kill")?;
        self.swarm.finish_joins()?;
        let present = self.swarm.present().count();
        for index in 0..self.swarm.viewers.len() {
            if is_kill {
                drop(self.swarm.kill(index));
            } else {
                self.swarm.leave(index);
            }
        }
        Ok(json!({"went": present}))
    }

    fn idle_for(&mut self, seconds: f64) -> Result<(), Failure> {
        self.swarm
            .run_until(Instant::now() + Duration::from_secs_f64(seconds), |_| false)
    }

    /// Everyone goes, politely.
    pub fn close(self) {
        self.swarm.close();
    }

    /// Steps from standard input, a line each (`phase --fps 20`), answered by a line of JSON each, until its end.
    pub fn follow(mut self) -> Result<(), Failure> {
        let (to_loop, lines) = mpsc::channel();
        thread::spawn(move || {
            for line in std::io::stdin().lock().lines().map_while(Result::ok) {
                if to_loop.send(line).is_err() {
                    return;
                }
            }
        });
        println!("{}", json!({"ready": true, "machine": figures::machine()}));
        loop {
            let mut line = None;
            let mut is_over = false;
            // Media flows while nobody says anything.
            self.swarm
                .run_until(Instant::now() + Duration::from_secs(3600), |_| {
                    match lines.try_recv() {
                        Ok(text) => line = Some(text),
                        Err(mpsc::TryRecvError::Disconnected) => is_over = true,
                        Err(mpsc::TryRecvError::Empty) => {}
                    }
                    line.is_some() || is_over
                })?;
            let Some(line) = line else {
                if is_over {
                    self.close();
                    return Ok(());
                }
                continue;
            };
            let mut words = line.split_whitespace().map(str::to_owned);
            let word = words.next().unwrap_or_default();
            let done = Arguments::parse(words).and_then(|arguments| self.step(&word, &arguments));
            let report = done.unwrap_or_else(|error| json!({"error": error.to_string()}));
            println!("{report}");
        }
    }
}

fn described(content: Content) -> Value {
    json!({
        "fps": content.fps,
        "pattern": format!("{:?}", content.pattern).to_lowercase(),
        "sizes": format!("{:?}", content.sizes).to_lowercase(),
        "sound": content.sound,
    })
}

fn millis(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1000.0
}
