//! How much a viewer's path carries: the receiver's own estimate (REMB), held down by what its reports say is lost.
//!
//! Numbers in, numbers out. What to send within them stands in `allocation`, how to find out whether there is more in `probing`.

use super::model::{MILLISECOND, Nanos, SECOND};
use super::remb_trust::RembTrust;

/// Reports are judged together over this time: their blocks come in several packets.
const ROUND: Nanos = 900 * MILLISECOND;
/// Fewer packets than this say nothing about loss.
const MIN_PACKETS: f64 = 20.0;
/// Loss below this lets the ceiling rise, above the other lowers it (draft-ietf-rmcat-gcc-02 §6).
const LITTLE: f64 = 0.02;
const MUCH: f64 = 0.10;
const RISE: f64 = 1.05;
/// Nobody is held below this: the lowest layer and sound have to fit.
const FLOOR_BPS: f64 = 100_000.0;
/// What was never tried is not believed: the ceiling stays within this of what is sent, as receivers do with their estimates.
const BEYOND_SENT: f64 = 1.5;
/// A ceiling above this holds nobody down.
const NO_CEILING_BPS: f64 = 20_000_000.0;

/// The estimate for one viewer.
#[derive(Debug, Clone, Default)]
pub struct Bandwidth {
    remb: RembTrust,
    ceiling: Option<f64>,
    lost: f64,
    expected: f64,
    judged_at: Nanos,
    sent: SentMeter,
}

impl Bandwidth {
    /// The receiver's estimate came.
    pub fn on_remb(&mut self, bps: u64, now: Nanos) {
        self.remb.on_remb(bps, now);
    }

    /// A report block came: of `packets` sent since the one before, this share was lost.
    pub fn on_report(&mut self, packets: u64, lost: f64) {
        self.expected += packets as f64;
        self.lost += packets as f64 * lost;
    }

    /// Draws conclusions from the reports of the last round, once it is over; tells whether it did.
    pub fn judge(&mut self, now: Nanos) -> bool {
        if self.expected < MIN_PACKETS || now.saturating_sub(self.judged_at) < ROUND {
            return false;
        }
        let loss = self.lost / self.expected;
        (self.lost, self.expected, self.judged_at) = (0.0, 0.0, now);
        let sent = self.sent.bps() as f64;
        if loss > MUCH {
            let from = self.estimate().map_or(sent, |known| sent.min(known as f64));
            self.ceiling = Some((from * (1.0 - loss / 2.0)).max(FLOOR_BPS));
        } else if loss < LITTLE {
            let limit = |ceiling: f64| (ceiling * RISE).min(ceiling.max(BEYOND_SENT * sent));
            self.ceiling = self
                .ceiling
                .map(limit)
                .filter(|ceiling| *ceiling < NO_CEILING_BPS);
        }
        true
    }

    /// Bits per second the path is believed to carry; None = nothing is known.
    pub fn estimate(&self) -> Option<u64> {
        let ceiling = self.ceiling.map(|ceiling| ceiling as u64);
        match (self.remb.believed(), ceiling) {
            (Some(remb), Some(ceiling)) => Some(remb.min(ceiling)),
            (remb, ceiling) => remb.or(ceiling),
        }
    }

    /// `total` octets were sent to the viewer so far, padding included.
    pub fn on_sent(&mut self, total: u64, now: Nanos) {
        if self.sent.on_total(total, now) {
            self.remb.on_measure(self.sent.bps(), now);
        }
    }

    /// What is being sent, bits per second.
    pub fn sent_bps(&self) -> u64 {
        self.sent.bps()
    }
}

/// Bits per second from a growing count of octets.
#[derive(Debug, Clone, Default)]
struct SentMeter {
    total: u64,
    at: Nanos,
    bps: u64,
}

impl SentMeter {
    /// Tells whether there is a new measure.
    fn on_total(&mut self, total: u64, now: Nanos) -> bool {
        let elapsed = now.saturating_sub(self.at);
        let is_over = elapsed >= SECOND / 2;
        if is_over {
            let octets = total.saturating_sub(self.total);
            self.bps = (u128::from(octets) * 8 * u128::from(SECOND) / u128::from(elapsed)) as u64;
            (self.total, self.at) = (total, now);
        }
        is_over
    }

    fn bps(&self) -> u64 {
        self.bps
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A viewer that was sent a rate for a second and reports a loss.
    fn second(bandwidth: &mut Bandwidth, now: &mut Nanos, total: &mut u64, bps: u64, loss: f64) {
        *now += SECOND;
        *total += bps / 8;
        bandwidth.on_sent(*total, *now);
        bandwidth.on_report(100, loss);
        assert!(bandwidth.judge(*now));
    }

    #[test]
    fn without_any_word_nothing_is_known() {
        let mut bandwidth = Bandwidth::default();
        let (mut now, mut total) = (SECOND, 0);
        bandwidth.on_sent(0, now);
        second(&mut bandwidth, &mut now, &mut total, 1_000_000, 0.05);
        assert_eq!(bandwidth.estimate(), None);
    }

    #[test]
    fn heavy_loss_lowers_and_little_loss_raises_slowly_and_not_beyond_what_was_tried() {
        let mut bandwidth = Bandwidth::default();
        let (mut now, mut total) = (SECOND, 0);
        bandwidth.on_sent(0, now);
        second(&mut bandwidth, &mut now, &mut total, 1_000_000, 0.2);
        assert_eq!(bandwidth.estimate(), Some(900_000));
        second(&mut bandwidth, &mut now, &mut total, 500_000, 0.05);
        assert_eq!(bandwidth.estimate(), Some(900_000), "between: it stays");
        second(&mut bandwidth, &mut now, &mut total, 900_000, 0.0);
        assert_eq!(bandwidth.estimate(), Some(945_000));
        for _ in 0..100 {
            second(&mut bandwidth, &mut now, &mut total, 700_000, 0.0);
        }
        assert_eq!(bandwidth.estimate(), Some(1_050_000));
    }

    #[test]
    fn a_few_lost_packets_of_a_silent_viewer_say_nothing() {
        let mut bandwidth = Bandwidth::default();
        bandwidth.on_report(10, 0.5);
        assert!(!bandwidth.judge(9 * SECOND));
        assert_eq!(bandwidth.estimate(), None);
    }

    proptest! {
        /// More loss never gives more, and sound always fits.
        #[test]
        fn more_loss_never_gives_more(losses in proptest::collection::vec((0.0f64..0.5, 0.0f64..0.5), 1..30)) {
            let (mut worse, mut better) = (Bandwidth::default(), Bandwidth::default());
            let (mut now, mut total) = (SECOND, 0);
            for (loss, more) in losses {
                let (mut then, mut sum) = (now, total);
                second(&mut worse, &mut then, &mut sum, 1_000_000, loss + more);
                second(&mut better, &mut now, &mut total, 1_000_000, loss);
                let limit = |bandwidth: &Bandwidth| bandwidth.estimate().unwrap_or(u64::MAX);
                prop_assert!(limit(&worse) <= limit(&better));
                prop_assert!(limit(&worse) >= FLOOR_BPS as u64);
            }
        }
    }
}
