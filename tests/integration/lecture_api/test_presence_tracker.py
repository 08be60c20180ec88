"""Evidence reaches the database once a second, survives a crash and closes by joints §8; real SQLite."""

import uuid

import pytest
from sqlalchemy import delete, select, text, update
from sqlalchemy.exc import DBAPIError, OperationalError

from lecture_api.core.clock import epoch_ms
from lecture_api.core.ids import random_id
from lecture_api.presence.evidence import CloseCause
from lecture_api.presence.models import PresenceInterval, PresenceOpen
from lecture_api.presence.service import presence_of
from lecture_api.presence.tracker import Connection, PresenceTracker
from tests.support.learning import scene


@pytest.fixture
async def stage(either_url):
    async with scene(either_url) as found:
        yield found


def connection(stage, subject=None, source="channel"):
    return Connection(uuid.uuid4(), stage.gathering_id, subject or random_id(), source)


async def rows(stage, model):
    async with stage.database.read() as db:
        return (await db.scalars(select(model))).all()


async def test_evidence_extends_one_open_row_and_closes_by_silence(stage):
    tracker, here = PresenceTracker(stage.database, stage.clock), connection(stage)
    for _ in range(3):
        tracker.evidence(here, epoch_ms(stage.clock.now()))
        await tracker.flush()
        stage.clock.advance(seconds=2)
    assert len(await rows(stage, PresenceOpen)) == 1
    stage.clock.advance(seconds=30)
    await tracker.flush()
    assert await rows(stage, PresenceOpen) == []
    [closed] = await rows(stage, PresenceInterval)
    assert (epoch_ms(closed.started_at), epoch_ms(closed.ended_at), closed.cause) == (
        stage.start_ms,
        stage.start_ms + 4_000 + 20_000,
        CloseCause.SILENT,
    )


async def test_two_devices_unite_and_a_farewell_ends_at_once(stage):
    tracker, subject = PresenceTracker(stage.database, stage.clock), random_id()
    phone, desk = connection(stage, subject), connection(stage, subject)
    tracker.evidence(phone, stage.start_ms)
    tracker.evidence(desk, stage.start_ms + 10_000)
    tracker.farewell(phone.connection_id, stage.start_ms + 15_000)
    tracker.farewell(desk.connection_id, stage.start_ms + 30_000)
    await tracker.flush()
    async with stage.database.read() as db:
        found = (await presence_of(db, stage.gathering_id))[subject]
    assert found.intervals == ((stage.start_ms, stage.start_ms + 30_000),)
    assert [line.cause for line in found.lines] == ["left", "left"]


async def test_rows_of_a_killed_process_close_at_last_evidence_plus_grace(stage):
    killed, here = PresenceTracker(stage.database, stage.clock), connection(stage)
    killed.evidence(here, stage.start_ms + 5_000)
    await killed.flush()
    stage.clock.advance(seconds=40)
    await PresenceTracker(stage.database, stage.clock).flush()
    assert await rows(stage, PresenceOpen) == []
    [closed] = await rows(stage, PresenceInterval)
    assert (epoch_ms(closed.ended_at) - stage.start_ms, closed.cause) == (25_000, "restart")


async def test_a_living_process_keeps_its_rows_from_the_sweep_of_another(stage):
    ours, other, here = (
        PresenceTracker(stage.database, stage.clock),
        PresenceTracker(stage.database, stage.clock),
        connection(stage),
    )
    for _ in range(20):
        ours.evidence(here, epoch_ms(stage.clock.now()))
        await ours.flush()
        await other.flush()
        stage.clock.advance(seconds=2)
    assert await rows(stage, PresenceInterval) == []


async def test_an_orderly_stop_closes_now_and_a_database_error_loses_nothing(stage, monkeypatch):
    tracker, here = PresenceTracker(stage.database, stage.clock), connection(stage)
    tracker.evidence(here, stage.start_ms)

    def refuse():
        raise OperationalError("write", {}, Exception("database is locked"))

    with monkeypatch.context() as patch:
        patch.setattr(stage.database, "write", refuse)
        with pytest.raises(OperationalError):
            await tracker.flush()
    stage.clock.advance(seconds=3)
    await tracker.close()
    [closed] = await rows(stage, PresenceInterval)
    assert (epoch_ms(closed.ended_at) - stage.start_ms, closed.cause) == (3_000, "restart")


async def test_presence_read_while_open_reaches_as_far_as_its_grace(stage):
    tracker, here = PresenceTracker(stage.database, stage.clock), connection(stage)
    tracker.evidence(here, stage.start_ms)
    await tracker.flush()
    async with stage.database.read() as db:
        found = (await presence_of(db, stage.gathering_id, [here.subject_id]))[here.subject_id]
    assert found.intervals == ((stage.start_ms, stage.start_ms + 20_000),)
    assert found.is_here(stage.start_ms + 10_000)


async def test_a_closed_interval_cannot_be_changed_but_may_expire(stage):
    tracker, here = PresenceTracker(stage.database, stage.clock), connection(stage)
    tracker.evidence(here, stage.start_ms)
    tracker.farewell(here.connection_id, stage.start_ms + 1_000)
    await tracker.flush()
    with pytest.raises(DBAPIError, match="append_only"):
        async with stage.database.write() as db:
            await db.execute(update(PresenceInterval).values(ended_at=stage.at(60)))
    async with stage.database.write() as db:
        await db.execute(delete(PresenceInterval))
    assert await rows(stage, PresenceInterval) == []


async def test_five_hundred_connections_commit_in_few_statements(stage):
    tracker = PresenceTracker(stage.database, stage.clock)
    crowd = [connection(stage) for _ in range(500)]
    for _ in range(3):
        for one in crowd:
            tracker.evidence(one, epoch_ms(stage.clock.now()))
        await tracker.flush()
        stage.clock.advance(seconds=2)
    async with stage.database.read() as db:
        assert (await db.execute(text("SELECT count(*) FROM presence_open"))).scalar_one() == 500
