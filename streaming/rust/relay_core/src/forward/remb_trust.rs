//! What a receiver's estimates (REMB) say about its path, read as what they are: a rate that climbs 8 % a second from wherever it began
//! and falls when packets queue up (draft-ietf-rmcat-gcc-02 §5).
//!
//! An estimate that climbs while more than it is sent is no limit: nothing queues. So as long as it climbs, the path carries what was
//! sent; where it stands still, less and less than that; where it falls, what it says.

use super::model::{MILLISECOND, Nanos, SECOND};

/// The first estimates reflect the first packets, not the path.
const WARM_UP: Nanos = 4 * SECOND;
/// An estimate that rose within this time climbs …
const CLIMBING: Nanos = 2500 * MILLISECOND;
/// … unless it fell within this.
const FALLEN: Nanos = 3 * SECOND;
/// A step down smaller than this is rounding, in percent.
const FALL: u64 = 97;
/// What is believed shrinks to this with each measure while the estimate stands still, in percent.
const SHRINK: u64 = 92;
/// Measures of what is sent that must all show a rate before it counts as carried: estimates lag.
const MEASURES: usize = 3;

/// One receiver's estimates.
#[derive(Debug, Clone, Default)]
pub struct RembTrust {
    told: Option<u64>,
    first_at: Nanos,
    rose_at: Option<Nanos>,
    fell_at: Option<Nanos>,
    sent: [u64; MEASURES],
    believed: Option<u64>,
}

impl RembTrust {
    /// An estimate came.
    pub fn on_remb(&mut self, bps: u64, now: Nanos) {
        match self.told.replace(bps) {
            None => self.first_at = now,
            Some(before) if bps < before * FALL / 100 => {
                self.fell_at = Some(now);
                self.believed = self.believed.map(|_| bps);
            }
            Some(before) if bps > before => self.rose_at = Some(now),
            Some(_) => {}
        }
        self.believed = self.believed.map(|believed| believed.max(bps));
    }

    /// This was sent over the last half second, bits per second.
    pub fn on_measure(&mut self, sent_bps: u64, now: Nanos) {
        self.sent.rotate_left(1);
        self.sent[MEASURES - 1] = sent_bps;
        let Some(told) = self.told else { return };
        if now.saturating_sub(self.first_at) < WARM_UP {
            return;
        }
        let carried = self.sent.into_iter().min().unwrap_or(0);
        let known = match self.believed {
            None => carried,
            Some(_) if self.climbs(now) => carried,
            Some(believed) => believed.min(carried) * SHRINK / 100,
        };
        self.believed = Some(told.max(known));
    }

    /// Bits per second the path is believed to carry; None = not known yet.
    pub fn believed(&self) -> Option<u64> {
        self.believed
    }

    fn climbs(&self, now: Nanos) -> bool {
        let within = |at: Option<Nanos>, time| at.is_some_and(|at| now.saturating_sub(at) <= time);
        within(self.rose_at, CLIMBING) && !within(self.fell_at, FALLEN)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Half a second: an estimate and a measure.
    fn half(trust: &mut RembTrust, now: &mut Nanos, remb: u64, sent: u64) -> Option<u64> {
        *now += SECOND / 2;
        trust.on_remb(remb, *now);
        trust.on_measure(sent, *now);
        trust.believed()
    }

    #[test]
    fn the_first_estimates_limit_nothing() {
        let (mut trust, mut now) = (RembTrust::default(), SECOND);
        for step in 0..8 {
            assert_eq!(half(&mut trust, &mut now, 70_000 + step, 1_200_000), None);
        }
        assert!(half(&mut trust, &mut now, 80_000, 1_200_000).is_some());
    }

    #[test]
    fn what_was_sent_while_the_estimate_climbed_is_carried() {
        let (mut trust, mut now) = (RembTrust::default(), SECOND);
        let mut remb = 70_000;
        for _ in 0..40 {
            remb += remb / 25;
            half(&mut trust, &mut now, remb, 1_200_000);
        }
        assert_eq!(trust.believed(), Some(1_200_000));
    }

    #[test]
    fn a_fall_is_believed_at_once() {
        let (mut trust, mut now) = (RembTrust::default(), SECOND);
        for step in 0..20 {
            half(&mut trust, &mut now, 900_000 + 1000 * step, 1_200_000);
        }
        assert_eq!(trust.believed(), Some(1_200_000));
        trust.on_remb(425_000, now);
        assert_eq!(trust.believed(), Some(425_000));
        assert_eq!(
            half(&mut trust, &mut now, 425_500, 1_200_000),
            Some(425_500)
        );
    }

    #[test]
    fn where_it_stands_still_less_and_less_is_believed_down_to_what_it_says() {
        let (mut trust, mut now) = (RembTrust::default(), SECOND);
        let mut last = u64::MAX;
        for _ in 0..60 {
            if let Some(believed) = half(&mut trust, &mut now, 400_000, 1_200_000) {
                assert!(believed <= last);
                last = believed;
            }
        }
        assert_eq!(last, 400_000);
    }
}
