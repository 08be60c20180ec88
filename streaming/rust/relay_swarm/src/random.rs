//! Repeatable chance: one seed gives one sequence of arrivals, stays and kills. Not for keys.

use std::time::Duration;

/// SplitMix64 (Steele, Lea, Flood 2014): enough for schedules.
pub struct Random(u64);

impl Random {
    /// The sequence of a seed.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next 64 bits.
    pub fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// Uniform in [0, 1).
    pub fn share(&mut self) -> f64 {
        (self.bits() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// Exponential with this mean, at most ten times it: gaps of a Poisson process.
    pub fn gap(&mut self, mean: Duration) -> Duration {
        mean.mul_f64((-(1.0 - self.share()).ln()).min(10.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_repeats_and_gaps_have_their_mean() {
        let gaps = |seed| {
            let mut random = Random::new(seed);
            (0..20_000)
                .map(|_| random.gap(Duration::from_millis(100)).as_secs_f64())
                .sum::<f64>()
        };
        assert_eq!(gaps(7), gaps(7));
        assert_ne!(gaps(7), gaps(8));
        assert!((1900.0..2100.0).contains(&gaps(7)), "{}", gaps(7));
    }
}
