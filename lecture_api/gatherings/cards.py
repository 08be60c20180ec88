"""Gatherings as the pages show them: cards and details, in a handful of queries whatever their number."""

import uuid
from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from lecture_api.accounts.models import Person
from lecture_api.columns.models import TopicColumn
from lecture_api.core.actor import Actor
from lecture_api.core.runtime import Runtime
from lecture_api.core.wire_types import Ref
from lecture_api.gatherings import convened
from lecture_api.gatherings.access import Admission, admissions, standing_of
from lecture_api.gatherings.kinds import is_recorded
from lecture_api.gatherings.models import AttendancePolicy, Gathering, Recording
from lecture_api.gatherings.programme_clock import programme_length_ms
from lecture_api.gatherings.schemas import (
    Card,
    Convened,
    Detail,
    PermissionsOut,
    ProgrammeOut,
    RecordingOut,
    RulesOut,
)
from lecture_api.gatherings.service import is_on_air, page_state_of
from lecture_api.gatherings.states import GatheringState, RecordingState
from lecture_api.gatherings.timeline import load_spans, programme_until
from lecture_api.organisations.tree import OrganisationTree, load_tree


async def cards(db: AsyncSession, runtime: Runtime, admitted: Sequence[Admission]) -> list[Card]:
    """A card of each gathering, in the same order."""
    gatherings = [admission.gathering for admission in admitted]
    tree = await load_tree(db)
    names = await _names(db, {item.lecturer_id for item in gatherings})
    columns = await _columns(db, {item.column_id for item in gatherings})
    ids = [item.id for item in gatherings]
    found = await db.scalars(select(Recording).where(Recording.gathering_id.in_(ids)))
    recordings = {recording.gathering_id: recording for recording in found}
    return [
        _card(
            runtime,
            admission,
            tree=tree,
            names=names,
            columns=columns,
            recording=recordings.get(admission.gathering.id),
        )
        for admission in admitted
    ]


async def detail(db: AsyncSession, runtime: Runtime, admission: Admission) -> Detail:
    """Everything the gathering's page shows."""
    gathering = admission.gathering
    now = runtime.clock.now()
    [card] = await cards(db, runtime, [admission])
    recording = await db.scalar(select(Recording).where(Recording.gathering_id == gathering.id))
    names = await _names(db, {gathering.host_id})
    policy = await db.get_one(AttendancePolicy, gathering.policy_version)
    until = programme_until(gathering, now)
    entered = await convened.entries(db, gathering.id) if admission.permissions.edit else None
    return Detail(
        **card.model_dump(),
        description=gathering.description,
        may_watch=gathering.may_watch,
        replay_release=gathering.replay_release,
        permissions=PermissionsOut.model_validate(admission.permissions),
        recording=_recording_out(runtime, gathering.kind, recording),
        programme=ProgrammeOut(
            ms=programme_length_ms(await load_spans(db, gathering, now)),
            running=gathering.state == GatheringState.LIVE,
            as_of=until,
        ),
        rules=RulesOut.model_validate({name: getattr(policy, name) for name in RulesOut.model_fields}),
        host=names.get(gathering.host_id),
        calendar_url=f"/api/gatherings/{gathering.id}/calendar.ics",
        state_reason=gathering.state_reason,
        convened_entries=Convened(organisation_ids=entered[0], person_ids=entered[1]) if entered else None,
    )


def _card(
    runtime: Runtime,
    admission: Admission,
    *,
    tree: OrganisationTree,
    names: dict[uuid.UUID | None, Ref],
    columns: dict[uuid.UUID | None, Ref],
    recording: Recording | None,
) -> Card:
    gathering = admission.gathering
    now = runtime.clock.now()
    organisation = tree.ref(gathering.organisation_id)
    assert organisation is not None
    shown = page_state_of(gathering, recording, may_watch=admission.permissions.watch, now=now)
    return Card(
        id=gathering.id,
        code=gathering.code,
        title=gathering.title,
        kind=gathering.kind,
        state=gathering.state,
        page_state=shown,
        organisation=organisation,
        lecturer=names.get(gathering.lecturer_id),
        column=columns.get(gathering.column_id),
        scheduled_start=gathering.scheduled_start,
        scheduled_end=gathering.scheduled_end,
        actual_start=gathering.actual_start,
        actual_end=gathering.effective_end or gathering.actual_end,
        viewer_count=runtime.viewer_counts.now(gathering.id) if is_on_air(gathering) else None,
        duration_ms=recording.duration_ms if recording else None,
        records=is_recorded(gathering.kind),
        convened=admission.convened,
        credit_hundredths=gathering.credit_hundredths,
        has_poster=recording is not None and recording.state == RecordingState.PUBLISHED,
    )


def _recording_out(runtime: Runtime, kind: str, recording: Recording | None) -> RecordingOut:
    if recording is not None:
        paused = runtime.recorder_states.is_paused(recording.gathering_id)
        if recording.state == RecordingState.RECORDING and paused:
            return RecordingOut(state="paused", reason_off=None)
        return RecordingOut.model_validate({"state": recording.state, "reason_off": None})
    reason = "not_started" if is_recorded(kind) else "kind_not_recorded"
    return RecordingOut.model_validate({"state": "off", "reason_off": reason})


async def _names(db: AsyncSession, person_ids: set[uuid.UUID | None]) -> dict[uuid.UUID | None, Ref]:
    rows = await db.execute(select(Person.id, Person.display_name).where(Person.id.in_(person_ids - {None})))
    return {person_id: Ref(id=person_id, name=name) for person_id, name in rows}


async def _columns(db: AsyncSession, column_ids: set[uuid.UUID | None]) -> dict[uuid.UUID | None, Ref]:
    rows = await db.execute(
        select(TopicColumn.id, TopicColumn.title).where(TopicColumn.id.in_(column_ids - {None}))
    )
    return {column_id: Ref(id=column_id, name=title) for column_id, title in rows}


async def cards_for(
    db: AsyncSession, runtime: Runtime, actor: Actor, gathering_ids: Sequence[uuid.UUID]
) -> dict[uuid.UUID, Card]:
    """Cards by gathering id, for features above; gatherings the actor may not watch are marked so in
    `page_state`."""

    rows = (await db.scalars(select(Gathering).where(Gathering.id.in_(gathering_ids)))).all()
    standing = await standing_of(db, actor, runtime.clock)
    return {card.id: card for card in await cards(db, runtime, await admissions(db, standing, rows))}
