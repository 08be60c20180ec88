"""The database: engine set-up for SQLite and PostgreSQL, read and write transactions, what runs after a
commit.

A write transaction is explicit and short; nothing remote is awaited inside one. What a caller is told, or
another process is woken for, happens after the commit (`after_commit`).
"""

import asyncio
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from datetime import datetime
from typing import Any, ClassVar

import structlog
from sqlalchemy import Connection, MetaData, Uuid, event, text
from sqlalchemy.engine import make_url
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase

from lecture_api.core.column_types import UtcInstant

_log = structlog.get_logger(__name__)
_AFTER_COMMIT = "after_commit"


class Base(DeclarativeBase):
    """Every table of the API; constraint names are deterministic, so migrations can name them."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map: ClassVar[dict[Any, Any]] = {datetime: UtcInstant(), uuid.UUID: Uuid()}


def after_commit(db: AsyncSession, action: Callable[[], Awaitable[None]]) -> None:
    """Run `action` once the write transaction of `db` has committed; never when it is rolled back."""
    db.info.setdefault(_AFTER_COMMIT, []).append(action)


class Database:
    """One database and the two ways to use it.

    `read()` gives a transaction that is always rolled back. `write()` commits when the block ends without an
    exception; on SQLite it is BEGIN IMMEDIATE and writers take turns in order, so none starves.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self.is_sqlite = make_url(url).get_backend_name() == "sqlite"
        self.engine = _create_engine(url, is_sqlite=self.is_sqlite)
        self._read = async_sessionmaker(self.engine, expire_on_commit=False)
        writing = self.engine.execution_options(zhijian_write=True)
        self._write = async_sessionmaker(writing, expire_on_commit=False)
        self._turn = asyncio.Lock()

    @asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncSession]:
        """A transaction for looking; changes made in it are lost."""
        async with self._read() as db:
            yield db

    @asynccontextmanager
    async def write(self) -> AsyncIterator[AsyncSession]:
        """A transaction for changing; commits at the end of the block, then runs what `after_commit`
        gathered."""
        turn: AbstractAsyncContextManager[Any] = self._turn if self.is_sqlite else nullcontext()
        async with turn, self._write() as db:
            yield db
            await db.commit()
        for action in db.info.pop(_AFTER_COMMIT, []):
            try:
                await action()
            except Exception:
                # The commit stands; a failed follow-up is reported and the periodic reconciler makes up
                # for it.
                _log.exception("after_commit_failed")

    async def answers(self) -> bool:
        """Whether the database can be asked something right now."""
        try:
            async with self.read() as db:
                await db.execute(text("SELECT 1"))
        except Exception:
            _log.warning("database_unreachable", exc_info=True)
            return False
        return True

    async def close(self) -> None:
        """Close all connections."""
        await self.engine.dispose()


def _create_engine(url: str, *, is_sqlite: bool) -> AsyncEngine:
    if not is_sqlite:
        return create_async_engine(url, pool_pre_ping=True)
    engine = create_async_engine(url, pool_size=8, max_overflow=8)
    event.listen(engine.sync_engine, "connect", _prepare_sqlite)
    event.listen(engine.sync_engine, "begin", _begin_sqlite)
    return engine


def _prepare_sqlite(connection: Any, _record: Any) -> None:
    # The driver must not open transactions by itself: `_begin_sqlite` says which kind it is.
    connection.isolation_level = None
    cursor = connection.cursor()
    # FULL: what the server has received survives a power cut, not only a kill (design.md §1, promise 1).
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "busy_timeout=10000", "foreign_keys=ON"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin_sqlite(connection: Connection) -> None:
    writing = connection.get_execution_options().get("zhijian_write", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writing else "BEGIN")
