"""`relay_swarm` as a process: the loops, and a swarm that is told its steps one by one."""

import json
import subprocess
import threading
from pathlib import Path
from types import TracebackType
from typing import Any, Self

ROOT = Path(__file__).resolve().parents[2]
RELEASE_BINARY = ROOT / "target" / "release" / "relay_swarm"
STEP_LIMIT_S = 150.0

Figures = dict[str, Any]


def loop(receivers: int, *, gso: bool, core: int, reader_core: int, binary: Path = RELEASE_BINARY) -> Figures:
    """CPU of "the loop" a packet (docs/performance.md), one `sendto` each or nine by one GSO call."""
    words = ["loop", "--receivers", receivers, "--gso", "yes" if gso else "no"]
    words += ["--core", core, "--reader-core", reader_core, "--packets", 400_000]
    done = subprocess.run(
        [binary, *map(str, words)], capture_output=True, text=True, check=False, timeout=120
    )
    if done.returncode != 0:
        raise RuntimeError(f"relay_swarm loop: {done.stderr.strip()}")
    figures: Figures = json.loads(done.stdout)
    return figures


class Swarm:
    """One publisher and its viewers in a room, driven by `step`. Leaving the context closes everything."""

    def __init__(self, url: str, room: str, token: str, *, binary: Path = RELEASE_BINARY, **options: object):
        words: list[object] = ["steps", "--whip", f"{url}/whip/{room}", "--whep", f"{url}/whep/{room}"]
        words += ["--publish-token", token, "--watch-token", token]
        self._command = [str(binary), *map(str, words), *_words(options)]
        self._process: subprocess.Popen[str] | None = None
        self.machine: Figures = {}

    def step(self, name: str, *, limit_s: float = STEP_LIMIT_S, **options: object) -> Figures:
        """Do one step and return its figures.

        Raises: RuntimeError with what the swarm said when it ended, refused the step or took too long.
        """
        process = self._process
        assert process is not None
        assert process.stdin is not None
        try:
            process.stdin.write(" ".join([name, *_words(options)]) + "\n")
            process.stdin.flush()
        except BrokenPipeError as error:
            raise RuntimeError(f"relay_swarm ended before {name}") from error
        return self._read(name, limit_s)

    def _read(self, name: str, limit_s: float) -> Figures:
        process = self._process
        assert process is not None
        assert process.stdout is not None
        watchdog = threading.Timer(limit_s, process.kill)
        watchdog.start()
        try:
            line = process.stdout.readline()
        finally:
            watchdog.cancel()
        if not line:
            raise RuntimeError(f"relay_swarm ended or took more than {limit_s:.0f} s in: {name}")
        figures: Figures = json.loads(line)
        if "error" in figures:
            raise RuntimeError(f"relay_swarm {name}: {figures['error']}")
        return figures

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            self._command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        try:
            self.machine = self._read("connecting the publisher", 60.0)["machine"]
        except BaseException:
            self._process.kill()
            self._process.wait()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        process = self._process
        assert process is not None
        if error is not None:
            process.kill()
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                pipe.close()
        try:
            process.wait(timeout=60)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _words(options: dict[str, object]) -> list[str]:
    return [
        word for name, value in options.items() for word in (f"--{name.replace('_', '-')}", _as_word(value))
    ]


def _as_word(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value)
