//! What a publisher may send: the most the settings allow until its path says otherwise, then by additive increase and multiplicative
//! decrease on the delay of its packets and on loss (draft-ietf-rmcat-gcc-02 §5.5, §6). Told by REMB.

use super::delay_trend::{DelayTrend, Usage};
use super::model::{MILLISECOND, Nanos, SECOND};

/// Of what arrives while the queue grows, so much is allowed: the rest drains the queue.
const BACK_OFF: f64 = 0.85;
/// Far below the capacity found, the rate rises by this a second …
const RISE: f64 = 0.08;
/// … and near it by a packet in a response time.
const PACKET_BITS: f64 = 1200.0 * 8.0;
const RESPONSE_S: f64 = 0.2;
/// The rate stays within this of what comes: what was never tried is not believed.
const BEYOND: f64 = 1.5;
/// The capacity counts as found again within three of these deviations (as a share).
const NEAR: f64 = 0.1;
/// Between two decreases: one response time, unless even half is too much.
const DECREASE_PAUSE: Nanos = 300 * MILLISECOND;
/// Loss above this lowers the rate (gcc-02 §6).
const MUCH_LOSS: f64 = 0.10;
/// Less of it is meant when the queue was seen to grow within this time.
const LITTLE_LOSS: f64 = 0.02;
const FULL_QUEUE: Nanos = 3 * SECOND;
/// The window incoming bits are counted over, in tenths of a second.
const BUCKETS: usize = 8;
const BUCKET: Nanos = 100 * MILLISECOND;

/// The rate of one publisher over all it sends.
#[derive(Debug, Clone, Default)]
pub struct InboundRate {
    trend: DelayTrend,
    meter: Meter,
    /// None while nothing has held it down.
    allowed: Option<f64>,
    /// What the path carried when its queue grew last.
    capacity: Option<f64>,
    is_held: bool,
    updated_at: Nanos,
    decreased_at: Option<Nanos>,
}

impl InboundRate {
    /// A packet of `len` octets came that says when it was sent (24 bits of 1/2^18 s). Returns whether the rate fell.
    pub fn on_packet(&mut self, sent: u32, len: usize, most: u64, now: Nanos) -> bool {
        self.meter.add(len, now);
        let usage = self.trend.on_packet(sent, now);
        match usage {
            Usage::Over => self.decrease(most, now),
            Usage::Under => {
                self.is_held = true; // The queue drains: what arrives now is more than is sent.
                self.updated_at = now;
                false
            }
            Usage::Normal => {
                self.increase(most, now);
                false
            }
        }
    }

    /// Of what was expected since the last report this share is missing.
    pub fn on_loss(&mut self, share: f64, most: u64, now: Nanos) {
        let incoming = self.meter.bps(now);
        let was_full = self
            .decreased_at
            .is_some_and(|at| now.saturating_sub(at) < FULL_QUEUE);
        let from = self.allowed.unwrap_or(most as f64);
        if was_full && share > LITTLE_LOSS {
            // A queue that overflows grows no more: only loss tells that it is still full.
            self.allowed = Some(from.min(incoming * BACK_OFF));
            self.updated_at = now;
        } else if share > MUCH_LOSS {
            self.allowed = Some(from.min(incoming * BEYOND) * (1.0 - share / 2.0));
            self.updated_at = now;
        }
    }

    /// Bits per second to tell the publisher, within the bounds of the settings.
    pub fn allowed(&self, least: u64, most: u64) -> u64 {
        let allowed = self.allowed.map_or(most, |allowed| allowed as u64);
        allowed.clamp(least.min(most), most)
    }

    fn decrease(&mut self, most: u64, now: Nanos) -> bool {
        let before = self.allowed.unwrap_or(most as f64);
        let incoming = self.meter.bps(now);
        let is_early = self
            .decreased_at
            .is_some_and(|at| now.saturating_sub(at) < DECREASE_PAUSE);
        if incoming == 0.0 || (is_early && incoming > before / 2.0) {
            return false;
        }
        self.capacity = Some(self.capacity.map_or(incoming, |known| {
            match (incoming / known - 1.0).abs() < 3.0 * NEAR {
                true => 0.95 * known + 0.05 * incoming,
                false => incoming,
            }
        }));
        self.allowed = Some((incoming * BACK_OFF).min(before));
        (self.decreased_at, self.updated_at, self.is_held) = (Some(now), now, true);
        true
    }

    fn increase(&mut self, most: u64, now: Nanos) {
        let Some(allowed) = self.allowed else {
            return;
        };
        let elapsed = now.saturating_sub(self.updated_at).min(SECOND);
        if elapsed < BUCKET {
            return;
        }
        self.updated_at = now;
        if std::mem::take(&mut self.is_held) {
            return;
        }
        let (seconds, incoming) = (elapsed as f64 / SECOND as f64, self.meter.bps(now));
        if self
            .capacity
            .is_some_and(|known| incoming > known * (1.0 + 3.0 * NEAR))
        {
            self.capacity = None; // The path carries more than it did.
        }
        let is_near = self
            .capacity
            .is_some_and(|known| allowed > known * (BACK_OFF - NEAR));
        let risen = match is_near {
            true => allowed + PACKET_BITS / RESPONSE_S * seconds,
            false => allowed * (1.0 + RISE * seconds),
        };
        let limited = risen.min(allowed.max(incoming * BEYOND));
        self.allowed = Some(limited).filter(|limited| *limited < most as f64);
    }
}

/// Bits that arrived within the last [`BUCKETS`] tenths of a second.
#[derive(Debug, Clone, Default)]
struct Meter {
    buckets: [u64; BUCKETS],
    newest: u64,
    began: Option<u64>,
}

impl Meter {
    fn add(&mut self, len: usize, now: Nanos) {
        self.roll(now);
        self.buckets[self.newest as usize % BUCKETS] += 8 * len as u64;
    }

    fn bps(&mut self, now: Nanos) -> f64 {
        self.roll(now);
        let Some(began) = self.began else {
            return 0.0;
        };
        // The newest bucket is not full yet: it is left out once there are others.
        let full = (self.newest - began).min(BUCKETS as u64 - 1);
        if full == 0 {
            return 0.0;
        }
        let newest = self.buckets[self.newest as usize % BUCKETS];
        let bits = self.buckets.iter().sum::<u64>() - newest;
        bits as f64 * (SECOND / BUCKET) as f64 / full as f64
    }

    fn roll(&mut self, now: Nanos) {
        let number = now / BUCKET;
        if number.saturating_sub(self.newest) >= BUCKETS as u64 {
            (self.buckets, self.newest) = ([0; BUCKETS], number);
            self.began = Some(number);
        }
        while self.newest < number {
            self.newest += 1;
            self.buckets[self.newest as usize % BUCKETS] = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MOST: u64 = 2_500_000;
    const LEAST: u64 = 150_000;
    const PACKET: usize = 1200;

    /// A sender that obeys, behind a queue that a link of some capacity drains; what does not fit 300 ms of queue is lost.
    struct Path {
        rate: InboundRate,
        now: Nanos,
        free_at: Nanos,
        in_flight: std::collections::VecDeque<(Nanos, Nanos)>,
        told: u64,
        next_report: Nanos,
        next_loss: Nanos,
        sent: u32,
        lost: u32,
    }

    impl Path {
        fn new() -> Self {
            Self {
                rate: InboundRate::default(),
                now: SECOND,
                free_at: 0,
                in_flight: Default::default(),
                told: MOST,
                next_report: 0,
                next_loss: 2 * SECOND,
                sent: 0,
                lost: 0,
            }
        }

        /// Sends frames for a while; returns mean rate (bits per second) and worst queue.
        fn run(&mut self, capacity: u64, demand: u64, duration: Nanos) -> (u64, Nanos) {
            let (end, mut bits, mut worst) = (self.now + duration, 0, 0);
            let mut owed = 0.0;
            while self.now < end {
                // Paced within the frame, as browsers do: 2.5 times the rate.
                self.now += 5 * MILLISECOND;
                owed += self.told.min(demand) as f64 * 0.005;
                let sent_at = self.now;
                if (self.now / (5 * MILLISECOND)) % 3 == 0 {
                    while owed >= 8.0 * PACKET as f64 {
                        owed -= 8.0 * PACKET as f64;
                        let begins = self.free_at.max(sent_at);
                        self.sent += 1;
                        if begins - sent_at > 300 * MILLISECOND {
                            self.lost += 1;
                            continue;
                        }
                        worst = worst.max(begins - sent_at);
                        self.free_at = begins + 8 * PACKET as u64 * SECOND / capacity;
                        self.in_flight
                            .push_back((sent_at, self.free_at + 20 * MILLISECOND));
                        bits += 8 * PACKET as u64;
                    }
                }
                while let Some((sent, arrives)) = self
                    .in_flight
                    .front()
                    .copied()
                    .filter(|packet| packet.1 <= self.now)
                {
                    self.in_flight.pop_front();
                    let raw = ((u128::from(sent) << 18) / u128::from(SECOND)) as u32 & 0xff_ffff;
                    if self.rate.on_packet(raw, PACKET, MOST, arrives) {
                        self.next_report = self.now;
                    }
                }
                if self.now >= self.next_loss {
                    let share = f64::from(self.lost) / f64::from(self.sent.max(1));
                    self.rate.on_loss(share, MOST, self.now);
                    (self.sent, self.lost) = (0, 0);
                    self.next_loss = self.now + SECOND;
                }
                if self.now >= self.next_report {
                    self.next_report = self.now + 500 * MILLISECOND;
                    self.told = self.rate.allowed(LEAST, MOST);
                }
            }
            (bits * SECOND / duration, worst)
        }
    }

    #[test]
    fn a_free_path_is_told_the_most_at_all_times() {
        let mut path = Path::new();
        path.run(10_000_000, u64::MAX, 30 * SECOND);
        assert_eq!(path.told, MOST);
    }

    #[test]
    fn it_converges_to_what_a_bottleneck_carries_and_recovers_when_it_opens() {
        for capacity in [300_000, 600_000, 1_200_000] {
            let mut path = Path::new();
            path.run(capacity, u64::MAX, 20 * SECOND);
            let (mean, worst) = path.run(capacity, u64::MAX, 40 * SECOND);
            assert!(
                mean > capacity * 70 / 100 && mean <= capacity * 101 / 100,
                "{mean} of {capacity}"
            );
            assert!(worst < 250 * MILLISECOND, "{worst} at {capacity}");
            path.run(10_000_000, u64::MAX, 45 * SECOND);
            assert!(path.told > MOST * 9 / 10, "{} after {capacity}", path.told);
        }
    }

    #[test]
    fn a_path_that_narrows_is_followed_down_within_four_seconds() {
        let mut path = Path::new();
        path.run(5_000_000, u64::MAX, 10 * SECOND);
        path.run(800_000, u64::MAX, 4 * SECOND);
        assert!(path.told < 950_000, "{}", path.told);
    }

    #[test]
    fn a_static_screen_that_sends_little_is_not_held_down() {
        let mut path = Path::new();
        path.run(2_000_000, 60_000, 30 * SECOND);
        assert_eq!(path.told, MOST);
    }

    #[test]
    fn heavy_loss_lowers_the_rate_and_the_settings_bound_it() {
        let mut rate = InboundRate::default();
        for packet in 0..200u64 {
            rate.on_packet(0, PACKET, MOST, SECOND + packet * 10 * MILLISECOND);
        }
        rate.on_loss(0.05, MOST, 3 * SECOND);
        assert_eq!(rate.allowed(LEAST, MOST), MOST);
        rate.on_loss(0.5, MOST, 3 * SECOND);
        let allowed = rate.allowed(LEAST, MOST);
        assert!((900_000..1_300_000).contains(&allowed), "{allowed}");
        (0..30).for_each(|_| rate.on_loss(0.9, MOST, 3 * SECOND));
        assert_eq!(rate.allowed(LEAST, MOST), LEAST);
        assert_eq!(rate.allowed(LEAST, 100_000), 100_000);
    }
}
