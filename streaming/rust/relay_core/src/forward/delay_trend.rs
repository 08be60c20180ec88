//! Whether a path is congested: does the time from sending to arrival grow? Send times are those a publisher puts on its packets
//! (abs-send-time), groups of packets are compared, a line is fitted through the accumulated change (draft-ietf-rmcat-gcc-02 §5).

use std::collections::VecDeque;

use super::model::{MILLISECOND, Nanos, SECOND};

/// Packets sent within this are one burst: the sender's pacer made it, not the path.
const BURST: i64 = 5 * MILLISECOND as i64;
/// Longest burst by arrival.
const MAX_BURST: Nanos = 100 * MILLISECOND;
/// After such a pause all begins anew.
const PAUSE: Nanos = 3 * SECOND;
/// Points of the fitted line.
const WINDOW: usize = 20;
const SMOOTHING: f64 = 0.9;
const GAIN: f64 = 4.0;
/// Most groups the slope is weighted with.
const MAX_WEIGHT: f64 = 60.0;
/// The threshold, in ms: its start, its bounds, how fast it follows up and down (gcc-02 §5.4).
const THRESHOLD: f64 = 12.5;
const THRESHOLD_MIN: f64 = 6.0;
const THRESHOLD_MAX: f64 = 600.0;
const FOLLOW_UP: f64 = 0.0087;
const FOLLOW_DOWN: f64 = 0.039;
/// A single late group this far beyond the threshold does not move it.
const OUTLIER: f64 = 15.0;
/// The trend must exceed the threshold this long.
const OVERUSE_TIME: f64 = 10.0;

/// What the trend says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Usage {
    /// The queue neither grows nor drains.
    #[default]
    Normal,
    /// It grows.
    Over,
    /// It drains.
    Under,
}

/// The delay of one sender's packets over time.
#[derive(Debug, Clone, Default)]
pub struct DelayTrend {
    last_raw: Option<u32>,
    /// Send time without wraps.
    sent: i64,
    current: Option<Group>,
    previous: Option<Group>,
    line: Line,
    usage: Usage,
}

#[derive(Debug, Clone, Copy)]
struct Group {
    first_sent: i64,
    last_sent: i64,
    first_arrival: Nanos,
    last_arrival: Nanos,
}

impl DelayTrend {
    /// A packet that was sent at `raw` (24 bits of 1/2^18 s) arrived.
    pub fn on_packet(&mut self, raw: u32, now: Nanos) -> Usage {
        let before = self.last_raw.replace(raw).unwrap_or(raw);
        // 24 bits, signed: an eighth of the shift makes the sign bit the top one.
        let ticks = (raw.wrapping_sub(before) << 8) as i32 >> 8;
        self.sent += (i64::from(ticks) * SECOND as i64) >> 18;
        let sent = self.sent;
        let Some(group) = self.current.as_mut() else {
            self.current = Some(Group::new(sent, now));
            return self.usage;
        };
        if now.saturating_sub(group.last_arrival) > PAUSE {
            *self = Self {
                last_raw: Some(raw),
                current: Some(Group::new(0, now)),
                ..Self::default()
            };
            return self.usage;
        }
        if sent < group.first_sent {
            return self.usage; // Came out of order.
        }
        if group.takes(sent, now) {
            group.last_sent = group.last_sent.max(sent);
            group.last_arrival = now;
            return self.usage;
        }
        let done = *group;
        *group = Group::new(sent, now);
        if let Some(previous) = self.previous.replace(done) {
            let arrival = done.last_arrival as i64 - previous.last_arrival as i64;
            let change = arrival - (done.last_sent - previous.last_sent);
            self.usage = self.line.add(milliseconds(change), done.last_arrival);
        }
        self.usage
    }
}

impl Group {
    fn new(sent: i64, now: Nanos) -> Self {
        Self {
            first_sent: sent,
            last_sent: sent,
            first_arrival: now,
            last_arrival: now,
        }
    }

    fn takes(&self, sent: i64, now: Nanos) -> bool {
        let gap = now as i64 - self.last_arrival as i64;
        let catches_up = gap <= BURST && gap < sent - self.last_sent;
        sent - self.first_sent <= BURST || (catches_up && now - self.first_arrival < MAX_BURST)
    }
}

/// The fitted line and the threshold its slope is held against.
#[derive(Debug, Clone)]
struct Line {
    points: VecDeque<(f64, f64)>,
    began: Option<Nanos>,
    count: f64,
    accumulated: f64,
    smoothed: f64,
    last_trend: f64,
    threshold: f64,
    last_at: f64,
    over_for: f64,
    over_count: u32,
}

impl Default for Line {
    fn default() -> Self {
        Self {
            points: VecDeque::with_capacity(WINDOW),
            began: None,
            count: 0.0,
            accumulated: 0.0,
            smoothed: 0.0,
            last_trend: 0.0,
            threshold: THRESHOLD,
            last_at: 0.0,
            over_for: 0.0,
            over_count: 0,
        }
    }
}

impl Line {
    /// Adds a group that came `change` ms later than it would have without queues.
    fn add(&mut self, change: f64, arrival: Nanos) -> Usage {
        let began = *self.began.get_or_insert(arrival);
        let at = milliseconds(arrival as i64 - began as i64);
        self.count = (self.count + 1.0).min(MAX_WEIGHT);
        self.accumulated += change;
        self.smoothed = SMOOTHING * self.smoothed + (1.0 - SMOOTHING) * self.accumulated;
        if self.points.len() == WINDOW {
            self.points.pop_front();
        }
        self.points.push_back((at, self.smoothed));
        let slope = if self.points.len() == WINDOW {
            self.slope()
        } else {
            0.0
        };
        let trend = self.count * slope * GAIN;
        let elapsed = at - self.last_at;
        let usage = self.judge(trend, elapsed);
        self.follow(trend.abs(), elapsed);
        (self.last_trend, self.last_at) = (trend, at);
        usage
    }

    fn judge(&mut self, trend: f64, elapsed: f64) -> Usage {
        if trend <= self.threshold {
            (self.over_for, self.over_count) = (0.0, 0);
            return if trend < -self.threshold {
                Usage::Under
            } else {
                Usage::Normal
            };
        }
        self.over_for += if self.over_count == 0 {
            elapsed / 2.0
        } else {
            elapsed
        };
        self.over_count += 1;
        if self.over_for > OVERUSE_TIME && self.over_count > 1 && trend >= self.last_trend {
            (self.over_for, self.over_count) = (0.0, 0);
            return Usage::Over;
        }
        Usage::Normal
    }

    fn follow(&mut self, trend: f64, elapsed: f64) {
        if trend > self.threshold + OUTLIER {
            return;
        }
        let speed = if trend < self.threshold {
            FOLLOW_DOWN
        } else {
            FOLLOW_UP
        };
        self.threshold += speed * (trend - self.threshold) * elapsed.min(100.0);
        self.threshold = self.threshold.clamp(THRESHOLD_MIN, THRESHOLD_MAX);
    }

    /// Least squares.
    fn slope(&self) -> f64 {
        let count = self.points.len() as f64;
        let mean =
            |value: fn(&(f64, f64)) -> f64| self.points.iter().map(value).sum::<f64>() / count;
        let (x, y) = (mean(|point| point.0), mean(|point| point.1));
        let above: f64 = self
            .points
            .iter()
            .map(|point| (point.0 - x) * (point.1 - y))
            .sum();
        let below: f64 = self.points.iter().map(|point| (point.0 - x).powi(2)).sum();
        if below == 0.0 { 0.0 } else { above / below }
    }
}

fn milliseconds(nanos: i64) -> f64 {
    nanos as f64 / MILLISECOND as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One packet each 10 ms whose delay is a function of time; returns what was seen.
    fn observe(delay: impl Fn(Nanos) -> Nanos, duration: Nanos) -> Vec<Usage> {
        let mut trend = DelayTrend::default();
        let mut seen = Vec::new();
        for sent in (0..duration).step_by(10 * MILLISECOND as usize) {
            let raw =
                ((u128::from(sent + 60 * SECOND) << 18) / u128::from(SECOND)) as u32 & 0xff_ffff;
            seen.push(trend.on_packet(raw, 100 * SECOND + sent + delay(sent)));
        }
        seen
    }

    #[test]
    fn a_steady_path_is_normal_across_the_wrap_of_send_times() {
        assert!(
            observe(|_| 40 * MILLISECOND, 20 * SECOND)
                .iter()
                .all(|usage| *usage == Usage::Normal)
        );
    }

    #[test]
    fn jitter_is_not_congestion() {
        let jittery = |sent: Nanos| 40 * MILLISECOND + (sent / MILLISECOND * 7919 % 11) * 500_000;
        let seen = observe(jittery, 30 * SECOND);
        let over = seen.iter().filter(|usage| **usage == Usage::Over).count();
        assert!(over * 200 < seen.len(), "{over} of {}", seen.len());
    }

    #[test]
    fn a_growing_queue_is_overuse_within_half_a_second_and_a_draining_one_underuse() {
        // From 5 s on a tenth too much is sent, from 8 s on the queue drains.
        let delay = |sent: Nanos| match sent / SECOND {
            0..=4 => 40 * MILLISECOND,
            5..=7 => 40 * MILLISECOND + (sent - 5 * SECOND) / 10,
            _ => (340 * MILLISECOND)
                .saturating_sub((sent - 8 * SECOND) / 10)
                .max(40 * MILLISECOND),
        };
        let seen = observe(delay, 12 * SECOND);
        let first = seen
            .iter()
            .position(|usage| *usage == Usage::Over)
            .expect("overuse");
        assert!((500..550).contains(&first), "{first}");
        assert!(seen[800..900].contains(&Usage::Under));
    }
}
