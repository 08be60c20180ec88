"""A person's own record: year, coverage, declaration; and the listeners that keep records up to date.

What a person who was not convened has watched is read here for that person alone; no other function lists it.
"""

import uuid
from collections.abc import Sequence

from sqlalchemy import or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from lecture_api.core.actor import Actor
from lecture_api.core.clock import shanghai_year
from lecture_api.core.runtime import Runtime
from lecture_api.gatherings.access import gathering_for
from lecture_api.gatherings.cards import cards_for
from lecture_api.gatherings.errors import GatheringNotFoundError, NotInvitedError
from lecture_api.gatherings.events import EndCorrected, GatheringEnded, GatheringStateChanged
from lecture_api.gatherings.models import ConvenedPerson, Gathering
from lecture_api.gatherings.schemas import Card
from lecture_api.gatherings.states import ON_AIR, GatheringState
from lecture_api.organisations.events import HomeMoved
from lecture_api.records.attendance import MakeupStatus
from lecture_api.records.coverage import Coverage, cover
from lecture_api.records.credit import ANNUAL_TARGET_HUNDREDTHS, CreditCategory
from lecture_api.records.evidence_lines import Line, live_lines, replay_lines
from lecture_api.records.inputs import GatheringInputs, load_inputs
from lecture_api.records.ledger import Account, accounts
from lecture_api.records.models import AttendanceRecord, CreditEntry
from lecture_api.records.rebooking import rebook
from lecture_api.records.recompute import JUDGED, forget, recompute
from lecture_api.records.schemas import CoverageOut, MyCoverageOut, RecordItemOut, YearRecordOut
from lecture_api.records.views import (
    coverage_out,
    credit_out,
    evidence_out,
    policy_out,
    status_of,
    stored_coverage_out,
    why_out,
)
from lecture_api.replays.events import RecordingMapped, ReplayProgressed, ReplayPublished
from lecture_api.replays.models import ReplayClaim


def register(runtime: Runtime) -> None:
    """Listen to gatherings and replays; every recompute is in the transaction of what caused it.

    Composition registers replays first, so a corrected end is mapped before it is judged.
    """

    async def judge(
        db: AsyncSession, gathering_id: uuid.UUID, reason: str, subjects: Sequence[uuid.UUID] | None = None
    ) -> None:
        gathering = await db.get_one(Gathering, gathering_id)
        await recompute(db, gathering, runtime.clock.now(), reason, subjects)

    async def on_ended(db: AsyncSession, event: GatheringEnded) -> None:
        await judge(db, event.gathering_id, "end")

    async def on_corrected(db: AsyncSession, event: EndCorrected) -> None:
        await judge(db, event.gathering_id, "end_corrected")

    async def on_mapped(db: AsyncSession, event: RecordingMapped) -> None:
        await judge(db, event.gathering_id, "mapped")

    async def on_published(db: AsyncSession, event: ReplayPublished) -> None:
        await judge(db, event.gathering_id, "published")

    async def on_progress(db: AsyncSession, event: ReplayProgressed) -> None:
        await judge(db, event.gathering_id, "replay", [event.subject_id])

    async def on_step(db: AsyncSession, event: GatheringStateChanged) -> None:
        if event.before in JUDGED and GatheringState(event.after) in ON_AIR:
            await forget(db, event.gathering_id)

    async def on_moved(db: AsyncSession, event: HomeMoved) -> None:
        await rebook(db, event.person_id, event.valid_from, runtime.clock.now())

    runtime.hooks.in_transaction(HomeMoved, on_moved)
    runtime.hooks.in_transaction(GatheringEnded, on_ended)
    runtime.hooks.in_transaction(EndCorrected, on_corrected)
    runtime.hooks.in_transaction(RecordingMapped, on_mapped)
    runtime.hooks.in_transaction(ReplayPublished, on_published)
    runtime.hooks.in_transaction(ReplayProgressed, on_progress)
    runtime.hooks.in_transaction(GatheringStateChanged, on_step)


def coverage_of(inputs: GatheringInputs, subject_id: uuid.UUID) -> Coverage:
    """What one person covers as of now, whether or not the gathering is over."""
    evidence = inputs.evidence(subject_id)
    replay = [span for claim in evidence.replay for span in claim.programme]
    return cover(inputs.programme, evidence.presence, replay, inputs.policy.bridge_ms)


async def own_coverage(runtime: Runtime, actor: Actor, gathering: Gathering) -> CoverageOut:
    """The caller's coverage of one gathering: what the record keeps, else computed now."""
    async with runtime.database.read() as db:
        record = await db.get(AttendanceRecord, (gathering.id, actor.subject_id))
        return await _coverage_out(db, runtime, gathering, actor.subject_id, record)


async def _coverage_out(
    db: AsyncSession,
    runtime: Runtime,
    gathering: Gathering,
    subject_id: uuid.UUID,
    record: AttendanceRecord | None,
) -> CoverageOut:
    if record is not None:
        return stored_coverage_out(record)
    inputs = await load_inputs(db, gathering, runtime.clock.now(), [subject_id])
    return coverage_out(coverage_of(inputs, subject_id))


async def my_coverage(
    runtime: Runtime, actor: Actor, gathering_ids: Sequence[uuid.UUID]
) -> list[MyCoverageOut]:
    """The caller's coverage of each gathering they may see; the others are left out."""
    items = []
    async with runtime.database.read() as db:
        for gathering_id in dict.fromkeys(gathering_ids):
            try:
                admission = await gathering_for(db, actor, runtime.clock, gathering_id)
            except (GatheringNotFoundError, NotInvitedError):
                continue
            record = await db.get(AttendanceRecord, (gathering_id, actor.subject_id))
            held = await accounts(db, gathering_id, [actor.subject_id])
            # In this transaction: a second connection while holding one would exhaust the pool.
            covered = await _coverage_out(db, runtime, admission.gathering, actor.subject_id, record)
            items.append(
                MyCoverageOut(
                    gathering_id=gathering_id,
                    coverage=covered,
                    attendance_status=status_of(record) if record else None,
                    makeup_status=MakeupStatus(record.makeup_status) if record else None,
                    credit=credit_out(held.get(actor.subject_id)),
                )
            )
    return items


async def my_year(runtime: Runtime, actor: Actor, year: int) -> YearRecordOut:
    """The caller's year: gatherings they were convened to or watched, and what the ledger has."""
    async with runtime.database.read() as db:
        gatherings = await _mine(db, actor.subject_id, year)
        shown = await cards_for(db, runtime, actor, [gathering.id for gathering in gatherings])
        items = [await _item(db, runtime, actor, gathering, shown[gathering.id]) for gathering in gatherings]
        entries = await db.scalars(
            select(CreditEntry).where(CreditEntry.subject_id == actor.subject_id, CreditEntry.year == year)
        )
        sums = dict.fromkeys(CreditCategory, 0)
        for entry in entries:
            sums[CreditCategory(entry.category)] += entry.hundredths
    return YearRecordOut(
        year=year,
        target_hundredths=ANNUAL_TARGET_HUNDREDTHS,
        collective_hundredths=sums[CreditCategory.COLLECTIVE],
        self_study_hundredths=sums[CreditCategory.SELF_STUDY],
        items=items,
    )


async def _mine(db: AsyncSession, subject_id: uuid.UUID, year: int) -> list[Gathering]:
    """Gatherings that began, newest first; a gathering belongs to the year of its end, on air to that of
    its start.
    """
    convened = select(ConvenedPerson.gathering_id).where(ConvenedPerson.subject_id == subject_id)
    watched = select(ReplayClaim.gathering_id).where(ReplayClaim.subject_id == subject_id)
    rows = await db.scalars(
        select(Gathering)
        .where(
            or_(Gathering.id.in_(convened), Gathering.id.in_(watched)), Gathering.actual_start.is_not(None)
        )
        .order_by(Gathering.actual_start.desc(), Gathering.id.desc())
    )
    return [row for row in rows if _year_of(row) == year]


def _year_of(gathering: Gathering) -> int:
    instant = gathering.effective_end or gathering.actual_end or gathering.actual_start
    assert instant is not None
    return shanghai_year(instant)


async def _item(
    db: AsyncSession, runtime: Runtime, actor: Actor, gathering: Gathering, card: Card
) -> RecordItemOut:
    subject_id = actor.subject_id
    inputs = await load_inputs(db, gathering, runtime.clock.now(), [subject_id])
    record = await db.get(AttendanceRecord, (gathering.id, subject_id))
    held = await accounts(db, gathering.id, [subject_id])
    lines = evidence_of(inputs, subject_id)
    return RecordItemOut(
        gathering=card,
        coverage=stored_coverage_out(record) if record else coverage_out(coverage_of(inputs, subject_id)),
        attendance_status=status_of(record) if record else None,
        makeup_status=MakeupStatus(record.makeup_status) if record else None,
        proposal=record.proposal if record else False,
        why=why_out(record.why) if record else [],
        credit=credit_out(held.get(subject_id, Account())),
        evidence=evidence_out(lines),
        policy=policy_out(inputs.policy, actor.locale) if subject_id in inputs.convened else None,
    )


def evidence_of(inputs: GatheringInputs, subject_id: uuid.UUID) -> list[Line]:
    """Live evidence of the convened and replay evidence of anyone, as lines."""
    live = live_lines(
        inputs.presence.get(subject_id) if subject_id in inputs.convened else None, inputs.programme.pieces
    )
    return [*live, *replay_lines(inputs.replay.get(subject_id, ()))]
