"""Lists of gatherings: the home page and the host's own list. Only what the caller may have, decided on
the server."""

import base64
import binascii
import uuid
from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import Select, and_, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from lecture_api.core.actor import Actor
from lecture_api.core.errors import InvalidError
from lecture_api.core.runtime import Runtime
from lecture_api.core.wire_types import Page, Ref, instant_text
from lecture_api.gatherings.access import admissions, standing_of
from lecture_api.gatherings.cards import cards
from lecture_api.gatherings.models import Gathering, Recording
from lecture_api.gatherings.page_state import PageState
from lecture_api.gatherings.schemas import Card, ColumnReplays, HomeLists
from lecture_api.gatherings.states import ON_AIR, GatheringState, RecordingState

PAGE_SIZE = 50
_UPCOMING_MAX = 100
_REPLAYS_MAX = 300
#: What was scheduled and never started stays among the upcoming for a day.
_OVERDUE = timedelta(days=1)


async def home(db: AsyncSession, runtime: Runtime, actor: Actor) -> HomeLists:
    """What is live, what comes, what can be replayed by column, of what the actor may watch."""
    now = runtime.clock.now()
    on_air = [state.value for state in ON_AIR]
    live = select(Gathering).where(Gathering.state.in_(on_air)).order_by(Gathering.actual_start)
    upcoming = (
        select(Gathering)
        .where(Gathering.state == GatheringState.SCHEDULED.value, Gathering.scheduled_end > now - _OVERDUE)
        .order_by(Gathering.scheduled_start)
        .limit(_UPCOMING_MAX)
    )
    replays = (
        select(Gathering)
        .join(Recording, Recording.gathering_id == Gathering.id)
        .where(Recording.state == RecordingState.PUBLISHED.value, Gathering.state.not_in(on_air))
        .order_by(Gathering.actual_start.desc())
        .limit(_REPLAYS_MAX)
    )
    return HomeLists(
        live=await _watchable(db, runtime, actor, live),
        upcoming=await _watchable(db, runtime, actor, upcoming),
        replays=_by_column(
            [c for c in await _watchable(db, runtime, actor, replays) if c.page_state == PageState.REPLAY]
        ),
    )


async def manage(db: AsyncSession, runtime: Runtime, actor: Actor, cursor: str | None) -> Page[Card]:
    """The gatherings the actor arranges, hosts or lectures in, newest first."""
    standing = await standing_of(db, actor, runtime.clock)
    statement = (
        select(Gathering)
        .where(
            or_(
                Gathering.organisation_id.in_(standing.arranges),
                Gathering.host_id == actor.person_id,
                Gathering.lecturer_id == actor.person_id,
            )
        )
        .order_by(Gathering.scheduled_start.desc(), Gathering.id.desc())
        .limit(PAGE_SIZE + 1)
    )
    if cursor is not None:
        start, last_id = _read_cursor(cursor)
        statement = statement.where(
            or_(
                Gathering.scheduled_start < start,
                and_(Gathering.scheduled_start == start, Gathering.id < last_id),
            )
        )
    rows = (await db.scalars(statement)).all()
    page = rows[:PAGE_SIZE]
    admitted = [item for item in await admissions(db, standing, page) if item.permissions.host]
    more = len(rows) > PAGE_SIZE
    return Page(items=await cards(db, runtime, admitted), next_cursor=_cursor(page[-1]) if more else None)


async def _watchable(
    db: AsyncSession, runtime: Runtime, actor: Actor, statement: Select[Gathering]
) -> list[Card]:
    rows: Sequence[Gathering] = (await db.scalars(statement)).all()
    standing = await standing_of(db, actor, runtime.clock)
    admitted = [item for item in await admissions(db, standing, rows) if item.permissions.watch]
    return await cards(db, runtime, admitted)


def _by_column(replays: list[Card]) -> list[ColumnReplays]:
    """Grouped by column, the column with the newest replay first."""
    groups: dict[uuid.UUID | None, ColumnReplays] = {}
    for card in replays:
        column: Ref | None = card.column
        group = groups.setdefault(column.id if column else None, ColumnReplays(column=column, items=[]))
        group.items.append(card)
    return list(groups.values())


def _cursor(last: Gathering) -> str:
    return base64.urlsafe_b64encode(f"{instant_text(last.scheduled_start)}|{last.id}".encode()).decode()


def _read_cursor(cursor: str) -> tuple[datetime, uuid.UUID]:
    try:
        start, _, last_id = base64.urlsafe_b64decode(cursor.encode()).decode().partition("|")
        instant = datetime.fromisoformat(start)
        if instant.tzinfo is None:
            raise ValueError("no offset")
        return instant, uuid.UUID(last_id)
    except (ValueError, binascii.Error) as error:
        raise InvalidError("the cursor is not one of ours") from error
