//! What a receiver report says about one source: loss, highest sequence, jitter, last sender report (RFC 3550 §6.4.1, A.3, A.8).

use super::capture_clock::ticks_between;
use super::model::Nanos;
use crate::rtcp::{ReportBlock, ntp};

/// Reception statistics of one SSRC.
#[derive(Debug, Clone)]
pub struct ReceiveStats {
    rate: u32,
    base: Option<u64>,
    highest: u64,
    received: u64,
    expected_prior: u64,
    received_prior: u64,
    transit: Option<u32>,
    jitter: f64,
    last_report: Option<(u32, Nanos)>,
}

impl ReceiveStats {
    /// Nothing received yet on a clock of `rate` Hz.
    pub fn new(rate: u32) -> Self {
        Self {
            rate,
            base: None,
            highest: 0,
            received: 0,
            expected_prior: 0,
            received_prior: 0,
            transit: None,
            jitter: 0.0,
            last_report: None,
        }
    }

    /// A media packet arrived on its own SSRC (repairs do not count: RFC 4588 §6.3).
    pub fn on_packet(&mut self, sequence: u64, timestamp: u32, arrival: Nanos) {
        self.base.get_or_insert(sequence);
        self.highest = self.highest.max(sequence);
        self.received += 1;
        let transit = ticks_between(0, arrival, self.rate).wrapping_sub(timestamp);
        if let Some(last) = self.transit.replace(transit) {
            let delta = f64::from(transit.wrapping_sub(last) as i32).abs();
            self.jitter += (delta - self.jitter) / 16.0;
        }
    }

    /// A sender report arrived.
    pub fn on_report(&mut self, ntp_time: u64, arrival: Nanos) {
        self.last_report = Some((ntp::middle(ntp_time), arrival));
    }

    /// When the last sender report arrived.
    pub fn reported_at(&self) -> Option<Nanos> {
        self.last_report.map(|(_, at)| at)
    }

    /// Jitter in milliseconds.
    pub fn jitter_ms(&self) -> f64 {
        self.jitter * 1000.0 / f64::from(self.rate)
    }

    /// Packets missing in all.
    pub fn lost(&self) -> i64 {
        self.expected() as i64 - self.received as i64
    }

    /// The next report block about `ssrc`; None before the first packet.
    pub fn report(&mut self, ssrc: u32, now: Nanos) -> Option<ReportBlock> {
        self.base?;
        let expected = self.expected();
        let interval = expected - self.expected_prior;
        let received = self.received - self.received_prior;
        (self.expected_prior, self.received_prior) = (expected, self.received);
        let lost = interval.saturating_sub(received);
        let (last_sr, delay_since_last_sr) = self.last_report.map_or((0, 0), |(middle, at)| {
            (middle, ntp::delay_units(now.saturating_sub(at)))
        });
        Some(ReportBlock {
            ssrc,
            fraction_lost: (lost * 256)
                .checked_div(interval)
                .map_or(0, |fraction| fraction.min(255) as u8),
            cumulative_lost: self.lost().clamp(-0x80_0000, 0x7f_ffff) as i32,
            highest_sequence: self.highest as u32,
            jitter: self.jitter as u32,
            last_sr,
            delay_since_last_sr,
        })
    }

    fn expected(&self) -> u64 {
        self.base
            .map_or(0, |base| self.highest + 1 - base.min(self.highest))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::forward::model::{MILLISECOND, SECOND};

    #[test]
    fn a_report_block_counts_loss_per_interval_and_in_all() {
        let mut stats = ReceiveStats::new(90_000);
        assert_eq!(stats.report(9, 0), None);
        for sequence in (0..100u64).filter(|sequence| sequence % 4 != 3) {
            stats.on_packet(
                65_500 + sequence,
                (sequence * 900) as u32,
                sequence * 10 * MILLISECOND,
            );
        }
        stats.on_report(0x1234_5678_9abc_def0, SECOND);
        let block = stats.report(9, SECOND + SECOND / 2).expect("packets came");
        assert_eq!(
            (block.fraction_lost, block.cumulative_lost),
            ((24 * 256 / 99) as u8, 24)
        );
        assert_eq!(block.highest_sequence, 65_598);
        assert_eq!(block.jitter, 0);
        assert_eq!(
            (block.last_sr, block.delay_since_last_sr),
            (0x5678_9abc, 32_768)
        );
        assert_eq!(
            stats.report(9, 2 * SECOND).map(|block| block.fraction_lost),
            Some(0)
        );
    }

    #[test]
    fn uneven_arrival_is_jitter() {
        let mut stats = ReceiveStats::new(48_000);
        for number in 0..200u64 {
            let late = if number % 2 == 0 { 0 } else { 4 * MILLISECOND };
            stats.on_packet(
                number,
                (number * 960) as u32,
                number * 20 * MILLISECOND + late,
            );
        }
        assert!(
            (3.5..4.1).contains(&stats.jitter_ms()),
            "{}",
            stats.jitter_ms()
        );
    }
}
