"""The whole API over ASGI on a real database, with a clock moved by hand and a media node and a recordings
service that only remember what they were told."""

import json
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
from fastapi import FastAPI

from lecture_api.accounts import people
from lecture_api.accounts.models import MembershipStage, Person, PersonCategory
from lecture_api.composition.app import create_api
from lecture_api.composition.building import build_runtime, close_runtime
from lecture_api.core.actor import Role
from lecture_api.core.clock import ManualClock, shanghai_day
from lecture_api.core.runtime import Runtime
from lecture_api.core.security import PasswordKeeper
from lecture_api.organisations.homes import move_home
from lecture_api.organisations.models import Organisation
from lecture_api.settings import Settings

PASSWORD = "correct-horse-battery"
HOST = "zhijian.test"
#: 19:00 in Shanghai on a Monday.
EVENING = datetime(2026, 11, 23, 11, 0, tzinfo=UTC)


class FakeMediaNode:
    """Answers `/control` of docs/protocol/media_node.md from memory."""

    def __init__(self) -> None:
        self.epoch = "epoch-1"
        self.is_down = False
        self.rooms: dict[str, dict[str, Any]] = {}
        self.publications: dict[str, list[dict[str, Any]]] = {}
        self.sessions: dict[str, list[dict[str, Any]]] = {}
        self.events: list[dict[str, Any]] = []
        self.acknowledged: list[tuple[str, int]] = []
        self.recordings_switched_on: list[str] = []

    def happens(self, kind: str, room: str, session_id: str, at: datetime, **data: Any) -> dict[str, Any]:
        """Spool an event."""
        seq = 1 + sum(event["node_epoch"] == self.epoch for event in self.events)
        event = {
            "node_epoch": self.epoch,
            "seq": seq,
            "type": kind,
            "room": room,
            "participant": str(uuid.uuid4()),
            "session_id": session_id,
            "at_ms": int(at.timestamp() * 1000),
            "data": data,
        }
        self.events.append(event)
        return event

    def __call__(self, request: httpx.Request) -> httpx.Response:
        """Answer one control call."""
        if self.is_down:
            raise httpx.ConnectError("no media node")
        path = request.url.path
        if path == "/control/status":
            return httpx.Response(200, json={"media_epoch": self.epoch, "sessions": 0})
        if path == "/control/events":
            return httpx.Response(200, json={"node_epoch": self.epoch, "events": self.events})
        if path == "/control/events/ack":
            body = json.loads(request.content)
            self.acknowledged.append((body["node_epoch"], body["seq"]))
            return httpx.Response(204)
        room = path.split("/")[3]
        if request.method == "PUT":
            self.rooms[room] = json.loads(request.content)
            if self.rooms[room]["recording_id"]:
                self.recordings_switched_on.append(room)
        elif room not in self.rooms:
            return httpx.Response(404, json={"code": "room_not_found"})
        elif request.method == "DELETE":
            del self.rooms[room]
            return httpx.Response(204)
        state = {
            "room": room,
            "media_epoch": self.epoch,
            "viewers": 0,
            "publications": self.publications.get(room, []),
            "sessions": self.sessions.get(room, []),
        }
        return httpx.Response(200, json=state)


class FakeRecordings:
    """Answers `/control/recordings` of docs/protocol/recordings.md from memory."""

    def __init__(self) -> None:
        self.is_down = False
        self.length_ms = 60_000
        self.status: dict[str, dict[str, Any]] = {}

    def __call__(self, request: httpx.Request) -> httpx.Response:
        """Answer one control call."""
        if self.is_down:
            raise httpx.ConnectError("no recordings service")
        parts = request.url.path.split("/")
        if parts[2] == "status":
            return httpx.Response(200, json={"recorders": 0, "disk_free_ratio": 0.5, "state": "ok"})
        recording_id = parts[3]
        if request.method == "PUT":
            self.status[recording_id] = _status(recording_id, "recording", 0)
        if recording_id not in self.status:
            return httpx.Response(404, json={"code": "recording_not_found"})
        if parts[-1] == "finish":
            self.status[recording_id] = _status(recording_id, "finished", self.length_ms)
        return httpx.Response(200, json=self.status[recording_id])


def _status(recording_id: str, state: str, duration_ms: int) -> dict[str, Any]:
    start = int(EVENING.timestamp() * 1000)
    piece = {
        "wall_start_ms": start,
        "wall_end_ms": start + duration_ms,
        "file_start_ms": 0,
        "slate": False,
    }
    return {
        "recording_id": recording_id,
        "state": state,
        "duration_ms": duration_ms,
        "last_part_age_ms": 200,
        "disk_free_ratio": 0.5,
        "warnings": [],
        "gaps": [],
        "pieces": [piece] if duration_ms else [],
        "renditions": ["V0"],
        "error": None,
    }


class College:
    """One API around one database, and the people in it.

    Organisations: O00 > O10, O20. People by name; everybody's password is `PASSWORD`.
    """

    def __init__(
        self, runtime: Runtime, app: FastAPI, media: FakeMediaNode, recordings: FakeRecordings
    ) -> None:
        self.runtime = runtime
        self.app = app
        self.media = media
        self.recordings = recordings
        assert isinstance(runtime.clock, ManualClock)
        self.clock = runtime.clock
        self.organisations: dict[str, uuid.UUID] = {}
        self.people: dict[str, uuid.UUID] = {}
        self._hash = ""

    async def settle(self) -> None:
        """The usual cast: administrator, secretaries, a lecturer, members, a guest."""
        self._hash = await self.runtime.passwords.hash(PASSWORD)
        now = self.clock.now()
        async with self.runtime.database.write() as db:
            for code, kind, parent in (
                ("O00", "college_committee", None),
                ("O10", "branch", "O00"),
                ("O20", "branch", "O00"),
            ):
                row = Organisation(
                    code=code,
                    name=f"organisation {code}",
                    org_type=kind,
                    branch_kind=None,
                    parent_id=self.organisations[parent] if parent else None,
                    created_at=now,
                )
                db.add(row)
                await db.flush()
                self.organisations[code] = row.id
        await self.person("admin", role=Role.COLLEGE_ADMIN, at="O00")
        await self.person("secretary10", home="O10", role=Role.SECRETARY, at="O10")
        await self.person("secretary20", home="O20", role=Role.SECRETARY, at="O20")
        await self.person("lecturer", home="O10", role=Role.LECTURER, at="O00")
        await self.person("member10", home="O10")
        await self.person("member20", home="O20")
        await self.person("guest", role=Role.GUEST, at="O20")
        await self.person("operator", role=Role.SYSTEM_ADMIN)

    async def person(
        self, name: str, *, home: str | None = None, role: Role | None = None, at: str | None = None
    ) -> uuid.UUID:
        """Somebody with an account; the number is the name."""
        now = self.clock.now()
        async with self.runtime.database.write() as db:
            person: Person = await people.create_person(
                db,
                self.runtime,
                person_no=name,
                display_name=name,
                person_category=PersonCategory.UNDERGRADUATE,
                membership_stage=MembershipStage.FULL_MEMBER,
            )
            await people.add_account(db, person.id, self._hash, now, one_time=False)
            if home:
                await move_home(
                    db,
                    person_id=person.id,
                    organisation_id=self.organisations[home],
                    valid_from=shanghai_day(now - timedelta(days=100)),
                    now=now,
                )
            if role:
                scope = self.organisations[at] if at else None
                await people.grant_role(db, person_id=person.id, role=role, organisation_id=scope, now=now)
        self.people[name] = person.id
        return person.id

    def caller(self, **headers: str) -> httpx.AsyncClient:
        """An HTTP client that nobody has signed in with."""
        return httpx.AsyncClient(
            transport=httpx.ASGITransport(self.app),
            base_url=f"http://{HOST}",
            headers={"Origin": f"http://{HOST}", **headers},
        )

    @asynccontextmanager
    async def signed_in(self, name: str) -> AsyncIterator[httpx.AsyncClient]:
        """An HTTP client with somebody's login."""
        async with self.caller() as http:
            answer = await http.post("/api/sign-in", json={"person_no": name, "password": PASSWORD})
            assert answer.status_code == 200, answer.text
            yield http

    async def as_(self, name: str, method: str, path: str, body: Any = None) -> httpx.Response:
        """One call as somebody."""
        async with self.signed_in(name) as http:
            return await http.request(method, f"/api{path}", json=body)

    async def scheduled(self, host: str = "secretary10", **wishes: Any) -> str:
        """A gathering of O10, scheduled for now, convening O10; returns its id."""
        start = self.clock.now()
        organisation = str(self.organisations["O10"])
        body = {
            "title": "a lecture",
            "kind": "party_lecture",
            "organisation_id": organisation,
            "lecturer_id": str(self.people["lecturer"]),
            "scheduled_start": start.isoformat(),
            "scheduled_end": (start + timedelta(hours=1)).isoformat(),
            "convened": {"organisation_ids": [organisation], "person_ids": []},
        } | wishes
        created = await self.as_(host, "POST", "/gatherings", body)
        assert created.status_code == 201, created.text
        gathering_id = str(created.json()["id"])
        announced = await self.as_(host, "POST", f"/gatherings/{gathering_id}/schedule")
        assert announced.json()["state"] == "scheduled", announced.text
        return gathering_id

    async def on_air(self, host: str = "secretary10", **wishes: Any) -> str:
        """The same, started."""
        gathering_id = await self.scheduled(host, **wishes)
        started = await self.as_(host, "POST", f"/gatherings/{gathering_id}/start")
        assert started.json()["state"] == "live", started.text
        return gathering_id


@asynccontextmanager
async def college(database_url: str, folder: Path, *, at: datetime = EVENING) -> AsyncIterator[College]:
    """The API on a migrated, empty database, with the usual cast."""
    media, recordings = FakeMediaNode(), FakeRecordings()
    runtime = build_runtime(
        Settings(data_dir=folder, database_url=database_url),
        media_http=httpx.AsyncClient(transport=httpx.MockTransport(media), base_url="http://media"),
        recordings_http=httpx.AsyncClient(
            transport=httpx.MockTransport(recordings), base_url="http://recordings"
        ),
        clock=ManualClock(at),
        passwords=PasswordKeeper(time_cost=1, memory_kib=64),
    )
    place = College(runtime, create_api(runtime), media, recordings)
    try:
        await place.settle()
        yield place
    finally:
        await close_runtime(runtime)
