//! Which packets of a publisher are missing and when to ask for them again (RFC 4585 §6.2.1). Bounded; knows numbers only.

use std::collections::VecDeque;

use super::model::{MILLISECOND, Nanos, SECOND};

/// Reordering is common, so the first request waits this long.
const REORDER_WAIT: Nanos = 10 * MILLISECOND;
/// Between two requests for the same packet: above most round trips, several tries within the second a receiver waits.
const RETRY: Nanos = 60 * MILLISECOND;
/// A packet is given up after this long: no viewer waits longer.
const GIVE_UP: Nanos = SECOND;
/// Most packets asked for at a time; a longer gap is an outage that only a key frame heals.
const MAX_MISSING: usize = 128;

#[derive(Debug, Clone, Copy)]
struct Missing {
    sequence: u64,
    since: Nanos,
    next_request: Nanos,
}

/// What a new packet revealed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Gap {
    /// Nothing, or a gap worth repairing.
    Repairable,
    /// More is missing than can be asked for.
    Outage,
}

/// The missing packets of one source.
#[derive(Debug, Clone, Default)]
pub struct MissingPackets {
    highest: Option<u64>,
    packets: VecDeque<Missing>,
}

impl MissingPackets {
    /// A packet came (media, probe or repair).
    pub fn on_packet(&mut self, sequence: u64, now: Nanos) -> Gap {
        let Some(highest) = self.highest else {
            self.highest = Some(sequence);
            return Gap::Repairable;
        };
        if sequence <= highest {
            self.packets.retain(|missing| missing.sequence != sequence);
            return Gap::Repairable;
        }
        self.highest = Some(sequence);
        if (sequence - highest) as usize + self.packets.len() > MAX_MISSING {
            self.packets.clear();
            return Gap::Outage;
        }
        let request = now + REORDER_WAIT;
        self.packets
            .extend((highest + 1..sequence).map(|sequence| Missing {
                sequence,
                since: now,
                next_request: request,
            }));
        Gap::Repairable
    }

    /// Whether anything is missing.
    pub fn is_empty(&self) -> bool {
        self.packets.is_empty()
    }

    /// Puts into `due` the sequence numbers to ask for now, ascending.
    pub fn collect_due(&mut self, now: Nanos, due: &mut Vec<u16>) {
        self.packets
            .retain(|missing| now.saturating_sub(missing.since) <= GIVE_UP);
        for missing in self
            .packets
            .iter_mut()
            .filter(|missing| missing.next_request <= now)
        {
            missing.next_request = now + RETRY;
            due.push(missing.sequence as u16);
        }
    }

    /// Forgets everything: the source started anew.
    pub fn clear(&mut self) {
        *self = Self::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn due(missing: &mut MissingPackets, now: Nanos) -> Vec<u16> {
        let mut due = Vec::new();
        missing.collect_due(now, &mut due);
        due
    }

    #[test]
    fn a_gap_is_asked_for_after_the_reorder_wait_and_again_until_given_up() {
        let mut missing = MissingPackets::default();
        missing.on_packet(65_534, 0);
        missing.on_packet(65_538, 0);
        assert_eq!(due(&mut missing, REORDER_WAIT - 1), []);
        missing.on_packet(65_536, REORDER_WAIT - 1);
        assert_eq!(due(&mut missing, REORDER_WAIT), [65_535, 1]);
        assert_eq!(due(&mut missing, REORDER_WAIT + RETRY - 1), []);
        missing.on_packet(65_537, RETRY);
        assert_eq!(due(&mut missing, REORDER_WAIT + RETRY), [65_535]);
        assert_eq!(due(&mut missing, GIVE_UP + 1), []);
        assert!(missing.is_empty());
    }

    #[test]
    fn an_outage_is_not_asked_for() {
        let mut missing = MissingPackets::default();
        missing.on_packet(1, 0);
        assert_eq!(missing.on_packet(500, 0), Gap::Outage);
        assert!(missing.is_empty());
    }
}
