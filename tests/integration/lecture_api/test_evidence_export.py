"""What the database exports leads to what it stores: random histories on both databases, and over HTTP."""

import json
import uuid
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from lecture_api.core.clock import epoch_ms, from_epoch_ms
from lecture_api.core.ids import new_id
from lecture_api.gatherings.models import Gathering, Recording
from lecture_api.presence.models import PresenceInterval
from lecture_api.records.evidence_check import check
from lecture_api.records.evidence_export import line_of, load_evidence
from lecture_api.records.evidence_reader import parse
from lecture_api.records.models import AttendanceRecord, CreditEntry, CreditRuleVersion
from lecture_api.records.recompute import recompute
from lecture_api.replays.mapping import newest_map, store_map
from lecture_api.replays.models import RecordingMap, ReplayClaim, ReplayWatch
from tests.support.learning import EVENING, scene
from tests.support.learning_app import FakeRecordings, runtime_around

MIN = 60_000

seconds = st.integers(-120, 4_200)
stretches = st.lists(st.tuples(seconds, seconds), max_size=5)
people = st.lists(st.tuples(stretches, stretches), min_size=1, max_size=3)
steps = st.lists(
    st.tuples(st.sampled_from(["live", "on_break", "interrupted", "service_gap"]), st.integers(0, 1_200)),
    max_size=5,
)
histories = st.fixed_dictionaries(
    {
        "steps": steps,
        "people": people,
        "mapped": st.booleans(),
        "cut": st.none() | st.tuples(seconds, seconds),
        "published": st.none() | st.integers(0, 40 * 24 * 60),
        "corrected": st.none() | st.integers(1, 3_600),
        "announced": st.sampled_from([0, 25, 100]),
        "own_rule": st.booleans(),
    }
)


@pytest.fixture
async def stage(either_url):
    async with scene(either_url) as found:
        yield found


async def new_gathering(stage, announced):
    """One more gathering on the same stage, so that every history has its own."""
    made = replace(stage, gathering_id=new_id(), subjects=[])
    async with stage.database.write() as db:
        old = await db.get_one(Gathering, stage.gathering_id)
        values = {c.name: getattr(old, c.name) for c in Gathering.__table__.columns}
        fresh = {"id": made.gathering_id, "code": uuid.uuid4().hex[:12], "credit_hundredths": announced}
        db.add(Gathering(**values | fresh))
    return made


async def happen(stage, history):
    """Write a history as evidence and let it be judged at every turn that would judge it."""
    await stage.step("live", 0)
    at = 0
    for state, length in history["steps"]:
        at += length
        await stage.step(state, at / 60)
    end = at + 1_800
    subjects = [await stage.add_person() for _ in history["people"]]
    recording_id = await stage.publish(end / 60, duration_minutes=end / 60) if history["mapped"] else None
    async with stage.database.write() as db:
        for subject, (presence, _claims) in zip(subjects, history["people"], strict=True):
            db.add_all(interval(stage, subject, *span) for span in presence if span[0] <= span[1])
    await stage.step("ended", end / 60)
    await judge(stage, "end")
    if recording_id is not None:
        await replays(stage, history, subjects, recording_id, end)
    if history["corrected"] is not None:
        async with stage.database.write() as db:
            gathering = await db.get_one(Gathering, stage.gathering_id)
            gathering.effective_end = EVENING + timedelta(seconds=history["corrected"])
        await judge(stage, "end_corrected")
    return subjects


async def replays(stage, history, subjects, recording_id, end):
    async with stage.database.write() as db:
        gathering = await db.get_one(Gathering, stage.gathering_id)
        recording = await db.get_one(Recording, recording_id)
        published = history["published"]
        recording.published_at = (
            None if published is None else EVENING + timedelta(seconds=end, minutes=published)
        )
        await store_map(db, gathering, recording_id, stage.status(end / 60), stage.clock.now())
        await db.flush()
        for subject, (_presence, claims) in zip(subjects, history["people"], strict=True):
            watch = new_id()
            db.add(watch_row(stage, watch, subject, recording_id))
            await db.flush()
            db.add_all(
                claim(stage, watch, subject, recording_id, turn=turn, span=span, end=end)
                for turn, span in enumerate(claims)
                if 0 <= span[0] < span[1]
            )
    await judge(stage, "replay")
    cut = history["cut"]
    if cut is not None and cut[0] < cut[1]:
        async with stage.database.write() as db:
            before = await newest_map(db, stage.gathering_id)
            db.add(
                RecordingMap(
                    gathering_id=stage.gathering_id,
                    version=before.version + 1,
                    recording_id=recording_id,
                    pieces=[
                        [p.programme_start_ms, p.programme_end_ms, p.file_start_ms] for p in before.pieces
                    ],
                    excluded=[[max(0, cut[0]) * 1000, max(0, cut[1]) * 1000]],
                    duration_ms=before.duration_ms,
                    created_at=EVENING,
                )
            )
        await judge(stage, "mapped")


def interval(stage, subject, start, end):
    return PresenceInterval(
        id=new_id(),
        gathering_id=stage.gathering_id,
        subject_id=subject,
        connection_id=new_id(),
        source="channel",
        started_at=EVENING + timedelta(seconds=start, microseconds=1_700),
        ended_at=EVENING + timedelta(seconds=end, microseconds=1_700),
        cause="silent",
        recorded_at=EVENING,
    )


def watch_row(stage, watch, subject, recording_id):
    return ReplayWatch(
        id=watch,
        gathering_id=stage.gathering_id,
        subject_id=subject,
        recording_id=recording_id,
        granted_at=EVENING,
        claimed_at=EVENING,
        budget_ms=0,
        last_end_ms=None,
        last_seq=-1,
        position_ms=0,
    )


def claim(stage, watch, subject, recording_id, *, turn, span, end):
    start, stop = span[0] * 1000, span[1] * 1000
    at = stage.start_ms + (end + span[1] * 400) * 1000
    return ReplayClaim(
        id=new_id(),
        watch_id=watch,
        seq=turn,
        gathering_id=stage.gathering_id,
        subject_id=subject,
        recording_id=recording_id,
        map_version=1,
        accepted=[[start, stop]],
        wall=[[at - (stop - start), at]],
        refused=0,
        accepted_at=from_epoch_ms(at),
    )


async def judge(stage, reason):
    async with stage.database.write() as db:
        gathering = await db.get_one(Gathering, stage.gathering_id)
        await recompute(db, gathering, stage.clock.now(), reason)


async def own_rule(stage):
    async with stage.database.write() as db:
        db.add(
            CreditRuleVersion(
                version=uuid.uuid4().hex,
                organisation_id=stage.branch_id,
                valid_from=(EVENING - timedelta(days=1)).date(),
                bands=[[1, 50], [45 * MIN, 150]],
                makeup_category="self_study",
                recorded_at=EVENING,
            )
        )


@settings(
    max_examples=40,
    deadline=None,
    database=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
@given(history=histories)
@pytest.mark.timeout(400)
async def test_any_history_is_computed_from_its_export_to_what_is_stored(stage, tmp_path, history):
    here = await new_gathering(stage, history["announced"])
    if history["own_rule"]:
        await own_rule(here)
    subjects = await happen(here, history)
    runtime = runtime_around(here, tmp_path, FakeRecordings())
    async with here.database.read() as db:
        kept = await load_evidence(db, runtime, here.gathering_id)
        stored = {
            row.subject_id: row
            for row in await db.scalars(
                select(AttendanceRecord).where(AttendanceRecord.gathering_id == here.gathering_id)
            )
        }
        entries = await db.scalars(select(CreditEntry).where(CreditEntry.gathering_id == here.gathering_id))
        booked = {}
        for entry in entries:
            booked[entry.subject_id] = booked.get(entry.subject_id, 0) + entry.hundredths
    assert set(kept.records) == set(stored) <= set(subjects)
    for subject, row in stored.items():
        result = check(parse(line_of(kept.file(subject))))
        assert (result["agrees"], result["differences"]) == (True, [])
        assert result["hashes"]["input"] == row.input_hash
        assert (result["attendance_status"], result["makeup_status"], result["proposal"]) == (
            row.attendance_status,
            row.makeup_status,
            row.proposal,
        )
        assert [result[f"{name}_ms"] for name in ("length", "live", "bridged", "replay", "engaged")] == [
            row.length_ms,
            row.live_ms,
            row.bridged_ms,
            row.replay_ms,
            row.engaged_ms,
        ]
        assert result["spans"] == row.spans
        assert (result["credit"] or {"hundredths": 0})["hundredths"] == booked.get(subject, 0)


async def test_a_record_that_was_altered_in_the_database_does_not_agree(stage, tmp_path):
    [subject] = await happen(
        stage,
        {
            "steps": [],
            "people": [([(0, 300)], [])],
            "mapped": False,
            "corrected": None,
        },
    )
    async with stage.database.write() as db:
        row = await db.get_one(AttendanceRecord, (stage.gathering_id, subject))
        row.attendance_status = "present"
        row.makeup_status = "made_up"
    async with stage.database.read() as db:
        kept = await load_evidence(db, runtime_around(stage, tmp_path, FakeRecordings()), stage.gathering_id)
    result = check(parse(line_of(kept.file(subject))))
    assert [item["field"] for item in result["differences"]] == ["attendance_status", "makeup_status"]
    assert json.dumps(epoch_ms(EVENING)) in line_of(kept.file(subject)).decode()
