"""`zhijian serve` as a real process with its own ports and data, for tests that start, kill, restart it."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import Self

import httpx

ZHIJIAN = Path(sys.executable).parent / "zhijian"


def free_port() -> int:
    """Returns a port that was free on 127.0.0.1 a moment ago."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def free_media_port() -> int:
    """Returns a number that was free for UDP and TCP on 127.0.0.1 a moment ago: media takes both."""
    while True:
        port = free_port()
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


class RunningServer:
    """One installation: its data folder and ports stay the same over restarts."""

    def __init__(self, data_dir: Path, *, demo: bool = True, settings: dict[str, str] | None = None) -> None:
        self.data_dir = data_dir
        self.http_port = free_port()
        self.media_port = free_media_port()
        self.url = f"http://127.0.0.1:{self.http_port}"
        self.log_path = data_dir.parent / f"{data_dir.name}.log"
        self._demo = demo
        self._settings = settings or {}
        self.process: subprocess.Popen[bytes] | None = None

    def start(self, *, timeout_s: float = 60.0) -> None:
        """Starts the process and returns when /readyz says so.

        Raises: RuntimeError with the end of the log when the process ends or is not ready in time.
        """
        environment = (
            os.environ
            | self._settings
            | {
                "ZHIJIAN_HTTP_PORT": str(self.http_port),
                "ZHIJIAN_MEDIA_PORT": str(self.media_port),
                "ZHIJIAN_DATA_DIR": str(self.data_dir),
            }
        )
        command = [str(ZHIJIAN), "serve", *(["--demo"] if self._demo else [])]
        with self.log_path.open("ab") as log:
            self.process = subprocess.Popen(
                command, env=environment, stdout=log, stderr=subprocess.STDOUT, start_new_session=True
            )
        deadline = time.monotonic() + timeout_s
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                break
            try:
                if httpx.get(f"{self.url}/readyz", timeout=2, trust_env=False).status_code == 200:
                    return
            except httpx.TransportError:
                pass
            time.sleep(0.1)
        raise RuntimeError(f"zhijian serve is not ready: {self.log()[-4000:]}")

    def kill(self) -> None:
        """SIGKILL, as a power cut would; waits until the process is gone."""
        assert self.process is not None
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(timeout=10)

    def interrupt(self, *, timeout_s: float = 30.0) -> int:
        """Ctrl-C. Returns the exit status."""
        assert self.process is not None
        self.process.send_signal(signal.SIGINT)
        return self.process.wait(timeout=timeout_s)

    def log(self) -> str:
        """Everything the process printed, over all its starts."""
        return self.log_path.read_text(errors="replace") if self.log_path.exists() else ""

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.process is not None and self.process.poll() is None:
            try:
                self.interrupt()
            except subprocess.TimeoutExpired:
                self.kill()
