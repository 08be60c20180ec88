"""What the host does with a gathering, and media for everyone admitted: `/api/gatherings/{id}/…`."""

import uuid

from fastapi import APIRouter

from lecture_api.core.actor import CurrentActor
from lecture_api.core.problem_details import PROBLEM_RESPONSES
from lecture_api.core.runtime import CurrentRuntime
from lecture_api.gatherings import editing, hosting, media, service, stream_keys
from lecture_api.gatherings.access import Need, gathering_for
from lecture_api.gatherings.routes import described
from lecture_api.gatherings.schemas import (
    Detail,
    EndCorrectionIn,
    MediaGrant,
    MediaGrantIn,
    ReasonIn,
    StreamKey,
    Studio,
)
from lecture_api.gatherings.states import Step

router = APIRouter(prefix="/api/gatherings/{gathering_id}", tags=["hosting"], responses=PROBLEM_RESPONSES)


@router.post("/schedule")
async def schedule(gathering_id: uuid.UUID, actor: CurrentActor, runtime: CurrentRuntime) -> Detail:
    """Announce a draft."""
    async with runtime.database.write() as db:
        admission = await gathering_for(db, actor, runtime.clock, gathering_id, Need.EDIT)
        await service.take_step(
            db, runtime, admission.gathering, Step.SCHEDULE, cause="schedule", actor=actor
        )
    return await described(runtime, actor, gathering_id)


@router.post("/start")
async def start(gathering_id: uuid.UUID, actor: CurrentActor, runtime: CurrentRuntime) -> Detail:
    """Go on air."""
    await hosting.start(runtime, actor, gathering_id)
    return await described(runtime, actor, gathering_id)


@router.post("/break")
async def pause(gathering_id: uuid.UUID, actor: CurrentActor, runtime: CurrentRuntime) -> Detail:
    """Begin a break."""
    await hosting.pause(runtime, actor, gathering_id)
    return await described(runtime, actor, gathering_id)


@router.post("/continue")
async def go_on(gathering_id: uuid.UUID, actor: CurrentActor, runtime: CurrentRuntime) -> Detail:
    """The break is over."""
    await hosting.go_on(runtime, actor, gathering_id)
    return await described(runtime, actor, gathering_id)


@router.post("/end")
async def end(gathering_id: uuid.UUID, actor: CurrentActor, runtime: CurrentRuntime) -> Detail:
    """End; the replay follows at the same address."""
    await hosting.end(runtime, actor, gathering_id)
    return await described(runtime, actor, gathering_id)


@router.post("/resume")
async def resume(gathering_id: uuid.UUID, actor: CurrentActor, runtime: CurrentRuntime) -> Detail:
    """Take End back, within ten minutes."""
    await hosting.resume(runtime, actor, gathering_id)
    return await described(runtime, actor, gathering_id)


@router.post("/cancel")
async def cancel(
    gathering_id: uuid.UUID, body: ReasonIn, actor: CurrentActor, runtime: CurrentRuntime
) -> Detail:
    """It will not take place."""
    async with runtime.database.write() as db:
        admission = await gathering_for(db, actor, runtime.clock, gathering_id, Need.HOST)
        await editing.call_off(db, runtime, admission.gathering, actor, step=Step.CANCEL, reason=body.reason)
    return await described(runtime, actor, gathering_id)


@router.post("/not-held")
async def not_held(gathering_id: uuid.UUID, actor: CurrentActor, runtime: CurrentRuntime) -> Detail:
    """It did not take place."""
    async with runtime.database.write() as db:
        admission = await gathering_for(db, actor, runtime.clock, gathering_id, Need.HOST)
        await editing.call_off(db, runtime, admission.gathering, actor, step=Step.NOT_HELD, reason=None)
    return await described(runtime, actor, gathering_id)


@router.post("/correct-end")
async def correct_end(
    gathering_id: uuid.UUID, body: EndCorrectionIn, actor: CurrentActor, runtime: CurrentRuntime
) -> Detail:
    """Correct a forgotten End; records are computed again."""
    async with runtime.database.write() as db:
        admission = await gathering_for(db, actor, runtime.clock, gathering_id, Need.HOST)
        await service.correct_end(
            db, runtime, admission.gathering, actor, effective_end=body.effective_end, reason=body.reason
        )
    return await described(runtime, actor, gathering_id)


@router.post("/media-grant")
async def media_grant(
    gathering_id: uuid.UUID, body: MediaGrantIn, actor: CurrentActor, runtime: CurrentRuntime
) -> MediaGrant:
    """A token to watch or publish with."""
    async with runtime.database.read() as db:
        admission = await gathering_for(db, actor, runtime.clock, gathering_id, Need(body.purpose))
    return await media.media_grant(runtime, actor, admission, body)


@router.post("/stream-key")
async def stream_key(gathering_id: uuid.UUID, actor: CurrentActor, runtime: CurrentRuntime) -> StreamKey:
    """A key to publish with from OBS or ffmpeg, until it is revoked."""
    async with runtime.database.read() as db:
        admission = await gathering_for(db, actor, runtime.clock, gathering_id, Need.PUBLISH)
    return stream_keys.issue(runtime, actor, admission.gathering)


@router.post("/stream-key/renew")
async def renew_stream_key(
    gathering_id: uuid.UUID, actor: CurrentActor, runtime: CurrentRuntime
) -> StreamKey:
    """Revoke every key of this gathering at once, and give a new one."""
    return await stream_keys.renew(runtime, actor, gathering_id)


@router.get("/studio")
async def studio(gathering_id: uuid.UUID, actor: CurrentActor, runtime: CurrentRuntime) -> Studio:
    """What arrives and what is recorded."""
    async with runtime.database.read() as db:
        admission = await gathering_for(db, actor, runtime.clock, gathering_id, Need.HOST)
        recording = await service.recording_of(db, gathering_id)
    return await media.studio(runtime, admission, recording)
