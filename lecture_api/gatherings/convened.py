"""Who is expected: entries while planning, the snapshot with home branch from the first Start on
(joints.md §10)."""

import uuid
from collections.abc import Iterable
from datetime import datetime

from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncSession

from lecture_api.accounts.models import Person, PersonSubject
from lecture_api.core.clock import shanghai_day
from lecture_api.gatherings.errors import UnknownReferenceError
from lecture_api.gatherings.models import ConvenedEntry, ConvenedPerson, Gathering
from lecture_api.organisations.homes import homes_on
from lecture_api.organisations.tree import load_tree


async def replace_entries(
    db: AsyncSession,
    gathering_id: uuid.UUID,
    *,
    organisation_ids: Iterable[uuid.UUID],
    person_ids: Iterable[uuid.UUID],
) -> None:
    """Set who is convened.

    Raises:
        UnknownReferenceError: an organisation or a person does not exist.
    """
    organisations, persons = set(organisation_ids), set(person_ids)
    tree = await load_tree(db)
    known = set(await db.scalars(select(Person.id).where(Person.id.in_(persons))))
    unknown = sorted(str(item) for item in (organisations - tree.by_id.keys()) | (persons - known))
    if unknown:
        raise UnknownReferenceError(extra={"unknown": unknown})
    await db.execute(delete(ConvenedEntry).where(ConvenedEntry.gathering_id == gathering_id))
    db.add_all(
        ConvenedEntry(gathering_id=gathering_id, organisation_id=item) for item in sorted(organisations)
    )
    db.add_all(ConvenedEntry(gathering_id=gathering_id, person_id=item) for item in sorted(persons))
    await db.flush()


async def entries(db: AsyncSession, gathering_id: uuid.UUID) -> tuple[list[uuid.UUID], list[uuid.UUID]]:
    """(organisations, persons) as entered."""
    rows = (await db.scalars(select(ConvenedEntry).where(ConvenedEntry.gathering_id == gathering_id))).all()
    return (
        [row.organisation_id for row in rows if row.organisation_id is not None],
        [row.person_id for row in rows if row.person_id is not None],
    )


async def take_snapshot(db: AsyncSession, gathering: Gathering, now: datetime) -> int:
    """Fix who is expected, once, at the first Start; returns how many. The lecturer is not expected as a
    listener."""
    organisation_ids, person_ids = await entries(db, gathering.id)
    tree = await load_tree(db)
    day = shanghai_day(now)
    homes = await homes_on(db, day, organisation_ids=tree.with_descendants(organisation_ids))
    invited_homes = await homes_on(db, day, person_ids=person_ids)
    expected: dict[uuid.UUID, uuid.UUID | None] = {
        person_id: invited_homes.get(person_id) for person_id in person_ids
    }
    expected.update(homes)
    rows = (
        await db.execute(
            select(PersonSubject.person_id, PersonSubject.subject_id).where(
                PersonSubject.person_id.in_(list(expected))
            )
        )
    ).all()
    snapshot = [
        ConvenedPerson(
            gathering_id=gathering.id,
            subject_id=subject_id,
            home_branch_id=expected[person_id],
            expected_as="lecturer" if person_id == gathering.lecturer_id else "member",
            recorded_at=now,
        )
        for person_id, subject_id in rows
    ]
    db.add_all(snapshot)
    await db.flush()
    return len(snapshot)
