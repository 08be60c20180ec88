"""Gatherings: `/api/gatherings` (docs/protocol/http_api.md). Handlers admit, call, describe; no rule lives
here."""

import uuid
from typing import Annotated, Literal

from fastapi import APIRouter, Path, Query, Response, status

from lecture_api.core.actor import Actor, CurrentActor
from lecture_api.core.problem_details import PROBLEM_RESPONSES
from lecture_api.core.runtime import CurrentRuntime, Runtime
from lecture_api.core.wire_types import Page
from lecture_api.gatherings import editing, listing
from lecture_api.gatherings.access import Need, gathering_by_code_for, gathering_for
from lecture_api.gatherings.calendar import CalendarEntry, to_icalendar
from lecture_api.gatherings.cards import cards, detail
from lecture_api.gatherings.schemas import Card, Detail, GatheringIn, GatheringPatch, HomeLists
from lecture_api.gatherings.states import GatheringState

router = APIRouter(prefix="/api/gatherings", tags=["gatherings"], responses=PROBLEM_RESPONSES)


@router.get("")
async def list_gatherings(
    actor: CurrentActor,
    runtime: CurrentRuntime,
    view: Literal["home", "manage"] = "home",
    cursor: Annotated[str | None, Query(max_length=200)] = None,
) -> HomeLists | Page[Card]:
    """`home`: live, upcoming and replays by column; `manage`: a list of what the caller arranges."""
    async with runtime.database.read() as db:
        if view == "home":
            return await listing.home(db, runtime, actor)
        return await listing.manage(db, runtime, actor, cursor)


@router.get("/by-code/{code}")
async def get_by_code(
    code: Annotated[str, Path(max_length=20)], actor: CurrentActor, runtime: CurrentRuntime
) -> Card:
    """The gathering with this typed code."""
    async with runtime.database.read() as db:
        admission = await gathering_by_code_for(db, actor, runtime.clock, code)
        [card] = await cards(db, runtime, [admission])
    return card


@router.post("", status_code=status.HTTP_201_CREATED)
async def create_gathering(body: GatheringIn, actor: CurrentActor, runtime: CurrentRuntime) -> Detail:
    """A new gathering, as a draft."""
    async with runtime.database.write() as db:
        gathering = await editing.create(db, runtime, actor, body)
    return await described(runtime, actor, gathering.id)


@router.get("/{gathering_id}")
async def get_gathering(gathering_id: uuid.UUID, actor: CurrentActor, runtime: CurrentRuntime) -> Detail:
    """Everything the gathering's page shows."""
    return await described(runtime, actor, gathering_id)


@router.patch("/{gathering_id}")
async def change_gathering(
    gathering_id: uuid.UUID, body: GatheringPatch, actor: CurrentActor, runtime: CurrentRuntime
) -> Detail:
    """Change a gathering."""
    async with runtime.database.write() as db:
        admission = await gathering_for(db, actor, runtime.clock, gathering_id, Need.EDIT)
        await editing.change(db, admission.gathering, body)
    return await described(runtime, actor, gathering_id)


@router.get("/{gathering_id}/calendar.ics", response_class=Response)
async def get_calendar(gathering_id: uuid.UUID, actor: CurrentActor, runtime: CurrentRuntime) -> Response:
    """The gathering as an iCalendar file."""
    shown = await described(runtime, actor, gathering_id)
    async with runtime.database.read() as db:
        gathering = (await gathering_for(db, actor, runtime.clock, gathering_id)).gathering
    base = (runtime.settings.public_url or "").rstrip("/")
    entry = CalendarEntry(
        uid=f"{shown.id}@zhijian",
        sequence=gathering.calendar_sequence,
        start=shown.scheduled_start,
        end=shown.scheduled_end,
        stamp=runtime.clock.now(),
        title=shown.title,
        description=shown.description,
        organisation=shown.organisation.name,
        url=f"{base}/gatherings/{shown.id}",
        cancelled=shown.state in (GatheringState.CANCELLED, GatheringState.NOT_HELD),
    )
    headers = {"Content-Disposition": f'attachment; filename="{shown.code}.ics"'}
    return Response(to_icalendar(entry), media_type="text/calendar; charset=utf-8", headers=headers)


async def described(runtime: Runtime, actor: Actor, gathering_id: uuid.UUID) -> Detail:
    """The gathering as it is now, for this actor."""
    async with runtime.database.read() as db:
        return await detail(db, runtime, await gathering_for(db, actor, runtime.clock, gathering_id))
