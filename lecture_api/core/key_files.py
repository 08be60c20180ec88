"""Key files under `data/keys/`: made once per installation, 0600, part of the backup. No key is ever
logged or sent."""

import os
import secrets
from collections.abc import Callable
from pathlib import Path


def load_or_create(path: Path, make: Callable[[], bytes], *, mode: int = 0o600) -> bytes:
    """The content of a key file; made by `make` when there is none. Two processes starting at once get the
    same."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        draft = _written_beside(path, make(), mode)
        try:
            # link() fails when somebody else was first; their key holds.
            os.link(draft, path)
        except FileExistsError:
            pass
        finally:
            draft.unlink()
    return path.read_bytes()


def replace(path: Path, content: bytes, *, mode: int = 0o600) -> None:
    """Put new content in place of a key file at once, never half."""
    _written_beside(path, content, mode).replace(path)


def _written_beside(path: Path, content: bytes, mode: int) -> Path:
    draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    try:
        os.write(handle, content)
        os.fsync(handle)
    finally:
        os.close(handle)
    return draft
