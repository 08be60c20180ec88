"""What happened, told to those who care.

Two ways: *room events* are rows `room_event(gathering_id, seq)`, the truth that the room channel replays
to every client; *domain events* are calls inside this process, through which a lower feature lets higher
ones act (composition registers the handlers). Nothing here knows which events exist.
"""

import json
import uuid
from collections import defaultdict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

from sqlalchemy import BigInteger, ForeignKey, Text, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from lecture_api.core.clock import epoch_ms
from lecture_api.core.database import Base, after_commit
from lecture_api.core.wakeup import Wakeup

E = TypeVar("E", bound="DomainEvent")


class RoomEvent(Base):
    """One event of a gathering's room, as the exact text frame every client gets
    (docs/protocol/room_channel.md)."""

    __tablename__ = "room_event"

    gathering_id: Mapped[uuid.UUID] = mapped_column(
        ForeignKey("gathering.id", ondelete="CASCADE"), primary_key=True
    )
    seq: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    at: Mapped[datetime]
    kind: Mapped[str]
    frame: Mapped[str] = mapped_column(Text)


class RoomEventCounter(Base):
    """The last `seq` of each gathering: one row to lock, so numbers have no hole and no double."""

    __tablename__ = "room_event_counter"

    gathering_id: Mapped[uuid.UUID] = mapped_column(
        ForeignKey("gathering.id", ondelete="CASCADE"), primary_key=True
    )
    last_seq: Mapped[int] = mapped_column(BigInteger)


def room_topic(gathering_id: uuid.UUID) -> str:
    """The wake-up topic of a gathering's room events."""
    return f"room:{gathering_id}"


class RoomEventLog:
    """Appends room events inside a write transaction and reads them back in order."""

    def __init__(self, wakeup: Wakeup) -> None:
        self._wakeup = wakeup

    async def append(
        self, db: AsyncSession, gathering_id: uuid.UUID, at: datetime, kind: str, data: Mapping[str, Any]
    ) -> RoomEvent:
        """Append one event; listeners of `room_topic` are woken after the commit.

        Args:
            db: the write transaction in which the thing itself happens.
            gathering_id: whose room.
            at: instant of the event.
            kind: `state`, `chat`, … as in docs/protocol/room_channel.md.
            data: further members of the frame; must be JSON.
        """
        insert = postgresql.insert if db.get_bind().dialect.name == "postgresql" else sqlite.insert
        statement = (
            insert(RoomEventCounter)
            .values(gathering_id=gathering_id, last_seq=1)
            .on_conflict_do_update(
                index_elements=["gathering_id"], set_={"last_seq": RoomEventCounter.last_seq + 1}
            )
            .returning(RoomEventCounter.last_seq)
        )
        seq = (await db.execute(statement)).scalar_one()
        frame = _written({"type": "event", "seq": seq, "at_ms": epoch_ms(at), "kind": kind, **data})
        row = RoomEvent(gathering_id=gathering_id, seq=seq, at=at, kind=kind, frame=frame)
        db.add(row)
        await db.flush()
        after_commit(db, lambda: self._wakeup.notify(room_topic(gathering_id)))
        return row

    async def after(
        self, db: AsyncSession, gathering_id: uuid.UUID, seq: int, limit: int = 500
    ) -> Sequence[RoomEvent]:
        """Events with a higher number than `seq`, oldest first."""
        statement = (
            select(RoomEvent)
            .where(RoomEvent.gathering_id == gathering_id, RoomEvent.seq > seq)
            .order_by(RoomEvent.seq)
            .limit(limit)
        )
        return (await db.scalars(statement)).all()

    async def withhold_text(self, db: AsyncSession, gathering_id: uuid.UUID, seq: int) -> None:
        """Empty the text of an event, for everybody it is told to from now on."""
        row = await db.get_one(RoomEvent, (gathering_id, seq))
        row.frame = _written({**json.loads(row.frame), "text": ""})

    async def last_seq(self, db: AsyncSession, gathering_id: uuid.UUID) -> int:
        """The number of the newest event, 0 when there is none."""
        return (
            await db.scalar(
                select(RoomEventCounter.last_seq).where(RoomEventCounter.gathering_id == gathering_id)
            )
            or 0
        )


def _written(frame: Mapping[str, Any]) -> str:
    return json.dumps(frame, ensure_ascii=False, separators=(",", ":"))


@dataclass(frozen=True)
class DomainEvent:
    """Base of the events features publish; each feature defines its own in `events.py`."""


class DomainHooks:
    """Handlers by event type. Registered once, by composition; called in order of registration."""

    def __init__(self) -> None:
        self._inside: dict[type[DomainEvent], list[Callable[[AsyncSession, Any], Awaitable[None]]]] = (
            defaultdict(list)
        )
        self._afterwards: dict[type[DomainEvent], list[Callable[[Any], Awaitable[None]]]] = defaultdict(list)

    def in_transaction(self, kind: type[E], handler: Callable[[AsyncSession, E], Awaitable[None]]) -> None:
        """`handler(db, event)` runs inside the write transaction that published; its exception undoes
        everything."""
        self._inside[kind].append(handler)

    def after_commit(self, kind: type[E], handler: Callable[[E], Awaitable[None]]) -> None:
        """`handler(event)` runs after the commit; its exception is logged and undoes nothing."""
        self._afterwards[kind].append(handler)

    async def publish(self, db: AsyncSession, event: DomainEvent) -> None:
        """Tell the handlers of `type(event)`."""
        for inside in self._inside[type(event)]:
            await inside(db, event)
        for afterwards in self._afterwards[type(event)]:
            after_commit(db, _call(afterwards, event))


def _call(handler: Callable[[Any], Awaitable[None]], event: DomainEvent) -> Callable[[], Awaitable[None]]:
    async def action() -> None:
        await handler(event)

    return action
