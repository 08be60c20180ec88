//! Which layer each slot of a viewer gets within a bandwidth. Pure: rates in, layers out; [`Damper`] keeps the answer from flapping.

use super::model::{Nanos, PublicationId, SECOND};

/// Most layers of a slot.
const LAYERS: usize = PublicationId::MAX_LAYERS;
/// A higher layer has to fit this well before it is taken, in percent of its rate …
const UP: u64 = 115;
/// … and the present one is kept until it fits this badly: rates and estimates swing.
const KEEP: u64 = 90;
/// After a fall the higher layer is not tried again for this long …
const FIRST_PAUSE: Nanos = 4 * SECOND;
/// … doubled each time it could not be kept this long, …
const TRIAL: Nanos = 15 * SECOND;
/// … up to this.
const LONGEST_PAUSE: Nanos = 60 * SECOND;

/// One slot that has layers, in order of importance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Demand {
    /// Bits per second of each layer, lowest first, never falling.
    pub rates: [u64; LAYERS],
    /// The highest layer.
    pub top: usize,
    /// The layer it has now.
    pub current: usize,
}

/// Puts into `chosen` the layer of each demand: everybody the lowest, then the more important ones first as high as fits.
/// No budget = no limit.
pub fn allocate(budget: Option<u64>, demands: &[Demand], chosen: &mut Vec<usize>) {
    chosen.clear();
    let Some(budget) = budget else {
        chosen.extend(demands.iter().map(|demand| demand.top));
        return;
    };
    let lowest: u64 = demands.iter().map(|demand| demand.rates[0]).sum();
    let mut left = budget.saturating_sub(lowest);
    for demand in demands {
        let fits = |layer: &usize| needed(demand, *layer) <= left;
        let layer = (1..=demand.top).rev().find(fits).unwrap_or(0);
        left = left.saturating_sub(demand.rates[layer] - demand.rates[0]);
        chosen.push(layer);
    }
}

/// The budget at which the most important demand below its top would get its next layer; None when all have their top.
pub fn next_step(demands: &[Demand], chosen: &[usize]) -> Option<u64> {
    let mut total: u64 = demands.iter().map(|demand| demand.rates[0]).sum();
    let mut step = None;
    for (demand, layer) in demands.iter().zip(chosen) {
        if step.is_none() && *layer < demand.top {
            step = Some(demand.rates[layer + 1] * UP / 100 - demand.rates[0]);
            break;
        }
        total += demand.rates[*layer] - demand.rates[0];
    }
    step.map(|step| total + step)
}

/// What a layer costs beyond the lowest, with the slack that the present layer makes it need.
fn needed(demand: &Demand, layer: usize) -> u64 {
    let percent = if layer > demand.current { UP } else { KEEP };
    (demand.rates[layer] * percent / 100).saturating_sub(demand.rates[0])
}

/// Lets a slot fall at once and climb only after a pause.
#[derive(Debug, Clone, Copy, Default)]
pub struct Damper {
    fell_at: Option<Nanos>,
    rose_at: Option<Nanos>,
    pause: Nanos,
}

impl Damper {
    /// The layer to have, where `proposed` would be right and `current` is.
    pub fn settle(&mut self, current: usize, proposed: usize, now: Nanos) -> usize {
        if proposed < current {
            let was_trial = self
                .rose_at
                .is_some_and(|at| now.saturating_sub(at) < TRIAL);
            self.pause = match was_trial {
                true => (self.pause * 2).clamp(FIRST_PAUSE, LONGEST_PAUSE),
                false => FIRST_PAUSE,
            };
            self.fell_at = Some(now);
            return proposed;
        }
        let rests = self
            .fell_at
            .is_some_and(|at| now.saturating_sub(at) < self.pause);
        if proposed == current || rests {
            return current;
        }
        self.rose_at = Some(now);
        proposed
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn demand(current: usize) -> Demand {
        Demand {
            rates: [150_000, 500_000, 1_500_000],
            top: 2,
            current,
        }
    }

    fn allocated(budget: Option<u64>, demands: &[Demand]) -> Vec<usize> {
        let mut chosen = Vec::new();
        allocate(budget, demands, &mut chosen);
        chosen
    }

    #[test]
    fn the_more_important_slot_climbs_first() {
        let demands = [demand(0), demand(0)];
        assert_eq!(allocated(None, &demands), [2, 2]);
        assert_eq!(allocated(Some(0), &demands), [0, 0]);
        assert_eq!(allocated(Some(730_000), &demands), [1, 0]);
        assert_eq!(allocated(Some(1_900_000), &demands), [2, 0]);
        assert_eq!(allocated(Some(2_500_000), &demands), [2, 1]);
    }

    #[test]
    fn a_layer_is_kept_below_the_bandwidth_that_gave_it() {
        assert_eq!(allocated(Some(1_600_000), &[demand(0)]), [1]);
        assert_eq!(allocated(Some(1_600_000), &[demand(2)]), [2]);
        assert_eq!(allocated(Some(1_300_000), &[demand(2)]), [1]);
    }

    #[test]
    fn the_next_step_is_the_budget_that_gives_it() {
        for budget in [0, 300_000, 800_000, 1_900_000, 2_500_000] {
            let mut demands = [demand(0), demand(0)];
            let chosen = allocated(Some(budget), &demands);
            for (demand, layer) in demands.iter_mut().zip(&chosen) {
                demand.current = *layer;
            }
            let step = next_step(&demands, &chosen).expect("not all at the top");
            assert_ne!(allocated(Some(step), &demands), chosen);
            assert_eq!(allocated(Some(step - 1), &demands)[0], chosen[0]);
        }
        assert_eq!(next_step(&[demand(2)], &[2]), None);
    }

    fn any_demands() -> impl Strategy<Value = Vec<Demand>> {
        let one = (
            0usize..3,
            0usize..3,
            10_000u64..300_000,
            0u64..1_000_000,
            0u64..3_000_000,
        );
        let built = one.prop_map(|(top, current, first, second, third)| Demand {
            rates: [first, first + second, first + second + third],
            top,
            current: current.min(top),
        });
        proptest::collection::vec(built, 1..6)
    }

    proptest! {
        /// With more bandwidth the more important slots never get less.
        #[test]
        fn more_bandwidth_is_never_worse(demands in any_demands(), budget in 0u64..12_000_000, more in 0u64..6_000_000) {
            prop_assert!(allocated(Some(budget), &demands) <= allocated(Some(budget + more), &demands));
            prop_assert!(allocated(Some(budget), &demands) <= allocated(None, &demands));
        }

        /// What is given fits, but for the lowest layers, and what was given before may exceed by the slack.
        #[test]
        fn what_is_given_fits(mut demands in any_demands(), budget in 0u64..12_000_000) {
            demands.iter_mut().for_each(|demand| demand.current = 0);
            let chosen = allocated(Some(budget), &demands);
            let cost: u64 = demands.iter().zip(&chosen).map(|(demand, layer)| demand.rates[*layer]).sum();
            let lowest: u64 = demands.iter().map(|demand| demand.rates[0]).sum();
            prop_assert!(cost <= budget.max(lowest));
        }

        /// Under constant input each slot changes a bounded number of times, then never again.
        #[test]
        fn constant_input_comes_to_rest(mut demands in any_demands(), budget in 0u64..12_000_000) {
            let mut changes = 0;
            for round in 0..50 {
                let chosen = allocated(Some(budget), &demands);
                for (demand, layer) in demands.iter_mut().zip(chosen) {
                    changes += usize::from(demand.current != layer);
                    prop_assert!(demand.current == layer || round <= demands_rounds(), "still changing in round {round}");
                    demand.current = layer;
                }
            }
            prop_assert!(changes <= 5 * demands_rounds());
        }

        /// Whatever is proposed: a slot climbs at most once in four seconds, and a layer that cannot be kept is tried ever more rarely.
        #[test]
        fn a_slot_never_flaps(proposals in proptest::collection::vec(0usize..3, 600)) {
            let (mut damper, mut current, mut climbs) = (Damper::default(), 0, 0u32);
            for (step, proposed) in proposals.iter().enumerate() {
                let settled = damper.settle(current, *proposed, step as u64 * SECOND / 5);
                climbs += u32::from(settled > current);
                prop_assert!(*proposed >= current || settled == *proposed, "falls at once");
                current = settled;
            }
            // Two minutes. Pauses of 4, 8, 16, 32 s and two climbs without a fall between.
            prop_assert!(climbs <= 2 * 6, "{climbs}");
        }
    }

    /// A slot settles one round after the slots above it.
    fn demands_rounds() -> usize {
        6
    }
}
