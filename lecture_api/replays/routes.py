"""Replays over HTTP: grant, publication, withdrawal. Progress is in records, whose coverage it answers
with.
"""

import uuid

from fastapi import APIRouter, status
from fastapi.responses import RedirectResponse

from lecture_api.core.actor import CurrentActor
from lecture_api.core.problem_details import PROBLEM_RESPONSES
from lecture_api.core.runtime import CurrentRuntime
from lecture_api.gatherings.routes import described
from lecture_api.gatherings.schemas import Detail
from lecture_api.replays import service
from lecture_api.replays.schemas import MapPieceOut, ReplayGrantOut, WithdrawIn

router = APIRouter(prefix="/api/gatherings/{gathering_id}", tags=["replays"], responses=PROBLEM_RESPONSES)


@router.post("/replay-grant")
async def replay_grant(
    gathering_id: uuid.UUID, actor: CurrentActor, runtime: CurrentRuntime
) -> ReplayGrantOut:
    """Leave to play the replay, or the growing recording while on air."""
    granted = await service.grant(runtime, actor, gathering_id)
    return ReplayGrantOut(
        playlist_url=granted.playlist_url,
        poster_url=granted.poster_url,
        expires_at=granted.expires_at,
        duration_ms=granted.recording.duration_ms,
        live=granted.live,
        map=[
            MapPieceOut(
                programme_start_ms=piece.programme_start_ms,
                programme_end_ms=piece.programme_end_ms,
                file_start_ms=piece.file_start_ms,
            )
            for piece in granted.recording.pieces
        ],
        resume_position_ms=granted.resume_position_ms,
        watch_id=granted.watch_id,
    )


@router.post("/publish-replay")
async def publish_replay(gathering_id: uuid.UUID, actor: CurrentActor, runtime: CurrentRuntime) -> Detail:
    """Release the replay after review, or again after a withdrawal."""
    await service.publish(runtime, actor, gathering_id)
    return await described(runtime, actor, gathering_id)


@router.post("/withdraw-replay")
async def withdraw_replay(
    gathering_id: uuid.UUID, body: WithdrawIn, actor: CurrentActor, runtime: CurrentRuntime
) -> Detail:
    """Take the replay away; what was earned by it stays."""
    await service.withdraw(runtime, actor, gathering_id, body.reason)
    return await described(runtime, actor, gathering_id)


@router.get("/poster", status_code=status.HTTP_307_TEMPORARY_REDIRECT, response_class=RedirectResponse)
async def get_poster(
    gathering_id: uuid.UUID, actor: CurrentActor, runtime: CurrentRuntime
) -> RedirectResponse:
    """The cover picture of a replay, by a redirect to its signed place; there it is 404 when there is
    none.
    """
    address = await service.poster_url(runtime, actor, gathering_id)
    return RedirectResponse(address, headers={"Cache-Control": "private, max-age=600"})
