"""One recorder process: `python -m recordings.recorder …`.

Lock, feed, pipeline, and how the run ends; no media logic. Its supervisor holds stdin ("finish" finishes; end
of file means the supervisor is gone) and reads one JSON status a line from stdout.
"""

import argparse
import errno
import json
import os
import selectors
import signal
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from recordings.archive import Archive, RecordingLock
from recordings.errors import FeedError, RecordingsError
from recordings.feed.connection import FeedConnection
from recordings.pipeline import Pipeline
from recordings.storage import LocalStorage

_CONNECT_RETRY_S = 0.25
_TICK_S = 0.1
_DRAIN_QUIET_S = 0.15
_DRAIN_LONGEST_S = 0.5


@dataclass(frozen=True, slots=True)
class RecorderOptions:
    """What a recorder is told on its command line.

    Attributes:
        idle_s: silence of the feed after which the recorder lets time pass by its own clock.
    """

    directory: Path
    recording_id: str
    room: str
    feed_socket: Path
    reserve_bytes: int
    idle_s: float = 0.3


class Recorder:
    """The loop around one pipeline."""

    def __init__(self, options: RecorderOptions, commands: int, status: IO[str]) -> None:
        self._options = options
        self._commands = commands
        self._status = status
        self._said: dict[str, object] = {}
        self._is_stopping = False
        self._is_finishing = False
        self._error: str | None = None

    def stop(self) -> None:
        """End the run at the next occasion: all that was received is written, the recording stays open."""
        self._is_stopping = True

    def run(self) -> int:
        """Record until told to stop, or the feed ends; return the exit status."""
        lock = RecordingLock(self._options.directory)
        archive = Archive(LocalStorage(self._options.directory))
        try:
            archive.begin_run(self._options.recording_id, self._options.room)
            pipeline = Pipeline(
                archive,
                reserve_bytes=self._options.reserve_bytes,
                wall_ms=lambda: time.time_ns() // 1_000_000,
            )
            self._say("starting", pipeline)
            feed = self._attach(pipeline)
            cause = self._record(feed, pipeline) if feed else "stopped"
            is_final = self._is_finishing or pipeline.is_ended
            if is_final:
                self._say("finishing", pipeline)
            pipeline.close("finished" if is_final else cause)
            if is_final:
                pipeline.journal_finished()
            self._say("finished" if is_final else "stopped", pipeline)
            if feed:
                feed.close()
        finally:
            archive.close()
            lock.close()
        return 3 if self._error else 0

    def _attach(self, pipeline: Pipeline) -> FeedConnection | None:
        """Connect until the engine takes us; an unknown recording closes the socket before `attached`."""
        while not self._is_stopping:
            feed: FeedConnection | None = None
            try:
                feed = FeedConnection(self._options.feed_socket)
                feed.send_hello(self._options.recording_id, *pipeline.hello)
                while not self._is_stopping:
                    if not self._wait(feed, _TICK_S):
                        continue
                    frames = feed.read()
                    if frames is None:
                        break
                    for frame in frames:
                        pipeline.on_frame(frame)
                    if frames:
                        return feed
            except OSError:
                pass  # Nobody listens yet, or the engine has just gone: try again.
            except FeedError as error:
                self._break(error, pipeline)
                self.stop()
            if feed:
                feed.close()
            self._wait(None, _CONNECT_RETRY_S)
        return None

    def _record(self, feed: FeedConnection, pipeline: Pipeline) -> str:
        """Pass frames until the end; return the cause of the end."""
        last_ns = time.monotonic_ns()
        stop_at: float | None = None
        acked = 0
        self._say(pipeline.state, pipeline)
        try:
            while True:
                is_ready = self._wait(feed, _TICK_S)
                now_ns = time.monotonic_ns()
                if is_ready:
                    frames = feed.read()
                    if frames is None:
                        return "feed_lost"
                    for frame in frames:
                        pipeline.on_frame(frame)
                    last_ns = now_ns
                elif now_ns - last_ns > self._options.idle_s * 1e9:
                    pipeline.on_idle(now_ns - last_ns)
                    last_ns = now_ns
                if pipeline.acked > acked:
                    acked = pipeline.acked
                    feed.send_ack(acked)
                for slot in pipeline.key_frame_requests:
                    feed.send_key_frame_request(slot)
                pipeline.key_frame_requests.clear()
                self._say(pipeline.state, pipeline)
                if pipeline.is_ended:
                    return "finished"
                if self._is_stopping:  # Take what the engine has sent already, but not for long.
                    now = time.monotonic()
                    stop_at = stop_at or now + _DRAIN_LONGEST_S
                    if now >= stop_at or (not is_ready and now_ns - last_ns > _DRAIN_QUIET_S * 1e9):
                        return "stopped"
        except FeedError as error:
            self._break(error, pipeline)
            return "feed_malformed"

    def _break(self, error: FeedError, pipeline: Pipeline) -> None:
        self._error = error.code
        pipeline.counters[error.code] += 1

    def _wait(self, feed: FeedConnection | None, timeout_s: float) -> bool:
        """Wait for feed or command; obey a command; True when the feed is readable."""
        if feed and feed.is_broken:
            return True
        with selectors.DefaultSelector() as selector:
            if feed:
                selector.register(feed, selectors.EVENT_READ)
            if not self._is_stopping:
                selector.register(self._commands, selectors.EVENT_READ)
            ready = {key.fd for key, _ in selector.select(timeout_s)}
        if self._commands in ready:
            command = os.read(self._commands, 4096)
            self._is_stopping = True  # End of file: the supervisor is gone, and an orphan must not record.
            self._is_finishing = b"finish" in command
        return feed is not None and feed.fileno() in ready

    def _say(self, state: str, pipeline: Pipeline) -> None:
        said: dict[str, object] = {
            "state": state,
            "warnings": list(pipeline.problems()),
            "error": self._error,
            "counters": dict(pipeline.counters),
        }
        if said != self._said:
            self._said = said
            self._status.write(json.dumps(said) + "\n")
            self._status.flush()


def main(arguments: list[str] | None = None) -> int:
    """Parse the command line and record."""
    parser = argparse.ArgumentParser(prog="recordings.recorder", description=__doc__)
    parser.add_argument("--directory", type=Path, required=True, help="directory of this recording")
    parser.add_argument("--recording-id", required=True)
    parser.add_argument("--room", required=True)
    parser.add_argument("--feed-socket", type=Path, required=True, help="the engine's Unix socket")
    parser.add_argument("--reserve-mib", type=int, default=64, help="free MiB below which recording pauses")
    parser.add_argument(
        "--idle-s", type=float, default=0.3, help="silence of the feed after which time passes"
    )
    parsed = parser.parse_args(arguments)
    os.umask(0o077)
    recorder = Recorder(
        RecorderOptions(
            parsed.directory,
            parsed.recording_id,
            parsed.room,
            parsed.feed_socket,
            parsed.reserve_mib << 20,
            parsed.idle_s,
        ),
        sys.stdin.fileno(),
        sys.stdout,
    )
    signal.signal(signal.SIGTERM, lambda *_: recorder.stop())
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the supervisor decides.
    try:
        return recorder.run()
    except RecordingsError as error:
        _fail(error.code)
        return 4
    except BrokenPipeError:
        return 5  # The supervisor is gone, and with it who reads the status.
    except OSError as error:
        _fail(f"storage_{errno.errorcode.get(error.errno or 0, 'failed').lower()}")
        return 6


def _fail(code: str) -> None:
    sys.stdout.write(json.dumps({"state": "failed", "warnings": [], "error": code, "counters": {}}) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
