"""Open intervals of this process and their group commit: evidence costs memory only, one task writes once a
second.

A crash loses at most what came since the last commit, and beat grace covers that. Rows that a dead process
left open are closed by whoever sweeps first, at last evidence + grace.
"""

import asyncio
import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import structlog
from sqlalchemy import delete, insert, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncSession

from lecture_api.core.clock import Clock, epoch_ms, from_epoch_ms
from lecture_api.core.database import Database
from lecture_api.core.ids import new_id
from lecture_api.presence.evidence import (
    BEAT_GRACE_MS,
    CloseCause,
    ClosedInterval,
    OpenInterval,
    expire,
    extend,
    farewell,
)
from lecture_api.presence.models import PresenceInterval, PresenceOpen

FLUSH_EVERY_S = 1.0
SWEEP_EVERY_MS = 5_000

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Connection:
    """One connection of one counted person: a room channel or the delivery of media (`source`)."""

    connection_id: uuid.UUID
    gathering_id: uuid.UUID
    subject_id: uuid.UUID
    source: str


@dataclass(slots=True)
class _Tracked:
    connection: Connection
    interval: OpenInterval
    stored: OpenInterval | None = None


class PresenceTracker:
    """Evidence in, rows out. Methods that take evidence never wait and never fail."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._tracked: dict[uuid.UUID, _Tracked] = {}
        self._closed: list[tuple[Connection, ClosedInterval]] = []
        self._swept_ms = 0
        self._flushing = asyncio.Lock()

    def evidence(self, connection: Connection, at_ms: int) -> None:
        """The server knew at `at_ms` that this connection was there."""
        tracked = self._tracked.get(connection.connection_id)
        interval, dead = extend(tracked.interval if tracked else None, at_ms)
        if tracked is None:
            self._tracked[connection.connection_id] = _Tracked(connection, interval)
            return
        tracked.interval = interval
        if dead is not None:
            self._closed.append((connection, dead))

    def farewell(self, connection_id: uuid.UUID, at_ms: int, cause: CloseCause = CloseCause.LEFT) -> None:
        """The connection is known to have ended at `at_ms`; an unknown one is ignored."""
        tracked = self._tracked.pop(connection_id, None)
        if tracked is not None:
            self._closed.append((tracked.connection, farewell(tracked.interval, at_ms, cause)))

    async def run(self) -> None:
        """Commit once a second until cancelled; a database that does not answer costs delay, no evidence."""
        while True:
            await asyncio.sleep(FLUSH_EVERY_S)
            try:
                await self.flush()
            except (SQLAlchemyError, OSError) as error:
                _log.warning("presence_not_committed", error=str(error))
            except Exception:
                # Whatever it was: presence must not stop being kept because of it.
                _log.exception("presence_not_committed")

    async def flush(self) -> None:
        """Commit everything known so far in one transaction."""
        async with self._flushing:
            now_ms = epoch_ms(self._clock.now())
            for connection_id, tracked in list(self._tracked.items()):
                if tracked.interval.expires_ms < now_ms:
                    del self._tracked[connection_id]
                    self._closed.append((tracked.connection, expire(tracked.interval)))
            changed = [(t, t.interval) for t in self._tracked.values() if t.interval != t.stored]
            closed = list(self._closed)
            sweeping = now_ms - self._swept_ms >= SWEEP_EVERY_MS
            if not (changed or closed or sweeping):
                return
            async with self._database.write() as db:
                if closed:
                    await self._insert_closed(db, closed)
                    ended = {c.connection_id for c, _ in closed} - self._tracked.keys()
                    await db.execute(delete(PresenceOpen).where(PresenceOpen.connection_id.in_(ended)))
                if changed:
                    await _upsert_open(db, changed)
                if sweeping:
                    await self._sweep(db, now_ms)
            del self._closed[: len(closed)]
            for tracked, interval in changed:
                tracked.stored = interval
            if sweeping:
                self._swept_ms = now_ms

    async def close(self) -> None:
        """Say farewell for every connection, at an orderly stop of the process, and commit."""
        now_ms = epoch_ms(self._clock.now())
        for connection_id in list(self._tracked):
            self.farewell(connection_id, now_ms, CloseCause.RESTART)
        await self.flush()

    async def _insert_closed(
        self, db: AsyncSession, closed: Iterable[tuple[Connection, ClosedInterval]]
    ) -> None:
        now = self._clock.now()
        rows = [
            {
                "id": new_id(),
                "gathering_id": connection.gathering_id,
                "subject_id": connection.subject_id,
                "connection_id": connection.connection_id,
                "source": connection.source,
                "started_at": from_epoch_ms(interval.start_ms),
                "ended_at": from_epoch_ms(interval.end_ms),
                "cause": interval.cause.value,
                "recorded_at": now,
            }
            for connection, interval in closed
        ]
        await db.execute(insert(PresenceInterval), rows)

    async def _sweep(self, db: AsyncSession, now_ms: int) -> None:
        """Close what a dead process left open; rows of a living one are fresh by its own commits."""
        stale_before = from_epoch_ms(now_ms) - timedelta(milliseconds=BEAT_GRACE_MS)
        rows = (
            await db.scalars(select(PresenceOpen).where(PresenceOpen.last_evidence_at < stale_before))
        ).all()
        left = [row for row in rows if row.connection_id not in self._tracked]
        if not left:
            return
        await self._insert_closed(
            db,
            [
                (
                    Connection(row.connection_id, row.gathering_id, row.subject_id, row.source),
                    expire(
                        OpenInterval(epoch_ms(row.started_at), epoch_ms(row.last_evidence_at)),
                        CloseCause.RESTART,
                    ),
                )
                for row in left
            ],
        )
        for row in left:
            await db.delete(row)


async def _upsert_open(db: AsyncSession, changed: Iterable[tuple[_Tracked, OpenInterval]]) -> None:
    rows: list[dict[str, Any]] = [
        {
            "connection_id": tracked.connection.connection_id,
            "gathering_id": tracked.connection.gathering_id,
            "subject_id": tracked.connection.subject_id,
            "source": tracked.connection.source,
            "started_at": from_epoch_ms(interval.start_ms),
            "last_evidence_at": from_epoch_ms(interval.last_evidence_ms),
        }
        for tracked, interval in changed
    ]
    upsert = postgresql.insert if db.get_bind().dialect.name == "postgresql" else sqlite.insert
    statement = upsert(PresenceOpen)
    statement = statement.on_conflict_do_update(
        index_elements=["connection_id"],
        set_={
            "started_at": statement.excluded.started_at,
            "last_evidence_at": statement.excluded.last_evidence_at,
        },
    )
    await db.execute(statement, rows)
