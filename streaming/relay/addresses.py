"""Finds the local addresses the media sockets are opened on (joints.md §1: one socket an address, never a
wildcard)."""

import ipaddress
import socket

import psutil


def local_addresses() -> list[str]:
    """Return every interface address, loopback too, that a socket can be bound to now.

    Link-local IPv6 is left out (a candidate cannot carry its zone), and so is what cannot be bound: a
    tentative or duplicate IPv6 address would keep the engine from starting.
    """
    found: dict[str, None] = {}
    for entries in psutil.net_if_addrs().values():
        for entry in entries:
            if entry.family in (socket.AF_INET, socket.AF_INET6) and _usable(entry.address):
                found[str(ipaddress.ip_address(entry.address))] = None
    return list(found)


def _usable(text: str) -> bool:
    try:
        address = ipaddress.ip_address(text)
    except ValueError:  # A zone ("fe80::1%eth0") on interpreters that refuse it.
        return False
    if address.is_link_local or address.is_multicast or address.is_unspecified:
        return False
    family = socket.AF_INET if address.version == 4 else socket.AF_INET6
    with socket.socket(family, socket.SOCK_DGRAM) as probe:
        try:
            probe.bind((text, 0))
        except OSError:
            return False
    return True
