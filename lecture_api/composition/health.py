"""`/healthz` (the process) and `/readyz` (what it needs)."""

from typing import Literal

from fastapi import APIRouter, Response
from pydantic import BaseModel

from lecture_api.core.media_node_client import MediaNodeError
from lecture_api.core.recordings_client import RecordingsError
from lecture_api.core.runtime import CurrentRuntime

router = APIRouter(tags=["service"])

State = Literal["ok", "failing"]


class Health(BaseModel):
    """The process answers."""

    status: Literal["ok"] = "ok"


class Readiness(BaseModel):
    """What the process needs, part by part."""

    status: State
    database: State
    media: State
    recorder: State
    background: State


@router.get("/healthz")
async def healthz() -> Health:
    """The process answers."""
    return Health()


@router.get("/readyz", responses={503: {"model": Readiness, "description": "A part is not ready."}})
async def readyz(runtime: CurrentRuntime, response: Response) -> Readiness:
    """Database, media node and recordings service answer, and nothing that must run beside requests has
    died; else 503."""
    database = await runtime.database.answers()
    try:
        await runtime.media_node.status()
        media = True
    except MediaNodeError:
        media = False
    try:
        await runtime.recordings.status()
        recorder = True
    except RecordingsError:
        recorder = False
    background = not runtime.background.ended_early()
    ready = database and media and recorder and background
    if not ready:
        response.status_code = 503
    return Readiness(
        status=_state(ready),
        database=_state(database),
        media=_state(media),
        recorder=_state(recorder),
        background=_state(background),
    )


def _state(answers: bool) -> State:
    return "ok" if answers else "failing"
