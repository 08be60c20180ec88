//! NTP timestamps, 32.32 fixed point since 1900 (RFC 3550 §4), to and from nanoseconds since 1970. No clock is read here.

const UNIX_EPOCH_SECONDS: u64 = 2_208_988_800;
const NANOS: u64 = 1_000_000_000;

/// NTP of nanoseconds since 1970; wraps in 2036 as NTP does.
#[must_use]
pub const fn from_unix_nanos(nanos: u64) -> u64 {
    ((nanos / NANOS).wrapping_add(UNIX_EPOCH_SECONDS) << 32) | fraction(nanos % NANOS)
}

/// Nanoseconds since 1970 of an NTP time, rounded to the nearest; times before 1970 are taken as after 2036.
#[must_use]
pub const fn to_unix_nanos(ntp: u64) -> u64 {
    let seconds = (ntp >> 32).wrapping_sub(UNIX_EPOCH_SECONDS) & 0xffff_ffff;
    seconds * NANOS + nanos_of_fraction(ntp & 0xffff_ffff)
}

/// 32.32 fixed point of a duration in nanoseconds.
#[must_use]
pub const fn duration_from_nanos(nanos: u64) -> u64 {
    ((nanos / NANOS) << 32) | fraction(nanos % NANOS)
}

/// Nanoseconds of a 32.32 fixed-point duration.
#[must_use]
pub const fn duration_to_nanos(fixed: u64) -> u64 {
    (fixed >> 32) * NANOS + nanos_of_fraction(fixed & 0xffff_ffff)
}

/// The middle 32 bits, as LSR carries them.
#[must_use]
pub const fn middle(ntp: u64) -> u32 {
    (ntp >> 16) as u32
}

/// A delay in nanoseconds in the 1/65536 s units of DLSR; saturates at 18 h.
#[must_use]
pub const fn delay_units(nanos: u64) -> u32 {
    let units = duration_from_nanos(nanos) >> 16;
    if units > u32::MAX as u64 {
        u32::MAX
    } else {
        units as u32
    }
}

/// Nanoseconds of a DLSR-unit value.
#[must_use]
pub const fn delay_nanos(units: u32) -> u64 {
    duration_to_nanos((units as u64) << 16)
}

/// Round-trip time in nanoseconds (RFC 3550 §6.4.1): arrival − LSR − DLSR; `None` without LSR or when it comes out negative.
#[must_use]
pub const fn round_trip_nanos(
    arrival_ntp: u64,
    last_sr: u32,
    delay_since_last_sr: u32,
) -> Option<u64> {
    if last_sr == 0 {
        return None;
    }
    let units = middle(arrival_ntp)
        .wrapping_sub(last_sr)
        .wrapping_sub(delay_since_last_sr);
    if units > i32::MAX as u32 {
        None
    } else {
        Some(delay_nanos(units))
    }
}

const fn fraction(nanos: u64) -> u64 {
    // To the nearest, so that there and back gives the same nanosecond; 999 999 999 ns stays below one.
    ((nanos << 32) + NANOS / 2) / NANOS
}

const fn nanos_of_fraction(fraction: u64) -> u64 {
    (fraction * NANOS + (1 << 31)) >> 32
}
