"""Copies the SQLite database aside before it is migrated, and brings the database up to date."""

import sqlite3
from contextlib import closing
from datetime import datetime
from pathlib import Path

from sqlalchemy.engine import make_url

from lecture_api.migrations.upgrade import current_revision, head_revision, upgrade

KEPT = 10


def migrate(url: str, backups: Path, now: datetime) -> str:
    """Bring the database to the newest revision; returns one line that says what was done.

    An existing SQLite database is copied to `backups` first. Blocking.
    """
    before, head = current_revision(url), head_revision()
    if before == head:
        return f"database is up to date: {head}"
    copied = copy_sqlite(url, backups, now) if before is not None else None
    upgrade(url)
    saved = f", copied to {copied} before" if copied else ""
    return f"database migrated to {head}{saved}"


def copy_sqlite(url: str, backups: Path, now: datetime) -> Path | None:
    """A consistent copy of a SQLite database, also while it is in use; None for another database or an
    empty one."""
    parsed = make_url(url)
    if parsed.get_backend_name() != "sqlite" or not parsed.database or not Path(parsed.database).exists():
        return None
    backups.mkdir(parents=True, exist_ok=True, mode=0o700)
    target = backups / f"zhijian-{now.strftime('%Y%m%dT%H%M%S%fZ')}.sqlite3"
    with closing(sqlite3.connect(parsed.database)) as source, closing(sqlite3.connect(target)) as copy:
        source.backup(copy)
    target.chmod(0o600)
    for old in sorted(backups.glob("zhijian-*.sqlite3"))[:-KEPT]:
        old.unlink()
    return target
