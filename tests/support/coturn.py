"""A TURN server of our own on loopback: Debian's coturn, started for one test, never the system's service."""

import contextlib
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.support.server import free_media_port

SECRET = "a shared secret of the tests"
READY_S = 20.0


@dataclass(frozen=True)
class Coturn:
    """Where it listens, and what it wrote."""

    address: tuple[str, int]
    log: Path

    @property
    def url(self) -> str:
        """As in ZHIJIAN_TURN_URLS."""
        host, port = self.address
        return f"turn:{host}:{port}?transport=udp"


@contextmanager
def coturn(folder: Path) -> Iterator[Coturn]:
    """A server with the shared secret `SECRET` on a free port of 127.0.0.1."""
    executable = shutil.which("turnserver")
    assert executable is not None, "Debian's coturn is needed: apt-get install coturn"
    port, log = free_media_port(), folder / "coturn.log"
    command = [
        executable, "-n", "--listening-ip=127.0.0.1", "--relay-ip=127.0.0.1", f"--listening-port={port}",
        "--min-port=49152", "--max-port=65535", "--realm=zhijian.test", "--use-auth-secret",
        f"--static-auth-secret={SECRET}", "--allow-loopback-peers", "--no-cli", "--no-tls", "--no-dtls",
        f"--userdb={folder / 'turndb'}", f"--pidfile={folder / 'turn.pid'}", "--log-file=stdout", "--verbose",
    ]  # fmt: skip
    with log.open("wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT, cwd=folder)
    try:
        _wait_until_ready(process, port, log)
        yield Coturn(("127.0.0.1", port), log)
    finally:
        process.terminate()
        process.wait(timeout=20)


def _wait_until_ready(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    deadline = time.monotonic() + READY_S
    while time.monotonic() < deadline and process.poll() is None:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        time.sleep(0.05)
    raise AssertionError(f"coturn does not listen: {log.read_text()[-2000:]}")
