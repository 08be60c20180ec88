"""The learning features over HTTP: a Runtime around a Scene, an app with the given routers, a real
uvicorn.

A person is recognised by the cookie `subject`; the clock is the scene's and moves by hand. Recordings and
media node are fakes behind the real clients.
"""

import asyncio
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import uvicorn
from fastapi import APIRouter, FastAPI
from starlette.requests import HTTPConnection

from lecture_api.accounts.models import Person, PersonSubject
from lecture_api.core.actor import Actor, Grant
from lecture_api.core.errors import NotSignedInError
from lecture_api.core.events import DomainHooks, RoomEventLog
from lecture_api.core.media_node_client import MediaNodeClient
from lecture_api.core.problem_details import install_problem_details
from lecture_api.core.recordings_client import RecordingsClient
from lecture_api.core.room_tokens import ReplayGrantMinter, RoomTokenMinter
from lecture_api.core.runtime import Runtime
from lecture_api.core.security import KeyRing, PasswordKeeper
from lecture_api.core.wakeup import InProcessWakeup, Wakeup
from lecture_api.settings import Settings
from tests.support.learning import Scene


class FakeRecordings:
    """Answers the recordings service's control calls with what the test put in."""

    def __init__(self) -> None:
        self.status: dict[str, Any] | None = None
        self.calls: list[str] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.calls.append(f"{request.method} {request.url.path}")
        if self.status is None:
            return httpx.Response(404, json={})
        return httpx.Response(200, json=self.status)


def runtime_around(
    stage: Scene, folder: Path, recordings: FakeRecordings, wakeup: Wakeup | None = None
) -> Runtime:
    """A Runtime with real parts where they are cheap; `stage.roles` gives subjects their roles."""
    wakeup = wakeup or InProcessWakeup()
    minter = RoomTokenMinter(folder / "keys", stage.clock)

    def http(answer: Callable[[httpx.Request], httpx.Response]) -> httpx.AsyncClient:
        return httpx.AsyncClient(transport=httpx.MockTransport(answer), base_url="http://service")

    runtime = Runtime(
        settings=Settings(data_dir=folder),
        database=stage.database,
        clock=stage.clock,
        wakeup=wakeup,
        room_events=RoomEventLog(wakeup),
        hooks=DomainHooks(),
        keys=KeyRing(folder / "keys"),
        passwords=PasswordKeeper(time_cost=1, memory_kib=64),
        room_tokens=minter,
        replay_grants=ReplayGrantMinter(folder / "keys"),
        media_node=MediaNodeClient(http(lambda _request: httpx.Response(200, json={})), minter),
        recordings=RecordingsClient(http(recordings), minter),
        media_epoch="epoch-1",
    )
    runtime.identify = identifier(stage)
    return runtime


def identifier(stage: Scene) -> Callable[[HTTPConnection], Any]:
    """Recognise by cookie; subjects in `stage.signed_out` are not."""

    async def identify(connection: HTTPConnection) -> Actor:
        text = connection.cookies.get("subject")
        if text is None or uuid.UUID(text) in stage.signed_out:
            raise NotSignedInError
        async with stage.database.read() as db:
            subject = await db.get_one(PersonSubject, uuid.UUID(text))
            person = await db.get_one(Person, subject.person_id)
        grants = tuple(
            Grant(uuid.uuid4(), role, organisation)
            for role, organisation in stage.roles.get(subject.subject_id, ())
        )
        return Actor(
            person_id=person.id,
            subject_id=subject.subject_id,
            display_name=person.display_name,
            locale="zh-CN",
            grants=grants,
            login_session_id=uuid.uuid4(),
        )

    return identify


def app_with(runtime: Runtime, *routers: APIRouter) -> FastAPI:
    """An app of these routers on the runtime."""
    app = FastAPI()
    app.state.runtime = runtime
    install_problem_details(app)
    for router in routers:
        app.include_router(router)
    return app


@asynccontextmanager
async def served(app: FastAPI, *, has_lifespan: bool = True) -> AsyncIterator[str]:
    """The app on a real uvicorn on a free loopback port; yields host:port. Without `has_lifespan` somebody
    else has started the app.
    """
    config = uvicorn.Config(
        app,
        host="127.0.0.1",
        port=0,
        log_level="warning",
        ws="websockets-sansio",
        ws_ping_interval=None,
        lifespan="on" if has_lifespan else "off",
    )
    server = uvicorn.Server(config)
    task = asyncio.create_task(server.serve())
    try:
        while not server.started:
            await asyncio.sleep(0.01)
        port = server.servers[0].sockets[0].getsockname()[1]
        yield f"127.0.0.1:{port}"
    finally:
        server.should_exit = True
        await task
