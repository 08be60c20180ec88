"""Home assignments: which branch a person is at home in on a day of Asia/Shanghai."""

import uuid
from collections.abc import Iterable
from datetime import date, datetime

from sqlalchemy import or_, select
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncSession

from lecture_api.organisations.errors import (
    HomeAssignmentOverlapsError,
    NotAHomeError,
    OrganisationNotFoundError,
)
from lecture_api.organisations.models import HOME_TYPES, HomeAssignment, Organisation

_REFUSED = "home_assignment_overlaps"


async def home_branch_on(db: AsyncSession, person_id: uuid.UUID, day: date) -> uuid.UUID | None:
    """The branch the person is at home in on `day`, None for nobody's member."""
    return (await homes_on(db, day, person_ids=[person_id])).get(person_id)


async def homes_on(
    db: AsyncSession,
    day: date,
    *,
    person_ids: Iterable[uuid.UUID] | None = None,
    organisation_ids: Iterable[uuid.UUID] | None = None,
) -> dict[uuid.UUID, uuid.UUID]:
    """person id → home branch id on `day`, of these people, or at home in these branches, or of everyone."""
    statement = select(HomeAssignment.person_id, HomeAssignment.organisation_id).where(
        HomeAssignment.valid_from <= day,
        or_(HomeAssignment.valid_to.is_(None), HomeAssignment.valid_to > day),
    )
    if person_ids is not None:
        statement = statement.where(HomeAssignment.person_id.in_(list(person_ids)))
    if organisation_ids is not None:
        statement = statement.where(HomeAssignment.organisation_id.in_(list(organisation_ids)))
    return {row.person_id: row.organisation_id for row in await db.execute(statement)}


async def move_home(
    db: AsyncSession, *, person_id: uuid.UUID, organisation_id: uuid.UUID, valid_from: date, now: datetime
) -> HomeAssignment:
    """The person is at home in this branch from `valid_from` on; the assignment in force then ends there.

    One that begins on that very day is a mistake being corrected: it is replaced.

    Raises:
        OrganisationNotFoundError, NotAHomeError: the organisation is none, or no branch.
        HomeAssignmentOverlapsError: an assignment begins later than that day (409
        `home_assignment_overlaps`).
    """
    organisation = await db.get(Organisation, organisation_id)
    if organisation is None:
        raise OrganisationNotFoundError
    if organisation.org_type not in HOME_TYPES:
        raise NotAHomeError
    current = await db.scalar(
        select(HomeAssignment).where(
            HomeAssignment.person_id == person_id,
            HomeAssignment.valid_from < valid_from,
            or_(HomeAssignment.valid_to.is_(None), HomeAssignment.valid_to > valid_from),
        )
    )
    if current is not None:
        current.valid_to = valid_from
    same_day: HomeAssignment | None = await db.scalar(
        select(HomeAssignment).where(
            HomeAssignment.person_id == person_id, HomeAssignment.valid_from == valid_from
        )
    )
    if same_day is not None:
        same_day.organisation_id = organisation_id
        same_day.recorded_at = now
        await db.flush()
        return same_day
    assignment = HomeAssignment(
        person_id=person_id,
        organisation_id=organisation_id,
        valid_from=valid_from,
        valid_to=None,
        recorded_at=now,
    )
    try:
        # The closed one must be gone from the range before the new one is checked against it.
        await db.flush()
        db.add(assignment)
        await db.flush()
    except DBAPIError as error:
        # The database is the judge: a trigger on SQLite, an exclusion constraint on PostgreSQL.
        if _REFUSED not in str(error.orig):
            raise
        raise HomeAssignmentOverlapsError from error
    return assignment
