//! What a time span cost and brought: the server's and our CPU, packets, loss, frames, delays. Reads /proc, drives nothing.

use std::collections::HashMap;
use std::fs;
use std::time::Instant;

use serde_json::{Value, json};

use crate::Failure;
use crate::publisher::Publisher;
use crate::swarm::Swarm;
use crate::system::{
    core_jiffies, dropped_datagrams, process_cpu_seconds, process_holdings, process_rss_kb,
    thread_cpu_seconds,
};
use crate::tally::Counts;
use crate::viewer::Viewer;

/// The state of counters at the start of a span.
pub struct Span {
    started: Instant,
    server: Option<(u32, f64, HashMap<String, f64>)>,
    own: f64,
    cores: Vec<(f64, f64)>,
    sent: (u64, u64, u64),
    dropped: u64,
}

impl Span {
    /// Begins: counters of all viewers start anew.
    pub fn begin(swarm: &mut Swarm, server_pid: Option<u32>) -> Result<Self, Failure> {
        for viewer in swarm.viewers.iter_mut().flatten() {
            viewer.reset();
        }
        let server = match server_pid {
            Some(pid) => {
                let threads = thread_cpu_seconds(pid)?;
                let by_id = threads.into_iter().map(|(id, _, seconds)| (id, seconds));
                Some((pid, process_cpu_seconds(pid)?, by_id.collect()))
            }
            None => None,
        };
        Ok(Self {
            started: Instant::now(),
            server,
            own: process_cpu_seconds(std::process::id())?,
            cores: core_jiffies()?,
            sent: sent(swarm.publisher.as_ref()),
            dropped: dropped(swarm),
        })
    }

    /// Ends it; `idle_cpu` is what of a core the server takes when nobody is there. With the same viewers all the time
    /// (`is_steady`) it is known what each should have got.
    pub fn end(self, swarm: &Swarm, idle_cpu: f64, is_steady: bool) -> Result<Value, Failure> {
        let seconds = self.started.elapsed().as_secs_f64();
        let own = process_cpu_seconds(std::process::id())? - self.own;
        let busy: Vec<f64> = self
            .cores
            .iter()
            .zip(core_jiffies()?)
            .map(|(before, after)| 100.0 * (after.0 - before.0) / (after.1 - before.1))
            .collect();
        let counts = swarm
            .present()
            .map(Viewer::counts)
            .fold(Counts::default(), |sum, one| sum + one);
        let media = counts.video + counts.audio;
        let mut figures = json!({
            "seconds": seconds,
            "viewers": swarm.present().count(),
            "packets": media,
            "packets_per_s": media as f64 / seconds,
            "swarm_cpu_percent": 100.0 * own / seconds,
            "swarm_us_per_packet": ratio(own * 1e6, media),
            "core_busy_percent": busy,
            // Lost by the load itself; those who left took theirs along.
            "viewer_socket_drops": dropped(swarm).saturating_sub(self.dropped),
        });
        merge(&mut figures, losses(swarm, counts, self.sent));
        if is_steady {
            merge(&mut figures, goodput(swarm, counts, self.sent));
        }
        merge(&mut figures, delays(swarm));
        if let Some((pid, before, threads)) = &self.server {
            let cpu = process_cpu_seconds(*pid)? - before;
            let net = cpu - idle_cpu * seconds;
            let by_thread: Vec<Value> = thread_cpu_seconds(*pid)?
                .into_iter()
                .map(|(id, name, now)| (name, now - threads.get(&id).unwrap_or(&0.0)))
                .filter(|(_, spent)| *spent > 0.002 * seconds)
                .map(|(name, spent)| json!({"name": name, "cpu_percent": 100.0 * spent / seconds}))
                .collect();
            merge(
                &mut figures,
                json!({
                    "server_cpu_percent": 100.0 * cpu / seconds,
                    "idle_cpu_percent": 100.0 * idle_cpu,
                    "us_per_packet": ratio(net * 1e6, media),
                    // Below 1 the load is cheaper than the server it loads.
                    "swarm_to_server_cpu": (cpu > 0.0).then_some(own / cpu),
                    "server_threads": by_thread,
                }),
            );
            merge(&mut figures, holdings(*pid)?);
        }
        Ok(figures)
    }
}

/// What a server process holds now.
pub fn holdings(pid: u32) -> Result<Value, Failure> {
    let (threads, descriptors) = process_holdings(pid)?;
    Ok(json!({
        "server_rss_kb": process_rss_kb(pid)?,
        "server_thread_count": threads,
        "server_descriptors": descriptors,
    }))
}

/// Counters of loss, as far as sequence numbers tell.
fn losses(swarm: &Swarm, counts: Counts, before: (u64, u64, u64)) -> Value {
    let after = sent(swarm.publisher.as_ref());
    let opened: u64 = swarm.present().map(|viewer| viewer.opened).sum();
    json!({
        "missing_video": counts.expected_video.saturating_sub(counts.video),
        "missing_audio": counts.expected_audio.saturating_sub(counts.audio),
        "rtx_packets": counts.repair_packets,
        "repaired": counts.repaired,
        "nacks": counts.nacks,
        "opened_by_str0m": opened,
        "key_frames": after.2 - before.2,
    })
}

/// What arrived of what our publisher sent. Absent frames are those that nobody saw a packet of.
fn goodput(swarm: &Swarm, counts: Counts, before: (u64, u64, u64)) -> Value {
    let Some(publisher) = &swarm.publisher else {
        return json!({});
    };
    let after = sent(Some(publisher));
    let viewers = swarm.present().count() as u64;
    let frames = viewers * (after.0 - before.0);
    let sounds = viewers * (after.1 - before.1);
    let share = |part: u64, of: u64| (of > 0).then(|| (part as f64 / of as f64).min(1.0));
    json!({
        "frames_sent": after.0 - before.0,
        "frames_whole": counts.frames_whole,
        "frames_torn": counts.frames_torn,
        "frames_absent": frames.saturating_sub(counts.frames_whole + counts.frames_torn),
        "frame_goodput": share(counts.frames_whole, frames),
        "audio_goodput": share(counts.audio, sounds),
    })
}

/// Sampled delays from the publisher's clock to the viewer's read, of those who are past their first second.
pub fn delays(swarm: &Swarm) -> Value {
    let mut delays: Vec<f64> = swarm
        .present()
        .flat_map(|viewer| viewer.delays.iter().map(|delay| f64::from(*delay)))
        .collect();
    json!({
        "delay_samples": delays.len(),
        "delay_us_p50": percentile(&mut delays, 0.5),
        "delay_us_p99": percentile(&mut delays, 0.99),
    })
}

fn dropped(swarm: &Swarm) -> u64 {
    swarm
        .present()
        .map(|viewer| dropped_datagrams(&viewer.agent.socket))
        .sum()
}

fn sent(publisher: Option<&Publisher>) -> (u64, u64, u64) {
    publisher.map_or((0, 0, 0), |publisher| {
        (publisher.frames, publisher.sounds, publisher.key_frames)
    })
}

/// The machine and the program, so that a figure can be placed.
pub fn machine() -> Value {
    let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
    let processors = read("/proc/cpuinfo");
    let model = processors
        .lines()
        .find_map(|line| line.strip_prefix("model name"))
        .map(|rest| rest.trim_start_matches(['\t', ' ', ':']));
    json!({
        "cpu": model,
        "cores": std::thread::available_parallelism().map_or(0, usize::from),
        "kernel": read("/proc/sys/kernel/osrelease").trim(),
        "load_average": read("/proc/loadavg").split(' ').take(3).collect::<Vec<_>>().join(" "),
        "swarm": concat!("relay_swarm ", env!("CARGO_PKG_VERSION"), ", str0m 0.24"),
    })
}

/// The value at `fraction` of the samples, which are sorted in place; `None` without any.
pub fn percentile(samples: &mut [f64], fraction: f64) -> Option<f64> {
    samples.sort_by(f64::total_cmp);
    let last = samples.len().checked_sub(1)?;
    Some(samples[(last as f64 * fraction).round() as usize])
}

/// Puts the fields of one object into another.
pub fn merge(into: &mut Value, from: Value) {
    if let (Value::Object(into), Value::Object(from)) = (into, from) {
        into.extend(from);
    }
}

fn ratio(amount: f64, count: u64) -> Option<f64> {
    (count > 0).then(|| amount / count as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_samples_and_nothing_has_none() {
        let mut samples: Vec<f64> = (0..=100).rev().map(f64::from).collect();
        assert_eq!(percentile(&mut samples, 0.5), Some(50.0));
        assert_eq!(percentile(&mut samples, 0.99), Some(99.0));
        assert_eq!(percentile(&mut [], 0.5), None);
    }

    #[test]
    fn the_machine_names_itself() {
        let machine = machine();
        assert!(machine["cores"].as_u64().unwrap() > 0);
        assert!(!machine["kernel"].as_str().unwrap().is_empty());
    }
}
