//! How often strangers and peers may ask: token buckets, by source network in a table of fixed size. No clock of its own.
//!
//! What is limited is what costs before anything is known of who asks. Media is not: it is paid for by its authentication alone.

use std::net::IpAddr;

use super::model::{Nanos, SECOND};
use super::room::mix;

/// Checks from paths that no session has proved its own yet, by source: five hundred viewers behind one address may come back at once.
const STRANGERS: Rate = Rate::new(1024, 512);
/// Authenticated checks of one session: full agents send a handful a second, at their start up to twenty on each path.
pub(super) const CHECKS: Rate = Rate::new(256, 128);
/// Handshake packets of one session: a flight is ten at most, resent each second.
pub(super) const HANDSHAKE: Rate = Rate::new(96, 32);
/// Before a peer has finished its handshake nothing shows that it receives what it is sent. So it is sent at most so many times the octets
/// that came from it, enough for the longest flight of the server.
pub(super) const UNPROVEN_FACTOR: u64 = 5;

const SETS: usize = 1024;
const WAYS: usize = 4;

/// So many at once, so many a second in the long run.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rate {
    interval: Nanos,
    burst: Nanos,
}

impl Rate {
    const fn new(burst: u64, per_second: u64) -> Self {
        let interval = SECOND / per_second;
        Self {
            interval,
            burst: interval * burst,
        }
    }
}

/// A token bucket, as the moment when it will be full again.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Bucket {
    full_at: Nanos,
}

impl Bucket {
    /// Takes one token; false when there is none.
    #[inline]
    pub fn take(&mut self, rate: Rate, now: Nanos) -> bool {
        let full_at = self.full_at.max(now) + rate.interval;
        let is_allowed = full_at - now <= rate.burst;
        if is_allowed {
            self.full_at = full_at;
        }
        is_allowed
    }
}

/// A bucket for each network that asked last: an IPv4 address, an IPv6 /64. Whose bucket is fullest is forgotten first, so a flood from
/// ever new addresses forgets itself and leaves honest newcomers a full bucket.
#[derive(Debug)]
pub(crate) struct Strangers {
    seed: u64,
    ways: Vec<[(u64, Bucket); WAYS]>,
}

impl Strangers {
    pub fn new(seed: u64) -> Self {
        Self {
            seed,
            ways: vec![<[(u64, Bucket); WAYS]>::default(); SETS],
        }
    }

    /// Takes one token of a source; false when it has none.
    pub fn take(&mut self, source: IpAddr, now: Nanos) -> bool {
        let network = network_of(source);
        let set = mix(network ^ self.seed) as usize % SETS;
        let ways = &mut self.ways[set];
        let known = ways.iter().position(|(other, _)| *other == network);
        let way = known.unwrap_or_else(|| {
            let fullest = (0..WAYS).min_by_key(|way| ways[*way].1.full_at);
            let way = fullest.unwrap_or_default();
            ways[way] = (network, Bucket::default());
            way
        });
        ways[way].1.take(STRANGERS, now)
    }
}

fn network_of(source: IpAddr) -> u64 {
    match source.to_canonical() {
        IpAddr::V4(address) => !u64::from(u32::from(address)),
        IpAddr::V6(address) => (u128::from(address) >> 64) as u64,
    }
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, Ipv6Addr};

    use super::*;

    fn taken(strangers: &mut Strangers, source: IpAddr, now: Nanos, tries: usize) -> usize {
        (0..tries).filter(|_| strangers.take(source, now)).count()
    }

    #[test]
    fn a_source_gets_its_burst_then_its_rate_and_others_get_theirs() {
        let mut strangers = Strangers::new(7);
        let (one, other) = (Ipv4Addr::new(192, 0, 2, 1), Ipv4Addr::new(192, 0, 2, 2));
        assert_eq!(taken(&mut strangers, one.into(), SECOND, 5000), 1024);
        assert_eq!(taken(&mut strangers, one.into(), 2 * SECOND, 5000), 512);
        assert_eq!(taken(&mut strangers, other.into(), 2 * SECOND, 5000), 1024);
        assert_eq!(taken(&mut strangers, one.into(), 60 * SECOND, 5000), 1024);
    }

    #[test]
    fn an_ipv6_network_counts_once_and_a_mapped_address_is_the_ipv4_one() {
        let mut strangers = Strangers::new(7);
        let address = |host: u16| IpAddr::from(Ipv6Addr::new(0x2001, 0xdb8, 1, 2, 3, 4, 5, host));
        let tries = (0..5000).filter(|host| strangers.take(address(*host), SECOND));
        assert_eq!(tries.count(), 1024);
        let plain = Ipv4Addr::new(192, 0, 2, 1);
        taken(&mut strangers, plain.into(), SECOND, 2000);
        assert!(!strangers.take(plain.to_ipv6_mapped().into(), SECOND));
    }

    #[test]
    fn a_flood_from_ever_new_addresses_leaves_newcomers_their_bucket() {
        let mut strangers = Strangers::new(7);
        for address in 0..200_000u32 {
            strangers.take(Ipv4Addr::from(0x0a00_0000 + address).into(), SECOND);
        }
        let newcomer = Ipv4Addr::new(192, 0, 2, 9);
        assert_eq!(taken(&mut strangers, newcomer.into(), SECOND, 5000), 1024);
        assert_eq!(strangers.ways.len(), SETS, "it never grows");
    }

    #[test]
    fn a_bucket_never_saves_up_more_than_its_burst() {
        let mut bucket = Bucket::default();
        let mut taken = |now| (0..1000).filter(|_| bucket.take(CHECKS, now)).count();
        assert_eq!(taken(0), 256);
        assert_eq!(taken(SECOND / 2), 64);
        assert_eq!(taken(1000 * SECOND), 256);
    }
}
