"""Two network namespaces with a bad link between them: this thread and a server near, a browser far.

Needs root and /dev/net/tun and fails clearly without. Nothing of the machine's own network is touched, and
all of it is gone with the block. What the link does is `link_process.Conditions`.
"""

import fcntl
import json
import os
import struct
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

from tests.support.far_network import enter_namespace, run_ip
from tests.support.link_process import Conditions

NEAR_ADDRESS, FAR_ADDRESS = "10.78.1.2", "10.78.2.2"
NEAR_ADDRESS_6, FAR_ADDRESS_6 = "fd78:1::2", "fd78:2::2"
#: Another address of the far side's NAT.
FAR_ALIAS = "10.78.2.99"
_TUNSETIFF, _IFF_TUN, _IFF_NO_PI = 0x400454CA, 1, 0x1000
_ROOT = Path(__file__).resolve().parents[2]


class ImpairedLink:
    """Within `entered` this thread is on the near side; `become` changes the weather at once."""

    def __init__(self, *, seed: int = 1, has_ipv4: bool = True, has_ipv6: bool = False) -> None:
        mark = f"zhijian-{os.getpid()}"
        self._near, self._far = f"{mark}-n", f"{mark}-f"
        self._seed, self._has_ipv4, self._has_ipv6 = seed, has_ipv4, has_ipv6
        self.is_ipv6_only = has_ipv6 and not has_ipv4
        self._process: subprocess.Popen[str] | None = None

    def become(self, conditions: Conditions) -> None:
        """From now on the link does this; returns when it does."""
        assert self._process is not None
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(asdict(conditions)) + "\n")
        self._process.stdin.flush()
        assert self._process.stdout.readline() == "done\n", "the link process has ended"

    def far_launcher(self, folder: Path, executable: str) -> str:
        """A program that runs the executable on the far side."""
        return self._launcher(folder / "far-side", self._far, executable)

    def near_launcher(self, folder: Path, executable: str) -> str:
        """A program that runs the executable on the near side, whichever thread starts it."""
        return self._launcher(folder / "near-side", self._near, executable)

    def set_far_mtu(self, mtu: int) -> None:
        """The far side's own interface, which its TCP announces."""
        run_ip("-n", self._far, "link", "set", "far0", "mtu", str(mtu))

    @contextmanager
    def entered(self) -> Iterator[None]:
        """Builds the network and puts this thread on the near side."""
        home = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
        devices: list[int] = []
        try:
            for name, address, address_6 in (
                (self._near, NEAR_ADDRESS, NEAR_ADDRESS_6),
                (self._far, FAR_ADDRESS, FAR_ADDRESS_6),
            ):
                run_ip("netns", "add", name)
                self._enter(name)
                devices.append(_open_tun())
                enter_namespace(home)
                self._configure(name, address, address_6)
            self._start(*devices)
            self._enter(self._near)
            yield
        finally:
            enter_namespace(home)
            os.close(home)
            for device in devices:
                os.close(device)
            if self._process is not None and self._process.stdin is not None:
                self._process.stdin.close()
                self._process.wait(timeout=10)
            for name in (self._near, self._far):
                subprocess.run(["ip", "netns", "del", name], capture_output=True, check=False)

    def _configure(self, name: str, address: str, address_6: str) -> None:
        run_ip("-n", name, "link", "set", "lo", "up")
        run_ip("-n", name, "link", "set", "far0", "up")
        if self._has_ipv4:
            run_ip("-n", name, "address", "add", f"{address}/24", "dev", "far0")
            run_ip("-n", name, "route", "add", "default", "dev", "far0")
        if self._has_ipv6:
            run_ip("-n", name, "address", "add", f"{address_6}/64", "dev", "far0", "nodad")
            run_ip("-n", name, "-6", "route", "add", "default", "dev", "far0")

    def _start(self, near: int, far: int) -> None:
        command = [sys.executable, "-m", "tests.support.link_process", str(near), str(far)]
        self._process = subprocess.Popen(
            [*command, FAR_ADDRESS, str(self._seed)],
            cwd=_ROOT,
            pass_fds=(near, far),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.become(Conditions())

    def _launcher(self, path: Path, namespace: str, executable: str) -> str:
        path.write_text(f'#!/bin/sh\nexec ip netns exec {namespace} {executable} "$@"\n')
        path.chmod(0o755)
        return str(path)

    def _enter(self, name: str) -> None:
        with Path(f"/run/netns/{name}").open("rb") as namespace:
            enter_namespace(namespace.fileno())


def _open_tun() -> int:
    device = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(device, _TUNSETIFF, struct.pack("16sH22x", b"far0", _IFF_TUN | _IFF_NO_PI))
    return device
