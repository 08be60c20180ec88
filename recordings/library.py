"""Recordings on disk as a reader sees them: journals followed as they grow. Reads only.

The recorder is the one writer.
"""

import os
import threading
from dataclasses import dataclass, field
from pathlib import Path
from re import compile as pattern

from recordings.catalogue import Catalogue
from recordings.errors import BadRequest, RecordingNotFound
from recordings.journal import JOURNAL, read_entries

POSTER = "poster.jpg"
_ID = pattern(r"[A-Za-z0-9_-]{1,64}")
_MOST_FOLLOWED = 256


@dataclass(slots=True)
class _Followed:
    catalogue: Catalogue = field(default_factory=Catalogue)
    offset: int = 0
    inode: int = 0


class Library:
    """All recordings below one directory."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._followed: dict[str, _Followed] = {}
        self._lock = threading.Lock()

    def path(self, recording_id: str) -> Path:
        """Directory of a recording. Raises: BadRequest for an id that is no plain word."""
        if not _ID.fullmatch(recording_id):
            raise BadRequest("recording id malformed")
        return self._directory / recording_id

    def catalogue(self, recording_id: str) -> Catalogue:
        """Return what the journal says now. Raises: RecordingNotFound, BadRequest. Thread: any."""
        with self._lock:
            return self._follow(recording_id)

    def _follow(self, recording_id: str) -> Catalogue:
        try:
            with (self.path(recording_id) / JOURNAL).open("rb") as file:
                stat = os.fstat(file.fileno())
                followed = self._followed.get(recording_id)
                # A journal only grows; a shorter one lost a torn line, another inode is another recording.
                if followed is None or followed.inode != stat.st_ino or stat.st_size < followed.offset:
                    followed = _Followed(inode=stat.st_ino)
                file.seek(followed.offset)
                entries, length = read_entries(file.read())
        except FileNotFoundError as error:
            self._followed.pop(recording_id, None)
            raise RecordingNotFound(f"no such recording: {recording_id}") from error
        for entry in entries:
            followed.catalogue.apply(entry)
        followed.offset += length
        self._followed.pop(recording_id, None)
        self._followed[recording_id] = followed
        while len(self._followed) > _MOST_FOLLOWED:
            self._followed.pop(next(iter(self._followed)))
        return followed.catalogue
