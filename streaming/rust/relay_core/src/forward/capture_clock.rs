//! When a packet was captured, on the engine clock (joints.md §4): sender reports tell, arrival time until the first.
//!
//! [`SourceTime`] belongs to a publisher (its NTP clock is shared by its tracks, which keeps lips in sync), [`CaptureClock`] to a track.

use std::collections::VecDeque;

use super::model::{Nanos, SECOND};
use crate::rtcp::ntp;

/// Sender reports the offset is the minimum of: the least delayed of about 16 s, so that clock drift is followed.
const REPORTS: usize = 16;

/// A publisher's NTP clock against the engine clock.
#[derive(Debug, Clone, Default)]
pub struct SourceTime {
    offsets: VecDeque<i128>,
}

impl SourceTime {
    /// A sender report with this NTP time arrived; returns the engine time of that NTP time.
    pub fn on_report(&mut self, ntp_time: u64, arrival: Nanos) -> Nanos {
        let source = i128::from(ntp::to_unix_nanos(ntp_time));
        let offset = i128::from(arrival) - source;
        if self
            .best()
            .is_some_and(|best| (offset - best).abs() > i128::from(SECOND))
        {
            self.offsets.clear(); // The source's clock was stepped.
        }
        if self.offsets.len() == REPORTS {
            self.offsets.pop_front();
        }
        self.offsets.push_back(offset);
        u64::try_from(source + self.best().unwrap_or(offset)).unwrap_or(0)
    }

    fn best(&self) -> Option<i128> {
        self.offsets.iter().min().copied()
    }
}

/// RTP timestamps of one track against the engine clock.
#[derive(Debug, Clone)]
pub struct CaptureClock {
    rate: u32,
    anchor: Option<(u32, Nanos)>,
    by_report: bool,
}

impl CaptureClock {
    /// A clock of `rate` Hz that knows nothing yet.
    pub fn new(rate: u32) -> Self {
        Self {
            rate: rate.max(1),
            anchor: None,
            by_report: false,
        }
    }

    /// A media packet arrived: the anchor until the first sender report.
    pub fn on_packet(&mut self, timestamp: u32, arrival: Nanos) {
        if self.anchor.is_none() {
            self.anchor = Some((timestamp, arrival));
        }
    }

    /// A sender report said that this timestamp is this engine time.
    pub fn on_report(&mut self, timestamp: u32, at: Nanos) {
        self.anchor = Some((timestamp, at));
        self.by_report = true;
    }

    /// Engine time at which a timestamp was captured.
    pub fn captured_at(&self, timestamp: u32) -> Option<Nanos> {
        let (anchor, at) = self.anchor?;
        let ticks = i64::from(timestamp.wrapping_sub(anchor) as i32);
        let delta = i128::from(ticks) * i128::from(SECOND) / i128::from(self.rate);
        u64::try_from(i128::from(at) + delta).ok()
    }

    /// The timestamp that belongs to an engine time.
    pub fn timestamp_at(&self, at: Nanos) -> Option<u32> {
        let (anchor, anchored) = self.anchor?;
        Some(anchor.wrapping_add(ticks_between(anchored, at, self.rate)))
    }

    /// The last pair of timestamp and engine time that a sender report gave.
    pub fn reported(&self) -> Option<(u32, Nanos)> {
        self.anchor.filter(|_| self.by_report)
    }

    /// Hz.
    pub fn rate(&self) -> u32 {
        self.rate
    }
}

/// Clock ticks from one engine time to another, wrapping.
pub fn ticks_between(from: Nanos, to: Nanos, rate: u32) -> u32 {
    let delta = i128::from(to) - i128::from(from);
    (delta * i128::from(rate) / i128::from(SECOND)) as u32
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::forward::model::MILLISECOND;

    #[test]
    fn the_least_delayed_report_counts_until_the_clock_is_stepped() {
        let mut time = SourceTime::default();
        let ntp = |seconds: u64| ntp::from_unix_nanos(seconds * SECOND);
        assert_eq!(
            time.on_report(ntp(100), 10 * SECOND + 5 * MILLISECOND),
            10 * SECOND + 5 * MILLISECOND
        );
        assert_eq!(
            time.on_report(ntp(101), 11 * SECOND + 90 * MILLISECOND),
            11 * SECOND + 5 * MILLISECOND
        );
        assert_eq!(time.on_report(ntp(500), 12 * SECOND), 12 * SECOND);
    }

    #[test]
    fn timestamps_and_times_convert_both_ways_across_the_wrap() {
        let mut clock = CaptureClock::new(90_000);
        assert_eq!(clock.captured_at(1), None);
        clock.on_packet(u32::MAX - 44_999, 5 * SECOND);
        clock.on_packet(7, 9 * SECOND);
        assert_eq!(clock.captured_at(45_000), Some(6 * SECOND));
        assert_eq!(clock.timestamp_at(6 * SECOND), Some(45_000));
        assert_eq!(clock.timestamp_at(4 * SECOND), Some(u32::MAX - 134_999));
        clock.on_report(90_000, 20 * SECOND);
        assert_eq!(clock.captured_at(0), Some(19 * SECOND));
    }
}
