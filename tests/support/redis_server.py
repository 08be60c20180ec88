"""A throw-away redis-server on a free loopback port, stopped and started at will."""

import os
import shutil
import subprocess
import tempfile
import time
from types import TracebackType
from typing import Self

import redis

from tests.support.server import free_port

_AS_NOBODY = ["setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups"] if os.geteuid() == 0 else []


class RedisServer:
    """One server; the port stays the same over restarts."""

    def __init__(self) -> None:
        self._port = free_port()
        self.url = f"redis://127.0.0.1:{self._port}/0"
        self._folder = tempfile.mkdtemp(prefix="zhijian-redis.", dir="/tmp")
        if _AS_NOBODY:
            shutil.chown(self._folder, "nobody")
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start and wait until it answers."""
        options = ["--bind", "127.0.0.1", "--port", str(self._port), "--dir", self._folder]
        command = [*_AS_NOBODY, "redis-server", *options, "--save", "", "--appendonly", "no"]
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        deadline = time.monotonic() + 20
        with redis.Redis.from_url(self.url) as probe:
            while time.monotonic() < deadline:
                try:
                    probe.ping()
                except redis.RedisError:
                    time.sleep(0.02)
                else:
                    return
        raise RuntimeError("redis-server does not answer")

    def stop(self) -> None:
        """Stop and wait until it is gone."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait(timeout=10)
            self._process = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
        shutil.rmtree(self._folder, ignore_errors=True)
