//! The replay list (RFC 3711 §3.3.2): a sliding bitmap of the last 1024 packet indices. Knows numbers only.

use crate::error::SrtpError;

/// Indices the window reaches back.
pub const WINDOW: u64 = 1024;
const WORDS: usize = (WINDOW / 64) as usize;

/// Remembers which of the last [`WINDOW`] indices were seen.
#[derive(Debug, Clone, Default)]
pub struct ReplayWindow {
    highest: Option<u64>,
    seen: [u64; WORDS],
}

impl ReplayWindow {
    /// An empty window.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The highest accepted index.
    #[must_use]
    pub const fn highest(&self) -> Option<u64> {
        self.highest
    }

    /// Whether `index` may be accepted; changes nothing, so it is safe before authentication.
    ///
    /// # Errors
    /// [`SrtpError::Replayed`] or [`SrtpError::TooOld`].
    pub fn check(&self, index: u64) -> Result<(), SrtpError> {
        match self.highest {
            Some(highest) if index + WINDOW <= highest => Err(SrtpError::TooOld),
            Some(highest) if index <= highest && self.is_set(index) => Err(SrtpError::Replayed),
            _ => Ok(()),
        }
    }

    /// Accepts an index that [`check`](Self::check) allowed, after authentication.
    pub fn accept(&mut self, index: u64) {
        match self.highest {
            Some(highest) if index <= highest => {
                if index + WINDOW <= highest {
                    return;
                }
            }
            Some(highest) if index - highest < WINDOW => {
                for skipped in highest + 1..index {
                    self.seen[Self::word(skipped)] &= !Self::bit(skipped);
                }
                self.highest = Some(index);
            }
            _ => {
                self.seen = [0; WORDS];
                self.highest = Some(index);
            }
        }
        self.seen[Self::word(index)] |= Self::bit(index);
    }

    const fn word(index: u64) -> usize {
        (index / 64) as usize % WORDS
    }

    const fn bit(index: u64) -> u64 {
        1 << (index % 64)
    }

    const fn is_set(&self, index: u64) -> bool {
        self.seen[Self::word(index)] & Self::bit(index) != 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::HashSet;

    #[test]
    fn the_window_reaches_back_exactly_1024_indices() {
        let mut window = ReplayWindow::new();
        window.accept(5000);
        assert_eq!(window.check(5000 - 1023), Ok(()));
        assert_eq!(window.check(5000 - 1024), Err(SrtpError::TooOld));
        assert_eq!(window.check(5000), Err(SrtpError::Replayed));
        window.accept(5000 - 1023);
        assert_eq!(window.check(5000 - 1023), Err(SrtpError::Replayed));
    }

    #[test]
    fn a_jump_of_a_whole_window_forgets_everything() {
        let mut window = ReplayWindow::new();
        window.accept(10);
        window.accept(10 + WINDOW);
        assert_eq!(window.check(11), Ok(()));
        assert_eq!(window.check(10), Err(SrtpError::TooOld));
    }

    proptest! {
        #[test]
        fn the_bitmap_agrees_with_a_set(steps in proptest::collection::vec(-1200i64..1200, 1..400)) {
            let (mut window, mut accepted, mut highest) = (ReplayWindow::new(), HashSet::new(), None::<u64>);
            let mut position = 1_000_000u64;
            for step in steps {
                position = position.checked_add_signed(step).unwrap();
                let want = match highest {
                    Some(top) if position + WINDOW <= top => Err(SrtpError::TooOld),
                    _ if accepted.contains(&position) => Err(SrtpError::Replayed),
                    _ => Ok(()),
                };
                prop_assert_eq!(window.check(position), want);
                if want.is_ok() {
                    window.accept(position);
                    accepted.insert(position);
                    highest = highest.max(Some(position));
                }
            }
        }
    }
}
