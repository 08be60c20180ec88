"""Where a recording's bytes go: one interface, the local disk behind it. Names are plain file names.

No meaning of a file is known here.
"""

import contextlib
import os
import shutil
from pathlib import Path
from typing import Protocol


class Storage(Protocol):
    """Append-only files of one recording. Every call may raise OSError; ENOSPC means pause."""

    def append(self, name: str, data: bytes) -> None:
        """Add bytes at the end of a file, made on first use with mode 0600."""

    def sync(self) -> None:
        """Make everything appended so far durable (fsync of files and directory)."""

    def truncate(self, name: str, length: int) -> None:
        """Cut a file; a length of 0 removes it."""

    def names(self) -> list[str]:
        """File names present."""

    def read(self, name: str) -> bytes:
        """Whole content, b"" when absent."""

    def free_bytes(self) -> int:
        """Free space for us."""

    def close(self) -> None:
        """Close handles."""


class LocalStorage:
    """A directory of mode 0700 on the local disk."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        directory.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        directory.mkdir(mode=0o700, exist_ok=True)
        directory.chmod(0o700)
        self._open: dict[str, int] = {}
        self._dirty: set[str] = set()
        self._created = False

    def append(self, name: str, data: bytes) -> None:
        """See Storage."""
        descriptor = self._open.get(name)
        if descriptor is None:
            path = self.directory / name
            self._created = self._created or not path.exists()
            descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
            self._open[name] = descriptor
        self._dirty.add(name)
        view = memoryview(data)
        while view:
            view = view[os.write(descriptor, view) :]

    def sync(self) -> None:
        """See Storage."""
        for name in self._dirty:
            os.fdatasync(self._open[name])
        self.close()  # A long recording has thousands of files: none stays open between commits.
        if self._created:
            descriptor = os.open(self.directory, os.O_RDONLY | os.O_DIRECTORY)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
            self._created = False

    def _release(self, name: str) -> None:
        descriptor = self._open.pop(name, None)
        self._dirty.discard(name)
        if descriptor is not None:
            os.close(descriptor)

    def truncate(self, name: str, length: int) -> None:
        """See Storage."""
        self._release(name)
        with contextlib.suppress(FileNotFoundError):
            if length:
                os.truncate(self.directory / name, length)
            else:
                (self.directory / name).unlink()

    def names(self) -> list[str]:
        """See Storage."""
        return [entry.name for entry in os.scandir(self.directory) if entry.is_file(follow_symlinks=False)]

    def read(self, name: str) -> bytes:
        """See Storage."""
        try:
            return (self.directory / name).read_bytes()
        except FileNotFoundError:
            return b""

    def free_bytes(self) -> int:
        """See Storage."""
        return shutil.disk_usage(self.directory).free

    def close(self) -> None:
        """See Storage."""
        for name in list(self._open):
            self._release(name)


def disk_space(path: Path) -> tuple[int, int]:
    """Return (free, total) bytes of the disk that holds `path` or its nearest existing parent."""
    while not path.exists() and path != path.parent:
        path = path.parent
    usage = shutil.disk_usage(path)
    return usage.free, usage.total
