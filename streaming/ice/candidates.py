"""Host candidates of an ICE-lite agent as SDP text (RFC 8445 §5.1, RFC 8839 §5.1, RFC 6544 §4).

What lives here: which addresses are announced and in which order. What must not: finding or opening sockets
(`streaming.relay.addresses`).
"""

import ipaddress
from collections.abc import Iterable, Sequence

TYPE_PREFERENCE_HOST = 126
# Below every UDP host candidate, ours and theirs, and above what a TURN server relays (RFC 6544 §4.2).
TYPE_PREFERENCE_HOST_TCP = 90
DIRECTION_PREFERENCE_PASSIVE = 4
COMPONENT = 1


def announced_addresses(local: Sequence[tuple[str, int]], public: Iterable[str]) -> list[tuple[str, int]]:
    """Return (address, port) pairs to announce, best first: public, then global, private, loopback; IPv6
    after IPv4.

    Args:
        local: what the engine listens on.
        public: NAT 1:1 entries, `public` or `public=private`; the latter takes the private address's port and
        its place.

    Raises:
        ValueError: an entry is not an address, or names a private address that is not listened on.
    """
    ports = dict(local)
    outside: list[tuple[str, int]] = []
    for entry in public:
        address, _, private = entry.partition("=")
        address = str(ipaddress.ip_address(address.strip()))
        private = private.strip()
        if private and private not in ports:
            raise ValueError(f"no media socket on the private address of: {entry}")
        outside.append((address, ports.pop(private) if private else next(iter(ports.values()))))
    return outside + sorted(ports.items(), key=_reach)


def candidate_lines(addresses: Iterable[tuple[str, int]]) -> list[str]:
    """Return the values of `a=candidate`: every address over UDP, then every address over TCP on the same
    port number, priorities falling in the given order."""
    announced = list(enumerate(addresses))
    over_udp = [
        f"{index + 1} {COMPONENT} udp {_udp_priority(index)} {address} {port} typ host"
        for index, (address, port) in announced
    ]
    # A foundation of its own: the transport protocol is part of it (RFC 8445 §5.1.1.3).
    over_tcp = [
        f"{len(announced) + index + 1} {COMPONENT} tcp {_tcp_priority(index)} {address} {port} typ host"
        " tcptype passive"
        for index, (address, port) in announced
    ]
    return over_udp + over_tcp


def _udp_priority(place: int) -> int:
    """RFC 8445 §5.1.2.1."""
    return (TYPE_PREFERENCE_HOST << 24) | ((65535 - place) << 8) | (256 - COMPONENT)


def _tcp_priority(place: int) -> int:
    """RFC 6544 §4.2: the local preference is the direction in 3 bits and 13 bits of our own."""
    local_preference = (DIRECTION_PREFERENCE_PASSIVE << 13) | (8191 - place)
    return (TYPE_PREFERENCE_HOST_TCP << 24) | (local_preference << 8) | (256 - COMPONENT)


def _reach(entry: tuple[str, int]) -> tuple[bool, bool, int]:
    address = ipaddress.ip_address(entry[0])
    return address.is_loopback, address.is_private, address.version
