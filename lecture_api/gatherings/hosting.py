"""What the host does: Start, break, continue, End, Resume, with the room and the recorder in the right
order."""

import uuid

from lecture_api.core.actor import Actor
from lecture_api.core.ids import new_id
from lecture_api.core.runtime import Runtime
from lecture_api.gatherings import service
from lecture_api.gatherings.access import Need, gathering_for
from lecture_api.gatherings.finishing import finish
from lecture_api.gatherings.kinds import is_recorded
from lecture_api.gatherings.room_control import match_room, one_at_a_time, open_room, start_recorder
from lecture_api.gatherings.states import Step


async def start(runtime: Runtime, actor: Actor, gathering_id: uuid.UUID) -> None:
    """Go on air. The room is opened before the gathering is live, so a node that is down leaves it scheduled.

    Raises:
        StateConflictError, MediaNodeError.
    """
    async with one_at_a_time(gathering_id):
        async with runtime.database.read() as db:
            gathering = (await gathering_for(db, actor, runtime.clock, gathering_id, Need.HOST)).gathering
        service.refuse_unless_possible(gathering, Step.START)
        recording_id = new_id() if is_recorded(gathering.kind) else None
        await open_room(runtime, gathering, recording_id)
        try:
            async with runtime.database.write() as db:
                admission = await gathering_for(db, actor, runtime.clock, gathering_id, Need.HOST)
                await service.start(db, runtime, admission.gathering, actor, recording_id)
        except BaseException:
            # Not on air after all: nothing may go on recording.
            await match_room(runtime, gathering_id)
            raise
        if recording_id is not None:
            await start_recorder(runtime, gathering_id, recording_id)


async def resume(runtime: Runtime, actor: Actor, gathering_id: uuid.UUID) -> None:
    """Take End back; the same recording goes on."""
    async with one_at_a_time(gathering_id):
        async with runtime.database.write() as db:
            admission = await gathering_for(db, actor, runtime.clock, gathering_id, Need.HOST)
            await service.resume(db, runtime, admission.gathering, actor)
        await match_room(runtime, gathering_id)


async def pause(runtime: Runtime, actor: Actor, gathering_id: uuid.UUID) -> None:
    """Begin a break: the programme clock stands still, media goes on."""
    async with runtime.database.write() as db:
        admission = await gathering_for(db, actor, runtime.clock, gathering_id, Need.HOST)
        await service.take_step(db, runtime, admission.gathering, Step.BREAK, cause="break", actor=actor)


async def go_on(runtime: Runtime, actor: Actor, gathering_id: uuid.UUID) -> None:
    """The break is over."""
    async with runtime.database.write() as db:
        admission = await gathering_for(db, actor, runtime.clock, gathering_id, Need.HOST)
        await service.go_on(db, runtime, admission.gathering, actor)


async def end(runtime: Runtime, actor: Actor, gathering_id: uuid.UUID) -> None:
    """End; the replay is made ready in the background and announced in the room."""
    async with runtime.database.write() as db:
        admission = await gathering_for(db, actor, runtime.clock, gathering_id, Need.HOST)
        await service.end(db, runtime, admission.gathering, cause="end", actor=actor)
    finish_soon(runtime, gathering_id)


def finish_soon(runtime: Runtime, gathering_id: uuid.UUID) -> None:
    """Finish an ended gathering without keeping the host waiting; the keeper repeats what fails."""

    async def work() -> None:
        await finish(runtime, gathering_id)

    runtime.background.spawn(work(), f"finish-{gathering_id}")
