"""A network that can be lost: this thread on one side, a browser on the other, a router between them.

Linux network namespaces; needs root and fails clearly without. Nothing of the machine's own network is
touched, and all of it is gone with the block.
"""

import asyncio
import contextlib
import ctypes
import os
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

SERVER_ADDRESS, BROWSER_ADDRESS = "10.77.1.2", "10.77.2.2"
_ROUTER_TO_SERVER, _ROUTER_TO_BROWSER = "10.77.1.1", "10.77.2.1"
_CLONE_NEWNET = 0x40000000
_libc = ctypes.CDLL(None, use_errno=True)


class FarNetwork:
    """Two namespaces and their router. Within `entered` this thread is on the server's side."""

    def __init__(self) -> None:
        mark = f"zhijian-{os.getpid()}"
        self._server, self._router, self._browser = f"{mark}-s", f"{mark}-r", f"{mark}-b"

    def launcher(self, folder: Path, executable: str) -> Path:
        """A program that runs the executable on the far side."""
        path = folder / "far-browser"
        path.write_text(f'#!/bin/sh\nexec ip netns exec {self._browser} {executable} "$@"\n')
        path.chmod(0o755)
        return path

    def lose_silently(self) -> None:
        """The router swallows everything in both directions; neither side is told."""
        for address in (SERVER_ADDRESS, BROWSER_ADDRESS):
            run_ip("-n", self._router, "route", "add", "blackhole", f"{address}/32")

    def find_again(self) -> None:
        """Ends `lose_silently`."""
        for address in (SERVER_ADDRESS, BROWSER_ADDRESS):
            run_ip("-n", self._router, "route", "del", "blackhole", f"{address}/32")

    def unplug(self) -> None:
        """The far side's cable is pulled: its own interface has no carrier."""
        run_ip("-n", self._router, "link", "set", "to-browser", "down")

    def plug(self) -> None:
        """Ends `unplug`."""
        run_ip("-n", self._router, "link", "set", "to-browser", "up")

    @contextmanager
    def entered(self) -> Iterator[None]:
        """Builds the network and puts this thread on the server's side."""
        home = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
        try:
            self._build()
            with Path(f"/run/netns/{self._server}").open("rb") as side:
                enter_namespace(side.fileno())
            yield
        finally:
            enter_namespace(home)
            os.close(home)
            for name in (self._server, self._router, self._browser):
                subprocess.run(["ip", "netns", "del", name], capture_output=True, check=False)

    def _build(self) -> None:
        for name in (self._server, self._router, self._browser):
            run_ip("netns", "add", name)
            run_ip("-n", name, "link", "set", "lo", "up")
        for name, link, address, router in (
            (self._server, "to-server", SERVER_ADDRESS, _ROUTER_TO_SERVER),
            (self._browser, "to-browser", BROWSER_ADDRESS, _ROUTER_TO_BROWSER),
        ):
            run_ip("-n", self._router, "link", "add", link, "type", "veth", "peer", "name", "far0")
            run_ip("-n", self._router, "link", "set", "far0", "netns", name)
            run_ip("-n", self._router, "address", "add", f"{router}/24", "dev", link)
            run_ip("-n", self._router, "link", "set", link, "up")
            run_ip("-n", name, "address", "add", f"{address}/24", "dev", "far0")
            run_ip("-n", name, "link", "set", "far0", "up")
            run_ip("-n", name, "route", "add", "default", "via", router)
        _run("ip", "netns", "exec", self._router, "sysctl", "-qw", "net.ipv4.ip_forward=1")


@asynccontextmanager
async def forwarded(address: str, port: int) -> AsyncIterator[None]:
    """Passes TCP connections to address:port on to 127.0.0.1:port, byte by byte."""

    async def pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(65536):
                writer.write(data)
                await writer.drain()
        writer.close()

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            there, to_there = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            writer.close()
            return
        await asyncio.gather(pass_on(reader, to_there), pass_on(there, writer))

    server = await asyncio.start_server(accept, address, port)
    try:
        yield
    finally:
        server.close()


def enter_namespace(descriptor: int) -> None:
    """Move this thread to another network namespace."""
    if _libc.setns(descriptor, _CLONE_NEWNET) != 0:
        raise OSError(ctypes.get_errno(), "cannot enter a network namespace (root is needed)")


def run_ip(*arguments: str) -> None:
    """Run `ip` with these arguments; its complaint fails the test."""
    _run("ip", *arguments)


def _run(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{' '.join(command)}: {done.stderr.strip()} (root and iproute2 are needed)"
