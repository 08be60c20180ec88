//! Wrapping counters made long: 16-bit sequence numbers and 32-bit timestamps to 64 bits. Pure arithmetic, no packets.

/// The 64-bit number with the low 16 bits of `sequence` that is nearest to `reference`.
///
/// Exactly half the circle away counts as older. Never below zero: near the origin the next cycle is taken.
#[must_use]
pub const fn extend(reference: u64, sequence: u16) -> u64 {
    let delta = sequence.wrapping_sub(reference as u16) as i16;
    match reference.checked_add_signed(delta as i64) {
        Some(extended) => extended,
        None => reference + sequence.wrapping_sub(reference as u16) as u64,
    }
}

/// The signed 64-bit number with the low 32 bits of `timestamp` that is nearest to `reference`.
#[must_use]
pub const fn extend_timestamp(reference: i64, timestamp: u32) -> i64 {
    let delta = timestamp.wrapping_sub(reference as u32) as i32;
    reference.wrapping_add(delta as i64)
}

/// Whether `a` comes after `b` on the 16-bit circle (RFC 1982).
#[must_use]
pub const fn is_newer(a: u16, b: u16) -> bool {
    a != b && a.wrapping_sub(b) < 0x8000
}

/// Extends the sequence numbers of one source.
///
/// The first number lands in cycle 1 (65536 + n), so that packets from before it stay positive.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SequenceUnwrapper {
    highest: Option<u64>,
}

impl SequenceUnwrapper {
    /// An unwrapper that has seen nothing.
    #[must_use]
    pub const fn new() -> Self {
        Self { highest: None }
    }

    /// Extends `sequence` and remembers it when it is the highest so far.
    pub fn unwrap(&mut self, sequence: u16) -> u64 {
        let extended = self.peek(sequence);
        if self.highest.is_none_or(|highest| extended > highest) {
            self.highest = Some(extended);
        }
        extended
    }

    /// Extends `sequence` without remembering it.
    #[must_use]
    pub fn peek(&self, sequence: u16) -> u64 {
        match self.highest {
            Some(highest) => extend(highest, sequence),
            None => 0x1_0000 + u64::from(sequence),
        }
    }

    /// The highest extended number so far.
    #[must_use]
    pub const fn highest(&self) -> Option<u64> {
        self.highest
    }
}

/// Extends the RTP timestamps of one source; the first one is taken as it is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct TimestampUnwrapper {
    last: Option<i64>,
}

impl TimestampUnwrapper {
    /// An unwrapper that has seen nothing.
    #[must_use]
    pub const fn new() -> Self {
        Self { last: None }
    }

    /// Extends `timestamp` against the highest one so far; may be negative for those before the first.
    pub fn unwrap(&mut self, timestamp: u32) -> i64 {
        let extended = self.peek(timestamp);
        if self.last.is_none_or(|last| extended > last) {
            self.last = Some(extended);
        }
        extended
    }

    /// Extends `timestamp` without remembering it.
    #[must_use]
    pub fn peek(&self, timestamp: u32) -> i64 {
        self.last.map_or(i64::from(timestamp), |last| {
            extend_timestamp(last, timestamp)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_sequence_wraps_forward_and_late_packets_fall_back() {
        let mut unwrapper = SequenceUnwrapper::new();
        assert_eq!(unwrapper.unwrap(65_534), 0x1_fffe);
        assert_eq!(unwrapper.unwrap(2), 0x2_0002);
        assert_eq!(unwrapper.unwrap(65_535), 0x1_ffff);
        assert_eq!(unwrapper.highest(), Some(0x2_0002));
    }

    #[test]
    fn a_packet_from_before_the_first_stays_positive() {
        let mut unwrapper = SequenceUnwrapper::new();
        assert_eq!(unwrapper.unwrap(1), 0x1_0001);
        assert_eq!(unwrapper.unwrap(65_535), 0xffff);
        assert_eq!(extend(3, 65_535), 65_535);
    }

    #[test]
    fn newer_follows_rfc_1982() {
        assert!(is_newer(1, 0) && is_newer(0, 65_535) && !is_newer(65_535, 0) && !is_newer(7, 7));
    }

    proptest! {
        #[test]
        fn extension_recovers_any_number_within_half_a_cycle(base in 0x8000u64..1 << 48, delta in -0x7fffi64..0x8000) {
            let value = base.checked_add_signed(delta).unwrap();
            prop_assert_eq!(extend(base, value as u16), value);
        }

        #[test]
        fn timestamps_recover_within_half_a_cycle(base in -(1i64 << 50)..1 << 50, delta in -0x7fff_ffffi64..0x8000_0000) {
            prop_assert_eq!(extend_timestamp(base, (base + delta) as u32), base + delta);
        }

        #[test]
        fn an_unwrapped_number_keeps_its_low_bits(numbers in proptest::collection::vec(any::<u16>(), 1..200)) {
            let mut unwrapper = SequenceUnwrapper::new();
            for number in numbers {
                prop_assert_eq!(unwrapper.unwrap(number) as u16, number);
            }
        }
    }
}
