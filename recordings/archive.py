"""The one writer of a recording.

Lock, recovery after a crash, and the order bytes → fsync → journal line → fsync (joints.md §6).
"""

import fcntl
import os
import time
from pathlib import Path

from recordings.catalogue import Catalogue
from recordings.errors import RecordingLocked
from recordings.journal import JOURNAL, Entry, encode_entries, read_entries
from recordings.storage import LocalStorage, Storage

LOCK = "lock"


class RecordingLock:
    """flock on the recording's directory; held as long as this object is open."""

    def __init__(self, directory: Path) -> None:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._descriptor = os.open(directory / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(self._descriptor)
            raise RecordingLocked(f"recording is written by another process: {directory.name}") from error

    def close(self) -> None:
        """Let go."""
        os.close(self._descriptor)


class Archive:
    """Commits media and journal lines; after a failed commit everything is as before it."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage
        self.catalogue = Catalogue()
        self._lengths: dict[str, int] = {}
        self._recover()

    def _recover(self) -> None:
        """Replay the journal and cut every file to its last journalled byte.

        What the journal does not know goes.
        """
        entries, valid = read_entries(self._storage.read(JOURNAL))
        for entry in entries:
            self.catalogue.apply(entry)
        self._storage.truncate(JOURNAL, valid)
        self._lengths = self.catalogue.lengths()
        for name in self._storage.names():
            if name.endswith((".m4s", ".mp4")):
                self._storage.truncate(name, self._lengths.get(name, 0))
        self._lengths[JOURNAL] = valid

    def begin_run(self, recording_id: str, room: str) -> None:
        """Journal a new run; a finished recording goes on in it (Resume within 10 minutes of End)."""
        entries: list[Entry] = []
        if not self.catalogue.runs:
            entries.append({"kind": "recording", "version": 1, "recording_id": recording_id, "room": room})
        entries.append({"kind": "run", "run": self.catalogue.runs + 1, "at_ms": time.time_ns() // 1_000_000})
        self.commit([], entries)

    def commit(self, media: list[tuple[str, bytes]], entries: list[Entry]) -> None:
        """Append media to files, make them durable, then the entries.

        Raises: OSError, after everything was cut back to what it was.
        """
        try:
            for name, data in media:
                self._storage.append(name, data)
            if media:
                self._storage.sync()
            lines = encode_entries(entries)
            self._storage.append(JOURNAL, lines)
            self._storage.sync()
        except OSError:
            self._roll_back([name for name, _ in media])
            raise
        for name, data in media:
            self._lengths[name] = self._lengths.get(name, 0) + len(data)
        self._lengths[JOURNAL] += len(lines)
        for entry in entries:
            self.catalogue.apply(entry)

    def _roll_back(self, names: list[str]) -> None:
        for name in {*names, JOURNAL}:
            self._storage.truncate(name, self._lengths.get(name, 0))

    def free_bytes(self) -> int:
        """Free space on the recording's disk."""
        return self._storage.free_bytes()

    def close(self) -> None:
        """Close handles."""
        self._storage.close()


def finish_at_rest(directory: Path) -> Catalogue:
    """Finish a recording that no recorder writes; idempotent.

    Raises: RecordingLocked while one does.
    """
    lock = RecordingLock(directory)
    try:
        archive = Archive(LocalStorage(directory))
        try:
            if not archive.catalogue.is_finished:
                archive.commit([], [{"kind": "finished", "at_ms": time.time_ns() // 1_000_000}])
        finally:
            archive.close()
        return archive.catalogue
    finally:
        lock.close()
