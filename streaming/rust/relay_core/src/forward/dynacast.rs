//! Which layers of a publication somebody watches, so that the publisher need not send the others. Sets and times; the lowest layer is
//! always wanted, for whoever comes next.

use super::mirror::WorkerIndex;
use super::model::{Nanos, PublicationId, SECOND};

/// A layer that nobody watches is let go after this long: who left may be coming back.
const LINGER: Nanos = 4 * SECOND;

/// A set of layers: bit 0 is the lowest.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct LayerSet(u8);

impl LayerSet {
    /// The lowest alone.
    pub const LOWEST: Self = Self(1);

    /// So many layers, all of them.
    pub fn all(count: usize) -> Self {
        (0..count).fold(Self::default(), Self::with)
    }

    /// With this one, too.
    #[must_use]
    pub fn with(self, index: usize) -> Self {
        Self(self.0 | 1u8.checked_shl(index as u32).unwrap_or(0))
    }

    /// Without this one.
    #[must_use]
    fn without(self, index: usize) -> Self {
        Self(self.0 & !Self::default().with(index).0)
    }

    /// Those of both.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether this one is in it.
    pub fn has(self, index: usize) -> bool {
        self != self.without(index)
    }
}

/// What the publisher was told, and since when each layer is unwatched.
#[derive(Debug, Clone)]
pub struct Dynacast {
    told: LayerSet,
    watched_at: Option<[Nanos; PublicationId::MAX_LAYERS]>,
    elsewhere: Vec<(WorkerIndex, LayerSet)>,
    /// Of a mirror: what its owner was told.
    pub reported: LayerSet,
}

impl Dynacast {
    /// A publisher that sends so many layers.
    pub fn new(layers: usize) -> Self {
        Self {
            told: LayerSet::all(layers),
            watched_at: None,
            elsewhere: Vec::new(),
            reported: LayerSet::default(),
        }
    }

    /// What the viewers of another worker watch.
    pub fn on_elsewhere(&mut self, worker: WorkerIndex, watched: LayerSet) {
        self.elsewhere.retain(|(known, _)| *known != worker);
        self.elsewhere.push((worker, watched));
    }

    /// These are watched here now; returns what to tell the publisher, if that is news.
    pub fn on_watched(&mut self, here: LayerSet, now: Nanos) -> Option<LayerSet> {
        let watched = self
            .elsewhere
            .iter()
            .fold(here.and(LayerSet::LOWEST), |sum, (_, set)| sum.and(*set));
        let times = self
            .watched_at
            .get_or_insert([now; PublicationId::MAX_LAYERS]);
        let before = self.told;
        for (index, at) in times.iter_mut().enumerate() {
            if watched.has(index) {
                *at = now;
                self.told = self.told.with(index);
            } else if now.saturating_sub(*at) >= LINGER {
                self.told = self.told.without(index);
            }
        }
        (self.told != before).then_some(self.told)
    }

    /// Whether the publisher was told that nobody wants this layer.
    pub fn is_off(&self, index: usize) -> bool {
        !self.told.has(index)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(layers: &[usize]) -> LayerSet {
        layers
            .iter()
            .fold(LayerSet::default(), |sum, index| sum.with(*index))
    }

    #[test]
    fn an_unwatched_layer_goes_after_four_seconds_and_comes_back_at_once() {
        let mut dynacast = Dynacast::new(3);
        assert_eq!(dynacast.on_watched(set(&[2]), SECOND), None);
        assert_eq!(dynacast.on_watched(set(&[2]), SECOND + LINGER - 1), None);
        let told = dynacast.on_watched(set(&[2]), SECOND + LINGER);
        assert_eq!(told, Some(set(&[0, 2])));
        assert!(dynacast.is_off(1) && !dynacast.is_off(2));
        assert_eq!(
            dynacast.on_watched(set(&[1]), 6 * SECOND),
            Some(set(&[0, 1, 2]))
        );
        assert_eq!(dynacast.on_watched(set(&[]), 60 * SECOND), Some(set(&[0])));
        assert_eq!(dynacast.on_watched(set(&[]), 99 * SECOND), None);
    }

    #[test]
    fn what_another_worker_watches_counts() {
        let mut dynacast = Dynacast::new(3);
        dynacast.on_elsewhere(1, set(&[2]));
        dynacast.on_elsewhere(2, set(&[1]));
        dynacast.on_watched(set(&[]), 0);
        assert_eq!(dynacast.on_watched(set(&[]), 9 * SECOND), None);
        dynacast.on_elsewhere(1, set(&[]));
        assert_eq!(
            dynacast.on_watched(set(&[]), 18 * SECOND),
            Some(set(&[0, 1]))
        );
    }
}
