"""Reading and changing columns."""

import uuid
from typing import Any

from sqlalchemy import column, func, select, table
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from lecture_api.columns.access import column_for
from lecture_api.columns.errors import ColumnNotFoundError, ColumnTitleTakenError
from lecture_api.columns.models import TopicColumn
from lecture_api.columns.schemas import ColumnIn, ColumnOut
from lecture_api.core.actor import Actor
from lecture_api.core.runtime import Runtime

# By name only: gatherings lie above this feature.
_GATHERING = table("gathering", column("column_id"), column("state"))


async def list_columns(db: AsyncSession) -> list[ColumnOut]:
    """All columns in their order."""
    counted = (
        select(_GATHERING.c.column_id, func.count().label("gatherings"))
        .where(_GATHERING.c.state.not_in(["draft", "cancelled", "not_held"]))
        .group_by(_GATHERING.c.column_id)
        .subquery()
    )
    rows = await db.execute(
        select(TopicColumn, counted.c.gatherings)
        .outerjoin(counted, counted.c.column_id == TopicColumn.id)
        .order_by(TopicColumn.position, TopicColumn.id)
    )
    return [
        ColumnOut(id=row.id, title=row.title, description=row.description, gathering_count=gatherings or 0)
        for row, gatherings in rows
    ]


async def one(db: AsyncSession, column_id: uuid.UUID) -> ColumnOut:
    """One column; ColumnNotFoundError."""
    found = next((item for item in await list_columns(db) if item.id == column_id), None)
    if found is None:
        raise ColumnNotFoundError
    return found


async def create(db: AsyncSession, runtime: Runtime, body: ColumnIn) -> uuid.UUID:
    """A new column at the end."""
    last = await db.scalar(select(func.max(TopicColumn.position)))
    row = TopicColumn(
        title=body.title,
        description=body.description,
        position=(last or 0) + 1,
        created_at=runtime.clock.now(),
    )
    db.add(row)
    await _flush(db)
    return row.id


async def change(db: AsyncSession, actor: Actor, column_id: uuid.UUID, changes: dict[str, Any]) -> None:
    """Change a column."""
    row = await column_for(db, actor, column_id)
    for name, value in changes.items():
        setattr(row, name, value)
    await _flush(db)


async def _flush(db: AsyncSession) -> None:
    try:
        await db.flush()
    except IntegrityError as error:
        raise ColumnTitleTakenError from error
