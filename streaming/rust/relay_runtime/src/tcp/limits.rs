//! How many connections may be open, in all and from one place, and for how long. Counting only; no sockets.

use std::net::{IpAddr, Ipv6Addr};

use hashbrown::HashMap;
use relay_core::forward::{Nanos, SECOND};

/// Bounds of the TCP side.
#[derive(Debug, Clone)]
pub struct TcpLimits {
    /// Connections at a time.
    pub total: usize,
    /// Connections at a time from one address (IPv6: one /64). Many members may share the address of their campus.
    pub per_address: usize,
    /// Of these, connections without an authenticated check yet.
    pub unchecked_per_address: usize,
    /// Time from accepting to the first authenticated check.
    pub first_check: Nanos,
    /// Time without an answered check after which a connection is closed: the session is given up by then, too.
    pub silence: Nanos,
    /// Packets taken before the first authenticated check is answered.
    pub early_packets: u32,
}

impl Default for TcpLimits {
    fn default() -> Self {
        Self {
            total: 4096,
            per_address: 1024,
            unchecked_per_address: 64,
            first_check: 5 * SECOND,
            silence: 70 * SECOND,
            early_packets: 64,
        }
    }
}

#[derive(Debug, Default, Clone, Copy)]
struct Count {
    open: usize,
    unchecked: usize,
}

/// Who is inside.
#[derive(Debug, Default)]
pub struct Admission {
    places: HashMap<IpAddr, Count>,
    open: usize,
}

impl Admission {
    /// Lets a connection in, unchecked at first, if there is room for one from there.
    pub fn enter(&mut self, from: IpAddr, limits: &TcpLimits) -> bool {
        let found = self.places.get(&place(from)).copied().unwrap_or_default();
        let has_room = self.open < limits.total
            && found.open < limits.per_address
            && found.unchecked < limits.unchecked_per_address;
        if has_room {
            self.open += 1;
            let count = self.places.entry(place(from)).or_default();
            count.open += 1;
            count.unchecked += 1;
        }
        has_room
    }

    /// A connection from there had its first authenticated check.
    pub fn checked(&mut self, from: IpAddr) {
        if let Some(count) = self.places.get_mut(&place(from)) {
            count.unchecked -= 1;
        }
    }

    /// A connection from there is closed.
    pub fn leave(&mut self, from: IpAddr, is_checked: bool) {
        let place = place(from);
        self.open -= 1;
        if let Some(count) = self.places.get_mut(&place) {
            count.open -= 1;
            count.unchecked -= usize::from(!is_checked);
            if count.open == 0 {
                self.places.remove(&place);
            }
        }
    }

    /// Connections open now.
    pub fn open(&self) -> usize {
        self.open
    }

    /// Of these, without a check.
    pub fn unchecked(&self) -> usize {
        self.places.values().map(|count| count.unchecked).sum()
    }
}

/// One household has a /64 of IPv6 at least: it counts as one address.
fn place(from: IpAddr) -> IpAddr {
    match from.to_canonical() {
        IpAddr::V6(address) => {
            let bits = u128::from(address) >> 64 << 64;
            IpAddr::V6(Ipv6Addr::from(bits))
        }
        v4 => v4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_place_cannot_take_everybodys_room() {
        let limits = TcpLimits {
            total: 5,
            per_address: 3,
            unchecked_per_address: 2,
            ..TcpLimits::default()
        };
        let address = |text: &str| text.parse::<IpAddr>().unwrap();
        let mut admission = Admission::default();
        let (one, neighbour) = (address("2001:db8::1"), address("2001:db8::2"));
        assert!(admission.enter(one, &limits) && admission.enter(neighbour, &limits));
        assert!(!admission.enter(one, &limits), "two unchecked from one /64");
        admission.checked(one);
        assert!(admission.enter(one, &limits));
        admission.checked(one);
        assert!(!admission.enter(neighbour, &limits), "three from one /64");
        assert!(admission.enter(address("2001:db8:1::1"), &limits));
        assert!(admission.enter(address("::ffff:192.0.2.1"), &limits));
        assert!(
            !admission.enter(address("192.0.2.2"), &limits),
            "five in all"
        );
        assert_eq!((admission.open(), admission.unchecked()), (5, 3));
        admission.leave(one, true);
        admission.leave(neighbour, false);
        assert!(admission.enter(address("192.0.2.1"), &limits));
        assert_eq!((admission.open(), admission.unchecked()), (4, 3));
    }
}
