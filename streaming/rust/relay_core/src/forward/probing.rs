//! When a viewer's path is tried with padding: only while a higher layer is wanted that the estimate does not allow.
//!
//! What a path carries is known only up to what was sent (`remb_trust`). Padding sends more, step by step; a fall or loss ends the
//! trial, and the next one comes later.

use super::model::{Nanos, SECOND};

/// A trial lasts at most this long; estimates climb about 8 % a second.
const LONGEST: Nanos = 20 * SECOND;
/// The pause after the first trial that failed, doubled up to the other.
const FIRST_PAUSE: Nanos = 5 * SECOND;
const LONGEST_PAUSE: Nanos = 80 * SECOND;
/// The estimate fell below this share of the trial's best, in percent: the path is full.
const FALLEN: u64 = 90;
/// Loss that ends a trial.
const MUCH_LOSS: f64 = 0.05;
/// Padding goes beyond the estimate by half, as receivers believe half as much again as they get, …
const BEYOND: u64 = 150;
/// … and a little beyond what is needed, because rates swing.
const BEYOND_NEEDED: u64 = 108;
/// Padding never exceeds this, whatever layer is wanted.
const MOST_BPS: u64 = 2_000_000;

/// The trials of one viewer.
#[derive(Debug, Clone, Default)]
pub struct Prober {
    since: Option<Nanos>,
    best: u64,
    not_before: Nanos,
    pause: Nanos,
    filled_at: Nanos,
}

impl Prober {
    /// Bits per second of padding to add now: what lacks between the media and half as much again as the
    /// `estimate`, up to what is `needed`.
    pub fn padding_bps(
        &mut self,
        needed: Option<u64>,
        estimate: Option<u64>,
        (media_bps, loss): (u64, f64),
        now: Nanos,
    ) -> u64 {
        let (Some(needed), Some(estimate)) = (needed, estimate) else {
            self.since = None;
            return 0;
        };
        if estimate >= needed {
            (self.since, self.pause) = (None, 0);
            return 0;
        }
        let Some(since) = self.since else {
            if now >= self.not_before {
                (self.since, self.best, self.filled_at) = (Some(now), estimate, now);
            }
            return 0;
        };
        self.best = self.best.max(estimate);
        let is_full = estimate * 100 < self.best * FALLEN || loss > MUCH_LOSS;
        if is_full || now.saturating_sub(since) >= LONGEST {
            self.since = None;
            self.pause = (self.pause * 2).clamp(FIRST_PAUSE, LONGEST_PAUSE);
            self.not_before = now + self.pause;
            return 0;
        }
        let goal = (estimate * BEYOND / 100).min(needed * BEYOND_NEEDED / 100);
        goal.saturating_sub(media_bps).min(MOST_BPS)
    }

    /// Octets to send now at a rate: what its share of the time since the last call is.
    pub fn octets(&mut self, bps: u64, now: Nanos) -> usize {
        let elapsed = now.saturating_sub(self.filled_at).min(SECOND / 5);
        self.filled_at = now;
        (u128::from(bps) * u128::from(elapsed) / (8 * u128::from(SECOND))) as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_sent_when_nothing_more_is_wanted_or_known() {
        let mut prober = Prober::default();
        for (needed, estimate) in [
            (None, Some(1)),
            (Some(1), None),
            (None, None),
            (Some(5), Some(5)),
        ] {
            for second in 0..10 {
                assert_eq!(
                    prober.padding_bps(needed, estimate, (0, 0.0), second * SECOND),
                    0
                );
            }
        }
    }

    #[test]
    fn a_trial_goes_a_step_beyond_the_estimate_and_no_further_than_needed() {
        let mut prober = Prober::default();
        let mut padding =
            |estimate, now| prober.padding_bps(Some(600_000), Some(estimate), (150_000, 0.0), now);
        assert_eq!(padding(200_000, SECOND), 0, "it begins");
        assert_eq!(padding(200_000, 2 * SECOND), 150_000);
        assert_eq!(padding(500_000, 3 * SECOND), 498_000);
        assert_eq!(padding(600_000, 4 * SECOND), 0, "reached");
    }

    #[test]
    fn a_trial_that_fails_is_repeated_ever_more_rarely() {
        let mut prober = Prober::default();
        let (mut trials, mut was_on) = (Vec::new(), false);
        for second in 1..600 {
            // The path carries 300 kbit/s: the estimate climbs with padding, then falls.
            let estimate = if second % 4 == 3 { 250_000 } else { 300_000 };
            let bps = prober.padding_bps(
                Some(600_000),
                Some(estimate),
                (150_000, 0.0),
                second * SECOND,
            );
            if bps > 0 && !was_on {
                trials.push(second);
            }
            was_on = bps > 0;
        }
        assert!((5..=12).contains(&trials.len()), "{trials:?}");
        let last = &trials[trials.len() - 2..];
        assert!(last[1] - last[0] >= 80, "{trials:?}");
    }

    #[test]
    fn octets_follow_the_time_and_a_long_gap_is_not_caught_up() {
        let mut prober = Prober::default();
        prober.octets(0, SECOND);
        assert_eq!(prober.octets(800_000, SECOND + SECOND / 20), 5_000);
        assert_eq!(prober.octets(800_000, 9 * SECOND), 20_000);
    }
}
