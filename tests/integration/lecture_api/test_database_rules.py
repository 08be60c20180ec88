"""Rules the database itself keeps, the same on SQLite and PostgreSQL."""

import uuid
from datetime import UTC, date, datetime, timedelta

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import create_engine, inspect, text
from sqlalchemy.exc import DBAPIError

from lecture_api.core.database import Database
from lecture_api.core.ids import new_id
from lecture_api.gatherings.models import (
    AttendancePolicy,
    ConvenedPerson,
    EndCorrection,
    GatheringTransition,
    ServiceHeartbeat,
)
from lecture_api.migrations.model_registry import metadata
from lecture_api.migrations.upgrade import current_revision, downgrade, head_revision, sync_url, upgrade
from lecture_api.organisations.errors import HomeAssignmentOverlapsError
from lecture_api.organisations.homes import home_branch_on, move_home
from lecture_api.organisations.models import HomeAssignment
from tests.support.api import College


async def assign(place: College, start: date, end: date | None) -> None:
    async with place.runtime.database.write() as db:
        db.add(
            HomeAssignment(
                person_id=place.people["guest"],
                organisation_id=place.organisations["O20"],
                valid_from=start,
                valid_to=end,
                recorded_at=place.clock.now(),
            )
        )


@pytest.mark.parametrize(
    ("start", "end"),
    [
        (date(2026, 1, 1), date(2026, 2, 2)),
        (date(2026, 2, 10), date(2026, 2, 20)),
        (date(2026, 2, 28), None),
        (date(2025, 1, 1), None),
    ],
)
async def test_second_home_branch_at_the_same_time_is_refused(
    either_place: College, start: date, end: date | None
) -> None:
    await assign(either_place, date(2026, 2, 1), date(2026, 3, 1))
    with pytest.raises(DBAPIError, match="home_assignment_overlaps"):
        await assign(either_place, start, end)


async def test_home_branches_that_only_touch_are_accepted(either_place: College) -> None:
    await assign(either_place, date(2026, 2, 1), date(2026, 3, 1))
    await assign(either_place, date(2026, 3, 1), None)
    await assign(either_place, date(2026, 1, 1), date(2026, 2, 1))


async def test_home_branch_cannot_be_changed_into_an_overlap(either_place: College) -> None:
    await assign(either_place, date(2026, 2, 1), date(2026, 3, 1))
    await assign(either_place, date(2026, 3, 1), date(2026, 4, 1))
    with pytest.raises(DBAPIError, match="home_assignment_overlaps"):
        async with either_place.runtime.database.write() as db:
            await db.execute(
                text("UPDATE home_assignment SET valid_to = '2026-03-02' WHERE valid_to = '2026-03-01'")
            )


async def test_moving_home_ends_the_old_branch_on_that_day(either_place: College) -> None:
    person = either_place.people["member10"]
    day = date(2026, 11, 30)
    async with either_place.runtime.database.write() as db:
        await move_home(
            db,
            person_id=person,
            organisation_id=either_place.organisations["O20"],
            valid_from=day,
            now=either_place.clock.now(),
        )
    async with either_place.runtime.database.read() as db:
        assert await home_branch_on(db, person, day - timedelta(days=1)) == either_place.organisations["O10"]
        assert await home_branch_on(db, person, day) == either_place.organisations["O20"]


async def test_moving_home_into_the_past_of_a_move_is_a_conflict(either_place: College) -> None:
    async def move(day: date) -> None:
        async with either_place.runtime.database.write() as db:
            await move_home(
                db,
                person_id=either_place.people["member10"],
                organisation_id=either_place.organisations["O20"],
                valid_from=day,
                now=either_place.clock.now(),
            )

    await move(date(2026, 12, 1))
    with pytest.raises(HomeAssignmentOverlapsError):
        await move(date(2026, 11, 30))


async def test_evidence_tables_refuse_update_and_delete(either_place: College) -> None:
    gathering_id = await either_place.on_air()
    async with either_place.runtime.database.write() as db:
        db.add(
            EndCorrection(
                gathering_id=uuid.UUID(gathering_id),
                effective_end=either_place.clock.now(),
                reason="x",
                actor_subject_id=new_id(),
                recorded_at=either_place.clock.now(),
            )
        )
    for model in (GatheringTransition, EndCorrection, ConvenedPerson, AttendancePolicy):
        table = model.__tablename__
        column = "created_at" if model is AttendancePolicy else "recorded_at"
        for statement in (f"UPDATE {table} SET {column} = {column}", f"DELETE FROM {table}"):
            with pytest.raises(DBAPIError, match="append_only"):
                async with either_place.runtime.database.write() as db:
                    await db.execute(text(statement))


async def test_instants_come_back_aware_and_to_the_microsecond(either_url: str) -> None:
    database = Database(either_url)
    at = datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)
    try:
        async with database.write() as db:
            db.add(ServiceHeartbeat(name="x", at=at))
        async with database.read() as db:
            assert (await db.get_one(ServiceHeartbeat, "x")).at == at
        with pytest.raises(Exception, match="naive"):
            async with database.write() as db:
                db.add(ServiceHeartbeat(name="y", at=datetime(2026, 1, 1)))  # noqa: DTZ001
    finally:
        await database.close()


def test_migrations_lead_to_what_the_models_say_and_back(either_url: str) -> None:
    assert current_revision(either_url) == head_revision()
    engine = create_engine(sync_url(either_url))
    try:
        with engine.connect() as connection:
            context = MigrationContext.configure(connection, opts={"compare_type": False})
            assert compare_metadata(context, metadata) == []
        downgrade(either_url, "base")
        assert set(inspect(engine).get_table_names()) <= {"alembic_version"}
        upgrade(either_url)
        assert current_revision(either_url) == head_revision()
    finally:
        engine.dispose()
