"""Brings stored records and the ledger to what the evidence says, in the caller's transaction.

Runs at End, at replay progress, at a corrected end and when a replay is mapped. After End a status may be
raised, never lowered, and hours may grow, never shrink (joints §7); a resumed gathering is judged anew at
its next End.
"""

import asyncio
import uuid
from collections.abc import Iterable
from dataclasses import asdict
from datetime import datetime
from typing import Final

from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncSession

from lecture_api.accounts.models import PersonSubject
from lecture_api.core.clock import from_epoch_ms, shanghai_day
from lecture_api.gatherings.models import Gathering
from lecture_api.gatherings.states import GatheringState
from lecture_api.organisations.homes import homes_on
from lecture_api.presence.intervals import total
from lecture_api.records.attendance import AttendanceStatus, MakeupStatus
from lecture_api.records.credit_rules import RuleBook, rule_book
from lecture_api.records.inputs import load_inputs
from lecture_api.records.judging import Earlier, Record, fingerprint, judge
from lecture_api.records.ledger import Account, Booking, accounts, settle
from lecture_api.records.models import AttendanceRecord

JUDGED: Final = frozenset({GatheringState.ENDED.value, GatheringState.ARCHIVED.value})

YIELD_EVERY: Final = 20


async def recompute(
    db: AsyncSession,
    gathering: Gathering,
    now: datetime,
    reason: str,
    subjects: Iterable[uuid.UUID] | None = None,
) -> int:
    """Judge the convened of a gathering that is over; returns how many records changed. Does nothing
    before End.

    Args: reason: `end`, `replay`, `end_corrected`, `mapped`, `published`; only `end` may lower what an
    earlier End had posted.
    """
    if gathering.state not in JUDGED:
        return 0
    inputs = await load_inputs(db, gathering, now, subjects)
    if inputs.programme.length_ms == 0 or inputs.ended_ms is None:
        return 0
    wanted = list(inputs.convened)
    stored = await _stored(db, gathering.id, wanted)
    held = await accounts(db, gathering.id, wanted)
    homes, rules = await homes_and_rules(db, wanted, inputs.ended_ms)
    changed = 0
    for subject_id in wanted:
        home = homes.get(subject_id)
        case = inputs.case(subject_id, rules.rule_for(home))
        input_hash = fingerprint(case)
        record = stored.get(subject_id)
        if record is not None and record.input_hash == input_hash:
            continue
        judged = judge(case, earlier_of(record))
        if record is None:
            record = AttendanceRecord(gathering_id=gathering.id, subject_id=subject_id)
            db.add(record)
        booking = Booking(subject_id, gathering.id, home, reason, now)
        _write(record, judged, booking)
        record.policy_version = inputs.policy.version
        record.input_hash = input_hash
        settle(db, held.get(subject_id, Account()), judged.due, booking, may_lower=reason == "end")
        changed += 1
        if changed % YIELD_EVERY == 0:
            # A college of hundreds must not stop pings and handshakes for the time of its End.
            await asyncio.sleep(0)
    await db.flush()
    return changed


async def forget(db: AsyncSession, gathering_id: uuid.UUID) -> None:
    """A resumed gathering has no records until it ends again; what was credited stays until then."""
    await db.execute(delete(AttendanceRecord).where(AttendanceRecord.gathering_id == gathering_id))


def earlier_of(record: AttendanceRecord | None) -> Earlier:
    """What a stored record has granted; the ledger keeps its own side of it (`settle`)."""
    if record is None:
        return Earlier()
    return Earlier(AttendanceStatus(record.attendance_status), MakeupStatus(record.makeup_status))


async def _stored(
    db: AsyncSession, gathering_id: uuid.UUID, subjects: list[uuid.UUID]
) -> dict[uuid.UUID, AttendanceRecord]:
    rows = await db.scalars(
        select(AttendanceRecord).where(
            AttendanceRecord.gathering_id == gathering_id, AttendanceRecord.subject_id.in_(subjects)
        )
    )
    return {row.subject_id: row for row in rows}


async def homes_and_rules(
    db: AsyncSession, subjects: list[uuid.UUID], ended_ms: int
) -> tuple[dict[uuid.UUID, uuid.UUID], RuleBook]:
    """Home organisation by subject and rules, both on the Asia/Shanghai day of End."""
    day = shanghai_day(from_epoch_ms(ended_ms))
    people = {
        row.subject_id: row.person_id
        for row in await db.scalars(select(PersonSubject).where(PersonSubject.subject_id.in_(subjects)))
    }
    homes = await homes_on(db, day, person_ids=people.values())
    by_subject = {subject: homes[person] for subject, person in people.items() if person in homes}
    return by_subject, await rule_book(db, day)


def _write(record: AttendanceRecord, judged: Record, booking: Booking) -> None:
    verdict, coverage = judged.verdict, judged.verdict.coverage
    record.attendance_status = judged.status.value
    record.makeup_status = judged.makeup.value
    record.proposal = judged.is_proposal
    record.live_ms = total(coverage.live)
    record.bridged_ms = total(coverage.bridged)
    record.replay_ms = total(coverage.replay)
    record.length_ms = coverage.length_ms
    record.engaged_ms = verdict.engaged_ms
    record.spans = [[span.kind, span.start_ms, span.end_ms] for span in coverage.spans]
    record.why = [asdict(line) for line in judged.why]
    record.first_seen_at = None if verdict.first_seen_ms is None else from_epoch_ms(verdict.first_seen_ms)
    record.last_seen_at = None if verdict.last_seen_ms is None else from_epoch_ms(verdict.last_seen_ms)
    record.reason = booking.reason
    record.computed_at = booking.at
