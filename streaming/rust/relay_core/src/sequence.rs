//! Wrapping sequence numbers made long: 16 to 64 bits. Pure arithmetic, no packets.

/// The 64-bit number with the low 16 bits of `sequence` that is nearest to `reference` (serial number arithmetic of RFC 1982).
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

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_sequence_wraps_forward_and_late_packets_fall_back() {
        assert_eq!(extend(0x1_fffe, 2), 0x2_0002);
        assert_eq!(extend(0x2_0002, 65_535), 0x1_ffff);
        assert_eq!(extend(0x2_0000, 0x8000), 0x1_8000);
    }

    #[test]
    fn a_packet_from_before_the_first_stays_positive() {
        assert_eq!(extend(0x1_0001, 65_535), 0xffff);
        assert_eq!(extend(3, 65_535), 65_535);
    }

    proptest! {
        #[test]
        fn extension_recovers_any_number_within_half_a_cycle(base in 0x8000u64..1 << 48, delta in -0x7fffi64..0x8000) {
            let value = base.checked_add_signed(delta).unwrap();
            prop_assert_eq!(extend(base, value as u16), value);
        }

        #[test]
        fn an_extended_number_keeps_its_low_bits(reference in 0u64..1 << 48, number in any::<u16>()) {
            prop_assert_eq!(extend(reference, number) as u16, number);
        }
    }
}
