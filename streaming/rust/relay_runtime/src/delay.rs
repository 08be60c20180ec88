//! A histogram of forwarding delays in eighths of octaves: fixed size, 9 % exact.

use relay_core::forward::Nanos;

const STEPS_PER_OCTAVE: usize = 8;
const BUCKETS: usize = 40 * STEPS_PER_OCTAVE;

/// Counts of delays.
#[derive(Debug, Clone)]
pub struct DelayHistogram {
    counts: Vec<u64>,
    total: u64,
}

impl Default for DelayHistogram {
    fn default() -> Self {
        Self {
            counts: vec![0; BUCKETS],
            total: 0,
        }
    }
}

impl DelayHistogram {
    /// `count` datagrams took this long.
    pub fn add(&mut self, delay: Nanos, count: u64) {
        let octave = (delay.max(1)).ilog2() as usize;
        let within = ((delay.max(1) << 3) >> octave) as usize & 7;
        self.counts[(octave * STEPS_PER_OCTAVE + within).min(BUCKETS - 1)] += count;
        self.total += count;
    }

    /// Takes over what another worker counted.
    pub fn merge(&mut self, other: &Self) {
        for (count, more) in self.counts.iter_mut().zip(&other.counts) {
            *count += more;
        }
        self.total += other.total;
    }

    /// Datagrams counted.
    pub fn count(&self) -> u64 {
        self.total
    }

    /// The upper bound, in microseconds, of the bucket in which this share of the datagrams is reached.
    pub fn quantile_us(&self, share: f64) -> f64 {
        let wanted = (self.total as f64 * share).ceil() as u64;
        let mut seen = 0;
        for (index, count) in self.counts.iter().enumerate() {
            seen += count;
            if seen >= wanted.max(1) {
                let octave = (index / STEPS_PER_OCTAVE) as i32;
                let within = (index % STEPS_PER_OCTAVE + 1) as f64 / STEPS_PER_OCTAVE as f64;
                return 2f64.powi(octave) * (1.0 + within) / 1000.0;
            }
        }
        0.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_right_within_a_step() {
        let mut histogram = DelayHistogram::default();
        assert_eq!((histogram.count(), histogram.quantile_us(0.5)), (0, 0.0));
        for microseconds in 1..=1000u64 {
            histogram.add(microseconds * 1000, 2);
        }
        assert_eq!(histogram.count(), 2000);
        for (share, want) in [(0.5, 500.0), (0.99, 990.0), (1.0, 1000.0)] {
            let got = histogram.quantile_us(share);
            assert!((want..want * 1.13).contains(&got), "{share}: {got}");
        }
        histogram.add(u64::MAX, 1);
        histogram.add(0, 1);
    }
}
