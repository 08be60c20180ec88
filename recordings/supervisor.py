"""Recorder processes: one for each recording, restarted when it dies, none left behind.

Knows processes, not media. A child holds the read end of its stdin: when this process dies in any way the
pipe ends and so does the child.
"""

import asyncio
import contextlib
import json
import shutil
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import Callable
from pathlib import Path
from typing import Any

from recordings.archive import finish_at_rest
from recordings.errors import StorageFailed
from recordings.settings import RecordingsSettings

_FINISH_S = 10.0
_STOP_S = 5.0
_LONGEST_PAUSE_S = 5.0
_STABLE_S = 10.0


class RecorderChild:
    """One recording's process over all its restarts."""

    def __init__(
        self,
        settings: RecordingsSettings,
        recording_id: str,
        room: str,
        feed_socket: str,
        *,
        on_finished: Callable[[str], None],
    ) -> None:
        self._on_finished = on_finished
        self._settings = settings
        self.recording_id = recording_id
        self.room = room
        self.feed_socket = feed_socket
        self.status: dict[str, Any] = {"state": "starting", "warnings": [], "error": None}
        self.restarts = 0
        self._process: Process | None = None
        self._is_stopping = False
        self._task = asyncio.create_task(self._keep_running(), name=f"recorder {recording_id}")

    @property
    def pid(self) -> int | None:
        """Process id while it runs."""
        return self._process.pid if self._process and self._process.returncode is None else None

    async def _keep_running(self) -> None:
        pause_s = self._settings.recorder_restart_s
        loop = asyncio.get_running_loop()
        while not self._is_stopping:
            began = loop.time()
            await self._run_once()
            if self.status["state"] == "finished":
                self._on_finished(self.recording_id)
                return
            if self._is_stopping:
                break
            self.restarts += 1
            if loop.time() - began > _STABLE_S:
                pause_s = self._settings.recorder_restart_s
            await asyncio.sleep(pause_s)
            pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)

    async def _run_once(self) -> None:
        process = self._process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "recordings.recorder",
            f"--directory={self._settings.recordings_dir.absolute() / self.recording_id}",
            f"--recording-id={self.recording_id}",
            f"--room={self.room}",
            f"--feed-socket={self.feed_socket}",
            f"--reserve-mib={self._settings.disk_reserve_mib}",
            stdin=PIPE,
            stdout=PIPE,
            start_new_session=True,
        )
        assert process.stdout is not None
        if self._is_stopping and process.stdin:
            process.stdin.close()
        async for line in process.stdout:
            with contextlib.suppress(ValueError):
                self.status = json.loads(line)
        code = await process.wait()
        if code and self.status["state"] != "finished":
            self.status = {
                **self.status,
                "state": "failed",
                "error": self.status.get("error") or "recorder_died",
            }

    async def finish(self) -> None:
        """Tell it to finish and wait for its end; a child that does not end is killed."""
        await self._end(b"finish\n", _FINISH_S)

    async def stop(self) -> None:
        """End the run, leaving the recording open."""
        await self._end(b"", _STOP_S)

    async def _end(self, command: bytes, timeout_s: float) -> None:
        self._is_stopping = True
        process = self._process
        if process and process.returncode is None and process.stdin:
            if not process.stdin.is_closing():  # A stop while it finishes has nothing to add.
                with contextlib.suppress(ConnectionError):
                    process.stdin.write(command)
                    await process.stdin.drain()
                process.stdin.close()
        elif not process or process.returncode is not None:
            self._task.cancel()  # Between two runs: nothing to tell.
        try:
            await asyncio.wait_for(asyncio.shield(self._task), timeout_s)
        except TimeoutError:
            await self.kill()
        except asyncio.CancelledError:
            if not self._task.cancelled():
                raise

    async def kill(self) -> None:
        """End the process at once; what is journalled stays."""
        self._task.cancel()
        if self._process and self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()
            await self._process.wait()


class Supervisor:
    """All recorders of this service."""

    def __init__(self, settings: RecordingsSettings) -> None:
        self._settings = settings
        self._children: dict[str, RecorderChild] = {}
        self._posters: set[asyncio.Task[None]] = set()

    def __len__(self) -> int:
        return len(self._children)

    def child(self, recording_id: str) -> RecorderChild | None:
        """The recorder of a recording, if one is kept."""
        return self._children.get(recording_id)

    def directory(self, recording_id: str) -> Path:
        """Where a recording lies."""
        return self._settings.recordings_dir.absolute() / recording_id

    async def start(self, recording_id: str, room: str, feed_socket: str) -> None:
        """Keep a recorder for this recording; idempotent, a changed room or socket replaces it."""
        child = self._children.get(recording_id)
        if (
            child
            and (child.room, child.feed_socket) == (room, feed_socket)
            and child.status["state"] != "finished"
        ):
            return
        if child:
            await child.stop()
        self._children[recording_id] = RecorderChild(
            self._settings, recording_id, room, feed_socket, on_finished=self._start_poster
        )

    async def finish(self, recording_id: str) -> None:
        """Finish a recording, whether a recorder runs or not. Raises: StorageFailed, to be tried again."""
        child = self._children.get(recording_id)
        if child:
            child.status = {**child.status, "state": "finishing"}
            await child.finish()
            self._children.pop(recording_id, None)
        try:
            await asyncio.to_thread(finish_at_rest, self.directory(recording_id))
        except OSError as error:
            raise StorageFailed(f"disk takes no more: {error.strerror}") from error

    async def delete(self, recording_id: str) -> None:
        """End its recorder and remove its directory."""
        child = self._children.pop(recording_id, None)
        if child:
            await child.kill()
        await asyncio.to_thread(shutil.rmtree, self.directory(recording_id), ignore_errors=True)

    async def close(self) -> None:
        """Stop all; recordings stay open and go on with the next start."""
        children, self._children = list(self._children.values()), {}
        await asyncio.gather(*(child.stop() for child in children))
        for poster in self._posters:
            poster.cancel()
        await asyncio.gather(*self._posters, return_exceptions=True)

    def _start_poster(self, recording_id: str) -> None:
        task = asyncio.create_task(_make_poster(self.directory(recording_id)), name=f"poster {recording_id}")
        self._posters.add(task)
        task.add_done_callback(self._posters.discard)


async def _make_poster(directory: Path) -> None:
    """Run the cover's process; a cover that cannot be made is no loss."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "recordings.poster", str(directory)),
        stdin=DEVNULL,
        stdout=DEVNULL,
        start_new_session=True,
    )
    try:
        await process.wait()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
