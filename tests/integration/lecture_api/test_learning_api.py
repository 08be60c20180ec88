"""From Start to the year's record over HTTP: presence, End, replay, make-up, roll and CSV; clock moved by
hand.
"""

import csv
import io
from contextlib import asynccontextmanager
from datetime import timedelta

import httpx
import pytest
from sqlalchemy import select

from lecture_api.accounts.models import Person, PersonSubject
from lecture_api.core.actor import Role
from lecture_api.core.clock import epoch_ms
from lecture_api.core.events import RoomEvent
from lecture_api.core.ids import new_id
from lecture_api.core.wire_types import instant_text
from lecture_api.gatherings.events import NodeEvent
from lecture_api.gatherings.finishing import finish
from lecture_api.gatherings.host_routes import router as host_router
from lecture_api.gatherings.models import ConvenedEntry, Gathering
from lecture_api.gatherings.routes import router as gatherings_router
from lecture_api.presence.tracker import Connection
from lecture_api.room_channel.service import LearningServices
from tests.support.learning import scene
from tests.support.learning_app import FakeRecordings, app_with, runtime_around

MIN = 60_000


class Desk:
    """The API with everything but accounts; `as_` speaks for one subject."""

    def __init__(self, stage, runtime, learning, recordings, http):
        self.stage, self.runtime, self.learning = stage, runtime, learning
        self.recordings, self.http = recordings, http
        self.path = f"/api/gatherings/{stage.gathering_id}"

    async def call(self, subject, method, path, **body):
        path = path if path.startswith("/api") else f"{self.path}/{path}"
        return await self.http.request(
            method, path, headers={"Cookie": f"subject={subject}"}, json=body or None
        )

    async def ok(self, subject, method, path, **body):
        response = await self.call(subject, method, path, **body)
        assert response.is_success, response.text
        return response.json() if response.content else None

    async def attend(self, subject, start, end):
        """Beats every 15 s from minute to minute; the clock must stand at or after the end."""
        line = Connection(new_id(), self.stage.gathering_id, subject, "channel")
        for second in range(int(start * 60), int(end * 60) + 1, 15):
            self.learning.tracker.evidence(line, self.stage.start_ms + second * 1000)
        self.learning.tracker.farewell(line.connection_id, self.stage.start_ms + int(end * MIN))
        await self.learning.tracker.flush()

    async def play(self, subject, start, end, *, speed=1.0, gathering=None):
        """Play file minutes; returns the last answer."""
        granted = await self.ok(subject, "POST", "replay-grant")
        answer = None
        for seq, at in enumerate(range(int(start * MIN), int(end * MIN), 30_000)):
            until = min(at + 30_000, int(end * MIN))
            self.stage.clock.advance(seconds=(until - at) / 1000 / speed)
            answer = await self.ok(
                subject,
                "POST",
                "replay-progress",
                watch_id=granted["watch_id"],
                seq=seq,
                position_ms=until,
                rate=speed,
                segments=[[at, until]],
            )
        return answer

    async def hold(self, host, *, minutes=60):
        """Start, let the time pass, End; everyone's presence is written in between by the test."""
        await self.ok(host, "POST", "start")
        self.stage.clock.advance(seconds=minutes * 60)

    async def end(self, host, *, minutes=60):
        self.recordings.status = self.stage.status(minutes)
        ended = await self.ok(host, "POST", "end")
        await finish(self.runtime, self.stage.gathering_id)
        return ended


@pytest.fixture
async def desk(sqlite_url, tmp_path):
    async with desk_on(sqlite_url, tmp_path) as made:
        yield made


@pytest.fixture
async def either_desk(either_url, tmp_path):
    async with desk_on(either_url, tmp_path) as made:
        yield made


@asynccontextmanager
async def desk_on(url, tmp_path):
    """The API on this database, with a gathering that convenes the branch."""
    async with scene(url) as stage:
        recordings = FakeRecordings()
        recordings.status = {"state": "recording", "duration_ms": 0, "pieces": []}
        runtime = runtime_around(stage, tmp_path, recordings)
        learning = LearningServices(runtime)
        app = app_with(runtime, gatherings_router, host_router)
        learning.install(app)
        async with stage.database.write() as db:
            db.add(ConvenedEntry(gathering_id=stage.gathering_id, organisation_id=stage.branch_id))
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as http:
            yield Desk(stage, runtime, learning, recordings, http)
            await runtime.background.close()


async def people(desk, members=1):
    """A secretary who hosts, and members at home in the branch, all convened by it."""
    subjects = [await desk.stage.add_person(convened=False) for _ in range(members + 1)]
    desk.stage.roles[subjects[0]] = [(Role.SECRETARY, desk.stage.branch_id)]
    return subjects


async def person_of(desk, subject):
    async with desk.stage.database.read() as db:
        found = await db.get_one(PersonSubject, subject)
        return found.person_id


async def test_leaving_half_way_and_watching_the_rest_becomes_one_record(either_desk):
    desk = either_desk
    host, stayed, left = await people(desk, 2)
    await desk.hold(host)
    await desk.attend(stayed, 0, 60)
    await desk.attend(left, 0, 30)
    await desk.end(host)
    items = (await desk.ok(left, "GET", f"/api/me/coverage?gathering={desk.stage.gathering_id}"))["items"]
    assert (items[0]["attendance_status"], items[0]["coverage"]["live_ms"]) == ("left_early", 30 * MIN)
    answer = await desk.play(left, 30, 60)
    assert answer["accepted"] == [[60 * MIN - 30_000, 60 * MIN]]
    assert answer["coverage"]["share_percent_hundredths"] == 10_000

    year = await desk.ok(left, "GET", "/api/me/record?year=2026")
    [item] = year["items"]
    assert (item["attendance_status"], item["makeup_status"]) == ("left_early", "made_up")
    assert [(s["kind"], s["start_ms"], s["end_ms"]) for s in item["coverage"]["spans"]] == [
        ("live", 0, 30 * MIN),
        ("replay", 30 * MIN, 60 * MIN),
    ]
    assert item["credit"] == {"hundredths": 100, "category": "collective", "status": "confirmed"}
    assert (year["collective_hundredths"], year["target_hundredths"]) == (100, 3_200)
    assert [(e["kind"], e["programme_end_ms"], e["detail"]) for e in item["evidence"]] == [
        ("live", 30 * MIN, "left"),
        ("replay", 60 * MIN, None),
    ]
    assert item["policy"]["version"] == 1
    assert "80%" in item["policy"]["text"]
    assert [line["code"] for line in item["why"]][-1] == "made_up"

    [present] = (await desk.ok(stayed, "GET", "/api/me/record?year=2026"))["items"]
    assert (present["attendance_status"], present["proposal"]) == ("present", False)
    assert (await desk.ok(stayed, "GET", "/api/me/record?year=2025"))["items"] == []


async def test_roll_and_csv_agree_with_the_records(desk):
    host, stayed, left = await people(desk, 2)
    async with desk.stage.database.write() as db:
        person = await db.get_one(Person, await person_of(desk, left))
        person.display_name = "=cmd|' /C calc'!A0"
    await desk.hold(host)
    await desk.attend(stayed, 0, 60)
    await desk.attend(left, 0, 30)
    await desk.end(host)
    await desk.play(left, 30, 60)
    roll = await desk.ok(host, "GET", "roll")
    assert roll["counts"] == {"present": 1, "left_early": 1, "absent": 1, "made_up": 1, "expected": 3}
    response = await desk.call(host, "GET", "roll.csv")
    assert response.content.startswith(b"\xef\xbb\xbf")
    header, *rows = csv.reader(io.StringIO(response.content.decode("utf-8-sig")))
    assert header[:4] == ["所在支部", "姓名", "应到身份", "考勤"]
    by_name = {row[1]: row for row in rows}
    guarded = by_name["'=cmd|' /C calc'!A0"]
    assert guarded[3:6] == ["早退", "已补学", "待认定"]
    assert guarded[6:] == [
        "2026-03-30 19:00:00",
        "2026-03-30 19:30:00",
        "30.00",
        "30.00",
        "100.00",
        "1.00",
        "集中学习",
    ]
    for row in roll["rows"]:
        name = row["person"]["name"]
        shown = by_name.get(name) or by_name[f"'{name}"]
        assert shown[10] == f"{row['covered_percent_hundredths'] / 100:.2f}"
        assert shown[11] == (f"{row['credit']['hundredths'] / 100:.2f}" if row["credit"] else "")
    evidence = await desk.ok(host, "GET", f"roll/{await person_of(desk, left)}")
    assert [line["kind"] for line in evidence["evidence"]] == ["live", "replay"]


async def test_only_roll_holders_see_the_roll_and_only_the_convened_are_on_it(desk):
    host, member = await people(desk)
    watcher = await desk.stage.add_person(convened=False)
    async with desk.stage.database.write() as db:
        await db.execute(
            ConvenedEntry.__table__.delete().where(ConvenedEntry.gathering_id == desk.stage.gathering_id)
        )
        db.add(ConvenedEntry(gathering_id=desk.stage.gathering_id, person_id=await person_of(desk, member)))
    await desk.hold(host)
    await desk.end(host)
    await desk.play(watcher, 0, 60, speed=2)
    assert (await desk.call(member, "GET", "roll")).status_code == 403
    assert (await desk.call(member, "GET", "roll.csv")).status_code == 403
    roll = await desk.ok(host, "GET", "roll")
    assert [row["person"]["id"] for row in roll["rows"]] == [str(await person_of(desk, member))]
    refused = await desk.call(host, "GET", f"roll/{await person_of(desk, watcher)}")
    assert (refused.status_code, refused.json()["code"]) == (404, "not_on_roll")

    [item] = (await desk.ok(watcher, "GET", "/api/me/record"))["items"]
    assert (item["attendance_status"], item["policy"], item["credit"]) == (None, None, None)
    assert item["coverage"]["replay_ms"] == 60 * MIN
    refused = await desk.call(member, "POST", "declare-self-study")
    assert refused.json()["code"] == "convened_already"
    for _ in range(2):
        await desk.ok(watcher, "POST", "declare-self-study")
    year = await desk.ok(watcher, "GET", "/api/me/record")
    assert (year["self_study_hundredths"], year["collective_hundredths"]) == (100, 0)
    assert len((await desk.ok(host, "GET", "roll"))["rows"]) == 1


async def test_too_little_cannot_be_declared(desk):
    host, _ = await people(desk)
    watcher = await desk.stage.add_person(convened=False)
    async with desk.stage.database.write() as db:
        await db.execute(ConvenedEntry.__table__.delete())
    assert (await desk.call(watcher, "POST", "declare-self-study")).json()["code"] == "not_over"
    await desk.hold(host)
    await desk.end(host)
    await desk.play(watcher, 0, 30)
    assert (await desk.call(watcher, "POST", "declare-self-study")).json()["code"] == "coverage_too_small"


async def test_the_replay_is_published_at_end_and_the_room_is_told(desk):
    host, member = await people(desk)
    refused = await desk.call(member, "POST", "replay-grant")
    assert (refused.status_code, refused.json()["code"]) == (404, "no_replay")
    await desk.hold(host)
    await desk.end(host)
    granted = await desk.ok(member, "POST", "replay-grant")
    assert granted["map"] == [{"programme_start_ms": 0, "programme_end_ms": 60 * MIN, "file_start_ms": 0}]
    assert (granted["live"], granted["duration_ms"]) == (False, 60 * MIN)
    folder = granted["playlist_url"].removesuffix("master.m3u8")
    assert folder.startswith("/replay/")
    assert granted["poster_url"] == f"{folder}poster.jpg"
    poster = await desk.call(member, "GET", "poster")
    assert (poster.status_code, poster.headers["location"].rsplit("/", 1)[1]) == (307, "poster.jpg")
    assert (await desk.ok(member, "GET", desk.path))["has_poster"]
    assert granted["expires_at"] == instant_text(desk.stage.clock.now() + timedelta(hours=13))
    async with desk.stage.database.read() as db:
        events = (await db.scalars(select(RoomEvent).order_by(RoomEvent.seq.desc()))).all()
    assert '"page_state":"replay"' in events[0].frame


async def test_after_review_hosts_play_first_and_a_withdrawal_keeps_what_was_earned(
    desk,
):
    host, member = await people(desk)
    async with desk.stage.database.write() as db:
        (await db.get_one(Gathering, desk.stage.gathering_id)).replay_release = "after_review"
    await desk.hold(host)
    assert (await desk.call(host, "POST", "publish-replay")).json()["code"] == "replay_state_conflict"
    await desk.end(host)
    assert (await desk.call(member, "POST", "replay-grant")).status_code == 404
    assert (await desk.ok(host, "POST", "replay-grant"))["duration_ms"] == 60 * MIN
    assert (await desk.call(member, "POST", "publish-replay")).status_code == 403
    assert (await desk.ok(host, "POST", "publish-replay"))["page_state"] == "replay"
    await desk.play(member, 0, 60, speed=2)
    withdrawn = await desk.ok(host, "POST", "withdraw-replay", reason="有误")
    assert withdrawn["page_state"] == "replay_withdrawn"
    assert (await desk.call(member, "POST", "replay-grant")).status_code == 404
    [item] = (await desk.ok(member, "GET", "/api/me/record"))["items"]
    assert (item["makeup_status"], item["credit"]["hundredths"]) == ("made_up", 100)


async def test_a_seek_to_the_end_and_a_forged_claim_earn_nothing(desk):
    host, member = await people(desk)
    await desk.hold(host)
    await desk.end(host)
    granted = await desk.ok(member, "POST", "replay-grant")
    claim = {"watch_id": granted["watch_id"], "position_ms": 0, "rate": 1.0}
    desk.stage.clock.advance(seconds=10)
    forged = await desk.ok(member, "POST", "replay-progress", seq=0, segments=[[0, 60 * MIN]], **claim)
    assert (forged["accepted"], forged["coverage"]["covered_ms"]) == ([], 0)
    for segments in ([[5, -5]], [[-1, 5]], [["a", 5]], [[0]]):
        assert (
            await desk.call(member, "POST", "replay-progress", seq=1, segments=segments, **claim)
        ).status_code == 422
    other = await desk.call(host, "POST", "replay-progress", seq=1, segments=[[0, 5]], **claim)
    assert (other.status_code, other.json()["code"]) == (404, "watch_not_found")


async def test_while_live_the_growing_recording_can_be_played_and_counts(desk):
    host, member = await people(desk)
    await desk.hold(host, minutes=20)
    desk.recordings.status = desk.stage.status(20) | {"state": "recording"}
    granted = await desk.ok(member, "POST", "replay-grant")
    assert (granted["live"], granted["duration_ms"]) == (True, 20 * MIN)
    desk.stage.clock.advance(seconds=60)
    desk.recordings.status = desk.stage.status(21) | {"state": "recording"}
    answer = await desk.play(member, 0, 21)
    assert answer["coverage"]["replay_ms"] == 21 * MIN


async def test_delivery_of_media_is_presence_of_the_convened_only(desk):
    host, member = await people(desk)
    visitor = await desk.stage.add_person(convened=False)
    async with desk.stage.database.write() as db:
        await db.execute(ConvenedEntry.__table__.delete())
        db.add(ConvenedEntry(gathering_id=desk.stage.gathering_id, person_id=await person_of(desk, member)))
    await desk.hold(host)

    async def node(seq, kind, subject, minute):
        event = NodeEvent(
            node_epoch="e1",
            seq=seq,
            type=kind,
            room=str(desk.stage.gathering_id),
            gathering_id=desk.stage.gathering_id,
            participant=str(subject),
            session_id=f"s-{subject}",
            at=desk.stage.at(minute),
            data={},
        )
        async with desk.stage.database.write() as db:
            await desk.runtime.hooks.publish(db, event)

    for n in range(61):
        await node(n, "viewer_delivered", member, n / 4)
        await node(n, "viewer_delivered", visitor, n / 4)
    await node(99, "viewer_gone", member, 15.1)
    await node(100, "viewer_delivered", "cli-tool", 1)
    await desk.learning.tracker.flush()
    await desk.end(host)
    [item] = (await desk.ok(member, "GET", "/api/me/record"))["items"]
    assert item["coverage"]["live_ms"] == int(15.1 * MIN)
    assert (await desk.ok(visitor, "GET", "/api/me/record"))["items"] == []


async def test_a_corrected_end_raises_the_record_and_the_map_follows(either_desk):
    desk = either_desk
    host, member = await people(desk)
    await desk.hold(host, minutes=180)
    await desk.attend(member, 0, 55)
    await desk.end(host, minutes=180)
    [item] = (await desk.ok(member, "GET", "/api/me/record"))["items"]
    assert item["attendance_status"] == "left_early"
    end = instant_text(desk.stage.at(60))
    await desk.ok(host, "POST", "correct-end", effective_end=end, reason="忘记结束")
    [item] = (await desk.ok(member, "GET", "/api/me/record"))["items"]
    assert (item["attendance_status"], item["coverage"]["length_ms"]) == ("present", 60 * MIN)
    granted = await desk.ok(member, "POST", "replay-grant")
    assert granted["map"][-1]["programme_end_ms"] == 60 * MIN


async def test_resume_forgets_the_records_until_the_next_end(desk):
    host, member = await people(desk)
    await desk.hold(host)
    await desk.attend(member, 0, 60)
    await desk.end(host)
    await desk.ok(host, "POST", "resume")
    [item] = (await desk.ok(member, "GET", "/api/me/record"))["items"]
    assert (item["attendance_status"], item["coverage"]["live_ms"]) == (None, 60 * MIN)
    await desk.end(host)
    [item] = (await desk.ok(member, "GET", "/api/me/record"))["items"]
    assert (item["attendance_status"], item["credit"]["hundredths"]) == ("present", 100)


async def test_resume_position_follows_the_newest_player(desk):
    host, member = await people(desk)
    await desk.hold(host)
    await desk.end(host)
    await desk.play(member, 0, 5)
    assert (await desk.ok(member, "POST", "replay-grant"))["resume_position_ms"] == 5 * MIN
    assert epoch_ms(desk.stage.clock.now()) > desk.stage.start_ms
