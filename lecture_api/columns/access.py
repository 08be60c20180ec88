"""Who may change columns. Reading them is for everyone signed in."""

import uuid

from sqlalchemy.ext.asyncio import AsyncSession

from lecture_api.columns.errors import ColumnNotFoundError
from lecture_api.columns.models import TopicColumn
from lecture_api.core.actor import Actor, Role
from lecture_api.core.errors import NotAuthorisedError

_EDITORS = (Role.COLLEGE_ADMIN, Role.GENERAL_BRANCH_ADMIN, Role.SECRETARY, Role.COMMITTEE_MEMBER)


def refuse_unless_editor(actor: Actor) -> None:
    """Columns are shared by the college: whoever arranges gatherings keeps them (domain.md §4.5).

    Raises:
        NotAuthorisedError: the actor arranges nothing.
    """
    if not actor.organisations_as(_EDITORS):
        raise NotAuthorisedError


async def column_for(db: AsyncSession, actor: Actor, column_id: uuid.UUID) -> TopicColumn:
    """A column the actor may change; NotAuthorisedError, ColumnNotFoundError."""
    refuse_unless_editor(actor)
    row = await db.get(TopicColumn, column_id)
    if row is None:
        raise ColumnNotFoundError
    return row
