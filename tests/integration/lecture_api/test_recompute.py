"""Evidence in the database becomes records and credit; real SQLite, no HTTP."""

import uuid
from datetime import date, timedelta

import pytest
from sqlalchemy import delete, select, update
from sqlalchemy.exc import DBAPIError, IntegrityError

from lecture_api.accounts.models import PersonSubject
from lecture_api.core.clock import epoch_ms
from lecture_api.core.ids import new_id
from lecture_api.gatherings.models import Gathering
from lecture_api.organisations.homes import move_home
from lecture_api.organisations.models import Organisation
from lecture_api.presence.tracker import Connection, PresenceTracker
from lecture_api.records.models import AttendanceRecord, CreditEntry, CreditRuleVersion
from lecture_api.records.rebooking import rebook
from lecture_api.records.recompute import forget, recompute
from lecture_api.replays.claims import Claim, accept, open_watch, replay_of, resume_position_ms
from lecture_api.replays.errors import WatchNotFoundError
from lecture_api.replays.mapping import newest_map, store_map
from tests.support.learning import scene

MIN = 60_000


@pytest.fixture
async def stage(either_url):
    async with scene(either_url) as found:
        yield found


async def attend(stage, subject, *minutes):
    """Presence of one person over these minutes, one connection each."""
    tracker = PresenceTracker(stage.database, stage.clock)
    for start, end in minutes:
        line = Connection(uuid.uuid4(), stage.gathering_id, subject, "channel")
        for second in range(int(start * 60), int(end * 60) + 1, 15):
            tracker.evidence(line, stage.start_ms + second * 1000)
        tracker.farewell(line.connection_id, stage.start_ms + int(end * MIN))
    await tracker.flush()


async def judge(stage, reason="end", subjects=None):
    async with stage.database.write() as db:
        gathering = await db.get_one(Gathering, stage.gathering_id)
        return await recompute(db, gathering, stage.clock.now(), reason, subjects)


async def record_of(stage, subject):
    async with stage.database.read() as db:
        return await db.get(AttendanceRecord, (stage.gathering_id, subject))


async def ledger_of(stage, subject):
    async with stage.database.read() as db:
        statement = select(CreditEntry).where(CreditEntry.subject_id == subject).order_by(CreditEntry.id)
        return [(row.entry_type, row.hundredths, row.source) for row in await db.scalars(statement)]


async def play(stage, subject, *minutes):
    """Play these minutes of the file at normal speed, claiming every ten seconds."""
    async with stage.database.write() as db:
        recording = await newest_map(db, stage.gathering_id)
        watch = await open_watch(db, stage.gathering_id, subject, recording.recording_id, stage.clock.now())
    seq = 0
    for start, end in minutes:
        for at in range(int(start * MIN), int(end * MIN), 10_000):
            until = min(at + 10_000, int(end * MIN))
            stage.clock.advance(seconds=(until - at) / 1000)
            async with stage.database.write() as db:
                await accept(
                    db,
                    gathering_id=stage.gathering_id,
                    subject_id=subject,
                    watch_id=watch.id,
                    claim=Claim(seq, until, [(at, until)]),
                    recording=recording,
                    now=stage.clock.now(),
                )
            seq += 1
    return watch


async def hold(stage, *, minutes=60):
    await stage.step("live", 0)
    await stage.step("ended", minutes)
    stage.clock.advance(seconds=minutes * 60)


async def map_it(stage, duration_minutes=60):
    recording_id = await stage.publish(61)
    async with stage.database.write() as db:
        gathering = await db.get_one(Gathering, stage.gathering_id)
        await store_map(db, gathering, recording_id, stage.status(duration_minutes), stage.clock.now())


async def test_end_makes_a_record_for_every_convened_person_and_credits_once(stage):
    there, gone, watcher = [await stage.add_person(convened=c) for c in (True, True, False)]
    await attend(stage, there, (-1, 30), (30.25, 61))
    await attend(stage, watcher, (0, 60))
    await hold(stage)
    assert await judge(stage) == 2
    assert await judge(stage) == 0
    record = await record_of(stage, there)
    assert (record.attendance_status, record.proposal, record.bridged_ms) == ("present", False, 15_000)
    assert (await record_of(stage, gone)).attendance_status == "absent"
    assert await record_of(stage, watcher) is None
    assert await ledger_of(stage, there) == [("post", 100, "live")]
    assert await ledger_of(stage, gone) == []


async def test_the_missing_part_by_replay_makes_up_and_posts_one_credit(stage):
    late = await stage.add_person()
    await attend(stage, late, (15, 60))
    await hold(stage)
    await judge(stage)
    await map_it(stage)
    await play(stage, late, (0, 15))
    await judge(stage, "replay", [late])
    record = await record_of(stage, late)
    assert (record.attendance_status, record.makeup_status) == ("late", "made_up")
    assert [kind for kind, _, _ in record.spans] == ["replay", "live"]
    await play(stage, late, (0, 60))
    await judge(stage, "replay", [late])
    assert await ledger_of(stage, late) == [("post", 100, "replay_makeup")]


async def test_a_corrected_end_raises_and_never_lowers(stage):
    until_40, last_minutes = await stage.add_person(), await stage.add_person()
    await attend(stage, until_40, (0, 40))
    await attend(stage, last_minutes, (0, 8), (20, 60))
    await hold(stage)
    await judge(stage)
    assert (await record_of(stage, until_40)).attendance_status == "left_early"
    assert (await record_of(stage, last_minutes)).attendance_status == "present"
    async with stage.database.write() as db:
        gathering = await db.get_one(Gathering, stage.gathering_id)
        gathering.effective_end = stage.at(42)
    await judge(stage, "end_corrected")
    assert (await record_of(stage, until_40)).attendance_status == "present"
    kept = await record_of(stage, last_minutes)
    assert (kept.attendance_status, kept.why[-1]["code"]) == ("present", "kept_after_end")
    assert await ledger_of(stage, until_40) == [("post", 100, "live")]
    assert await ledger_of(stage, last_minutes) == [("post", 100, "live")]


async def test_a_resumed_gathering_is_judged_anew_and_the_ledger_reversed(stage):
    left = await stage.add_person()
    await attend(stage, left, (0, 60))
    await hold(stage)
    await judge(stage)
    await stage.step("live", 65)
    async with stage.database.write() as db:
        await forget(db, stage.gathering_id)
    await stage.step("ended", 165)
    stage.clock.advance(seconds=105 * 60)
    await judge(stage)
    assert (await record_of(stage, left)).attendance_status == "left_early"
    assert await ledger_of(stage, left) == [("post", 100, "live"), ("reversal", -100, "live")]


async def test_nothing_is_judged_before_end_or_of_an_empty_programme(stage):
    await stage.add_person()
    await stage.step("live", 0)
    assert await judge(stage) == 0
    await stage.step("ended", 0)
    assert await judge(stage) == 0


async def test_the_ledger_refuses_a_second_post_a_change_and_a_deletion(stage):
    subject = await stage.add_person()
    await attend(stage, subject, (0, 60))
    await hold(stage)
    await judge(stage)
    async with stage.database.read() as db:
        first = await db.scalar(select(CreditEntry))
    copy = {c.name: getattr(first, c.name) for c in CreditEntry.__table__.columns} | {"id": new_id()}
    with pytest.raises(IntegrityError):
        async with stage.database.write() as db:
            db.add(CreditEntry(**copy))
    for statement in (update(CreditEntry).values(hundredths=900), delete(CreditEntry)):
        with pytest.raises(DBAPIError, match="append_only"):
            async with stage.database.write() as db:
                await db.execute(statement)


async def test_the_rule_of_the_home_organisation_on_the_day_of_end_converts(stage):
    subject = await stage.add_person()
    await attend(stage, subject, (0, 60))
    async with stage.database.write() as db:
        for version, day, hundredths in (("o00-1", -30, 130), ("o00-2", -1, 150), ("o00-3", 1, 900)):
            db.add(
                CreditRuleVersion(
                    version=version,
                    organisation_id=stage.college_id,
                    valid_from=(stage.clock.now() + timedelta(days=day)).date(),
                    bands=[[1, hundredths]],
                    makeup_category="self_study",
                    recorded_at=stage.clock.now(),
                )
            )
    await hold(stage)
    await judge(stage)
    async with stage.database.read() as db:
        entry = await db.scalar(select(CreditEntry))
    assert (entry.hundredths, entry.rule_version, entry.organisation_id) == (150, "o00-2", stage.branch_id)


async def test_breaks_and_our_own_outage_count_for_nobody_and_against_nobody(stage):
    subject = await stage.add_person()
    await attend(stage, subject, (0, 20), (40, 60))
    await stage.step("live", 0)
    await stage.step("on_break", 20)
    await stage.step("live", 30)
    await stage.step("service_gap", 31)
    await stage.step("live", 40)
    await stage.step("ended", 60)
    stage.clock.advance(seconds=3600)
    await judge(stage)
    record = await record_of(stage, subject)
    assert (record.length_ms, record.live_ms, record.attendance_status) == (41 * MIN, 40 * MIN, "present")


async def test_a_repeated_claim_changes_nothing_and_a_foreign_watch_is_not_found(stage):
    mine, other = await stage.add_person(), await stage.add_person()
    await hold(stage)
    await map_it(stage)
    watch = await play(stage, mine, (0, 0.5))
    async with stage.database.write() as db:
        recording = await newest_map(db, stage.gathering_id)
        arguments = {
            "gathering_id": stage.gathering_id,
            "watch_id": watch.id,
            "recording": recording,
            "now": stage.clock.now(),
        }
        again = Claim(1, 20_000, [(10_000, 20_000)])
        assert await accept(db, subject_id=mine, claim=again, **arguments) == ((10_000, 20_000),)
        assert await resume_position_ms(db, stage.gathering_id, mine) == 30_000
        with pytest.raises(WatchNotFoundError):
            await accept(db, subject_id=other, claim=again, **arguments)


async def test_a_report_that_was_overtaken_counts_too(stage):
    subject = await stage.add_person()
    await hold(stage)
    await map_it(stage)
    async with stage.database.write() as db:
        recording = await newest_map(db, stage.gathering_id)
        watch = await open_watch(db, stage.gathering_id, subject, recording.recording_id, stage.clock.now())
        stage.clock.advance(seconds=16)
        for seq, start in ((2, 8_000), (1, 0), (1, 0), (2, 8_000)):
            accepted = await accept(
                db,
                gathering_id=stage.gathering_id,
                subject_id=subject,
                watch_id=watch.id,
                claim=Claim(seq, start + 8_000, [(start, start + 8_000)]),
                recording=recording,
                now=stage.clock.now(),
            )
            assert accepted == ((start, start + 8_000),)
        assert await resume_position_ms(db, stage.gathering_id, subject) == 16_000
        [ranges] = (await replay_of(db, stage.gathering_id)).values()
    assert min(ranges, key=lambda item: item.programme).programme == ((0, 8_000),)
    assert len(ranges) == 2


async def test_a_later_map_re_derives_what_claims_cover(stage):
    subject = await stage.add_person()
    await hold(stage)
    await judge(stage)
    await map_it(stage)
    await play(stage, subject, (0, 20))
    await judge(stage, "replay")
    assert (await record_of(stage, subject)).replay_ms == 20 * MIN
    async with stage.database.write() as db:
        gathering = await db.get_one(Gathering, stage.gathering_id)
        recording = await newest_map(db, stage.gathering_id)
        status = stage.status()
        status["pieces"][0]["wall_start_ms"] += 5 * MIN
        status["duration_ms"] -= 5 * MIN
        again = await store_map(db, gathering, recording.recording_id, status, stage.clock.now())
        assert again.version == 2
        assert (
            await store_map(db, gathering, recording.recording_id, status, stage.clock.now())
        ).version == 2
    await judge(stage, "mapped")
    record = await record_of(stage, subject)
    assert record.spans == [["replay", 5 * MIN, 25 * MIN]]
    assert epoch_ms(record.computed_at) == epoch_ms(stage.clock.now())


async def test_a_backdated_home_reverses_and_posts_for_the_right_organisation(stage):
    subject = await stage.add_person()
    await attend(stage, subject, (0, 60))
    await hold(stage)
    await judge(stage)
    other = new_id()
    async with stage.database.write() as db:
        db.add(
            Organisation(
                id=other,
                code="O30",
                name="O30",
                org_type="branch",
                branch_kind=None,
                parent_id=stage.college_id,
                created_at=stage.at(0),
            )
        )
        await db.flush()
        person = await db.get_one(PersonSubject, subject)
        await move_home(
            db,
            person_id=person.person_id,
            organisation_id=other,
            valid_from=date(2026, 3, 1),
            now=stage.clock.now(),
        )
        assert await rebook(db, person.person_id, date(2026, 3, 1), stage.clock.now()) == 1
        assert await rebook(db, person.person_id, date(2026, 3, 1), stage.clock.now()) == 0
        assert await rebook(db, person.person_id, date(2027, 1, 1), stage.clock.now()) == 0
    assert await ledger_of(stage, subject) == [
        ("post", 100, "live"),
        ("reversal", -100, "live"),
        ("post", 100, "live"),
    ]
    async with stage.database.read() as db:
        rows = (await db.scalars(select(CreditEntry).order_by(CreditEntry.id))).all()
    assert [row.organisation_id for row in rows] == [stage.branch_id, stage.branch_id, other]
