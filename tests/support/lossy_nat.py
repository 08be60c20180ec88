"""A NAT in this process: UDP datagrams to an address of its own go on to the media node, some of them lost.

Seeded, and free to give a peer a new address in the middle (`rebind`), as home routers do.
"""

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

Address = tuple[str, int]


class _Inside(asyncio.DatagramProtocol):
    """Where peers send to."""

    def __init__(self, nat: "LossyNat") -> None:
        self._nat = nat

    def datagram_received(self, data: bytes, addr: Address) -> None:
        self._nat.outward(data, addr)


class _Outside(asyncio.DatagramProtocol):
    """What the node sees of one peer."""

    def __init__(self, nat: "LossyNat", peer: Address) -> None:
        self._nat, self._peer = nat, peer

    def datagram_received(self, data: bytes, addr: Address) -> None:
        self._nat.inward(data, self._peer)


class LossyNat:
    """The table of the NAT. `loss` may be changed at any time; `lost` counts."""

    def __init__(self, node: Address, seed: int) -> None:
        self.loss = 0.0
        self.lost = 0
        self._node = node
        self._random = random.Random(seed)
        self._inside: asyncio.DatagramTransport | None = None
        self._outside: dict[Address, asyncio.DatagramTransport] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def open(self, address: Address) -> None:
        """Listen for peers."""
        loop = asyncio.get_running_loop()
        self._inside, _ = await loop.create_datagram_endpoint(lambda: _Inside(self), local_addr=address)

    def close(self) -> None:
        """Forget everybody."""
        self.rebind()
        if self._inside:
            self._inside.close()

    def rebind(self) -> None:
        """Everybody comes from a new port from now on; what is sent to the old ones is lost."""
        for endpoint in self._outside.values():
            endpoint.close()
        self._outside.clear()

    def outward(self, data: bytes, peer: Address) -> None:
        """A datagram of a peer."""
        if self._is_lost():
            return
        if peer in self._outside:
            self._outside[peer].sendto(data)
            return
        task = asyncio.ensure_future(self._open_and_send(data, peer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def inward(self, data: bytes, peer: Address) -> None:
        """A datagram of the node."""
        if self._inside and not self._is_lost():
            self._inside.sendto(data, peer)

    async def _open_and_send(self, data: bytes, peer: Address) -> None:
        loop = asyncio.get_running_loop()
        endpoint, _ = await loop.create_datagram_endpoint(
            lambda: _Outside(self, peer), remote_addr=self._node
        )
        if (known := self._outside.setdefault(peer, endpoint)) is not endpoint:
            endpoint.close()
        known.sendto(data)

    def _is_lost(self) -> bool:
        is_lost = self._random.random() < self.loss
        self.lost += is_lost
        return is_lost


@asynccontextmanager
async def lossy_nat(address: Address, node: Address, *, seed: int = 1) -> AsyncIterator[LossyNat]:
    """A NAT between peers that know `address` and the node."""
    nat = LossyNat(node, seed)
    await nat.open(address)
    try:
        yield nat
    finally:
        nat.close()
