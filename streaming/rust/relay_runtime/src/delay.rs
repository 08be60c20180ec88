//! A histogram of forwarding delays in eighths of octaves: fixed size, 9 % exact.

use relay_core::forward::Nanos;

const STEPS_PER_OCTAVE: usize = 8;
const BUCKETS: usize = 40 * STEPS_PER_OCTAVE;
/// Powers of two of nanoseconds that `cumulative_us` tells.
const TOLD_OCTAVES: std::ops::Range<usize> = 14..27;

/// Counts of delays.
#[derive(Debug, Clone)]
pub struct DelayHistogram {
    counts: Vec<u64>,
    total: u64,
    sum: u128,
}

impl Default for DelayHistogram {
    fn default() -> Self {
        Self {
            counts: vec![0; BUCKETS],
            total: 0,
            sum: 0,
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
        self.sum += u128::from(delay) * u128::from(count);
    }

    /// Takes over what another worker counted.
    pub fn merge(&mut self, other: &Self) {
        for (count, more) in self.counts.iter_mut().zip(&other.counts) {
            *count += more;
        }
        self.total += other.total;
        self.sum += other.sum;
    }

    /// Datagrams counted.
    pub fn count(&self) -> u64 {
        self.total
    }

    /// All delays together, in microseconds.
    pub fn sum_us(&self) -> f64 {
        self.sum as f64 / 1000.0
    }

    /// Upper bounds in microseconds, half an octave apart from 16 µs to 134 ms, and how many datagrams took less.
    pub fn cumulative_us(&self) -> Vec<(f64, u64)> {
        let bounds = (TOLD_OCTAVES.start * 2..=TOLD_OCTAVES.end * 2).map(|half| {
            let index = half * STEPS_PER_OCTAVE / 2;
            let bound = 2f64.powi((half / 2) as i32) * if half % 2 == 0 { 1.0 } else { 1.5 };
            (bound / 1000.0, self.counts[..index].iter().sum())
        });
        bounds.collect()
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
        assert_eq!(histogram.sum_us(), 2.0 * 500_500.0);
        let told = histogram.cumulative_us();
        assert_eq!((told.len(), told[0].0), (27, 16.384));
        for (bound, count) in &told {
            // Microseconds below the bound; a datagram at a bound may stand on either side.
            let exact = 2 * (bound.floor() as u64).min(1000);
            assert!(count.abs_diff(exact) <= 2, "{bound}: {count}");
        }
        assert!(told.windows(2).all(|pair| pair[0].1 <= pair[1].1));
        histogram.add(u64::MAX, 1);
        histogram.add(0, 1);
    }
}
