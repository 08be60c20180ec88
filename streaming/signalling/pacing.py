"""Holding back those who ask too often, by the address they ask from. Addresses are kept in memory only."""

import asyncio
import ipaddress
import math

from starlette.requests import Request

from streaming.errors import TooManyRequests
from streaming.rooms.pace import PaceTable

# A school behind one address comes back at once after a restart, then goes on at a tenth of that a second.
BURST_SECONDS = 10
ADDRESSES_KEPT = 4096
IPV6_NETWORK_BITS = 64


class OfferPace:
    """How fast one address may POST offers, good or bad (docs/settings.md,
    `ZHIJIAN_MEDIA_MAX_OFFERS_PER_ADDRESS`)."""

    def __init__(self, burst: int) -> None:
        self._paces = PaceTable(burst, burst / BURST_SECONDS, size=ADDRESSES_KEPT)

    def require(self, request: Request) -> None:
        """Count one offer of the request's address. Raises TooManyRequests."""
        slow_down(self._paces.wait_s(network_of(request), asyncio.get_running_loop().time()))


def network_of(request: Request) -> str:
    """Return the client's IPv4 address, or IPv6 network: who has one address there has 2^64."""
    host = request.client.host if request.client else ""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host
    if isinstance(address, ipaddress.IPv4Address):
        return host
    if address.ipv4_mapped:
        return str(address.ipv4_mapped)
    return str(ipaddress.ip_network((int(address), IPV6_NETWORK_BITS), strict=False))


def slow_down(wait_s: float) -> None:
    """Raises TooManyRequests when there is anything to wait for."""
    if wait_s > 0:
        raise TooManyRequests("more requests than an honest client sends", math.ceil(wait_s))
