"""The roll of a gathering for who may hold it: one row for each convened person in scope, and the same as
CSV.

Only the convened are on it; what others watched is not reachable from here (joints §10).
"""

import csv
import io
import uuid
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from lecture_api.accounts.models import Person, PersonSubject
from lecture_api.core.actor import Actor
from lecture_api.core.clock import SHANGHAI, from_epoch_ms
from lecture_api.core.runtime import Runtime
from lecture_api.core.wire_types import Ref
from lecture_api.gatherings.access import Admission, Need, gathering_for
from lecture_api.gatherings.cards import cards
from lecture_api.organisations.tree import load_tree
from lecture_api.records.attendance import PROPOSALS, AttendanceStatus, MakeupStatus
from lecture_api.records.errors import NotOnRollError
from lecture_api.records.inputs import GatheringInputs, load_inputs
from lecture_api.records.ledger import accounts
from lecture_api.records.models import AttendanceRecord
from lecture_api.records.roll_labels import HEADERS, LABELS
from lecture_api.records.schemas import RollEvidenceOut, RollOut, RollRowOut
from lecture_api.records.service import coverage_of, evidence_of
from lecture_api.records.views import (
    coverage_out,
    credit_out,
    evidence_out,
    status_of,
    stored_coverage_out,
    why_out,
)

ERASED = "—"
"""Shown for a person whose subject id no longer leads to anyone."""


@dataclass(frozen=True, slots=True)
class _Line:
    row: RollRowOut
    subject_id: uuid.UUID
    order: tuple[str, str]


async def read_roll(runtime: Runtime, actor: Actor, gathering_id: uuid.UUID) -> RollOut:
    """The roll as far as the caller holds it."""
    async with runtime.database.read() as db:
        admission = await gathering_for(db, actor, runtime.clock, gathering_id, Need.HOLD_ROLL)
        inputs = await load_inputs(db, admission.gathering, runtime.clock.now())
        lines = await _lines(db, admission, inputs)
        [card] = await cards(db, runtime, [admission])
    rows = [line.row for line in lines]
    counts = Counter(row.attendance_status.value for row in rows)
    counts["made_up"] = sum(row.makeup_status is MakeupStatus.MADE_UP for row in rows)
    counts["expected"] = len(rows)
    return RollOut(gathering=card, counts=dict(counts), rows=rows)


async def read_evidence(
    runtime: Runtime, actor: Actor, gathering_id: uuid.UUID, person_id: uuid.UUID
) -> RollEvidenceOut:
    """What stands behind one row.

    Raises: NotOnRollError: not convened, or not in the caller's part.
    """
    async with runtime.database.read() as db:
        admission = await gathering_for(db, actor, runtime.clock, gathering_id, Need.HOLD_ROLL)
        inputs = await load_inputs(db, admission.gathering, runtime.clock.now())
        line = next(
            (line for line in await _lines(db, admission, inputs) if line.row.person.id == person_id), None
        )
        if line is None:
            raise NotOnRollError
        record = await db.get(AttendanceRecord, (gathering_id, line.subject_id))
        return RollEvidenceOut(
            why=why_out(record.why) if record else [],
            evidence=evidence_out(evidence_of(inputs, line.subject_id)),
        )


async def _lines(db: AsyncSession, admission: Admission, inputs: GatheringInputs) -> list[_Line]:
    gathering_id, scope = admission.gathering.id, admission.roll_organisations
    tree = await load_tree(db)
    subjects = list(inputs.convened)
    names = await db.execute(
        select(PersonSubject.subject_id, Person.id, Person.display_name)
        .join(Person, Person.id == PersonSubject.person_id)
        .where(PersonSubject.subject_id.in_(subjects))
    )
    people = {subject_id: Ref(id=person_id, name=name) for subject_id, person_id, name in names}
    rows = await db.scalars(select(AttendanceRecord).where(AttendanceRecord.gathering_id == gathering_id))
    records = {row.subject_id: row for row in rows}
    held = await accounts(db, gathering_id)
    lines = []
    for subject_id, convened in inputs.convened.items():
        if scope is not None and convened.home_branch_id not in scope:
            continue
        record = records.get(subject_id)
        seen = inputs.evidence(subject_id).presence
        covered = stored_coverage_out(record) if record else coverage_out(coverage_of(inputs, subject_id))
        branch = tree.by_id.get(convened.home_branch_id) if convened.home_branch_id else None
        status = status_of(record)
        row = RollRowOut(
            person=people.get(subject_id) or Ref(id=subject_id, name=ERASED),
            branch=tree.ref(convened.home_branch_id),
            expected_as=convened.expected_as,
            attendance_status=status,
            makeup_status=MakeupStatus(record.makeup_status) if record else MakeupStatus.NONE,
            proposal=status in PROPOSALS,
            first_seen=from_epoch_ms(seen[0][0]) if seen else None,
            last_seen=from_epoch_ms(seen[-1][1]) if seen else None,
            live_ms=covered.live_ms + covered.bridged_ms,
            covered_percent_hundredths=covered.share_percent_hundredths,
            coverage=covered,
            credit=credit_out(held.get(subject_id)),
        )
        lines.append(_Line(row, subject_id, (branch.code if branch else "~", row.person.name)))
    return sorted(lines, key=lambda line: (line.order, line.row.person.id))


def to_csv(roll: RollOut, locale: str) -> bytes:
    """The roll for a spreadsheet: UTF-8 with BOM, CRLF, nothing that could be taken for a formula."""
    language = "en" if locale == "en" else "zh-CN"
    out = io.StringIO(newline="")
    writer = csv.writer(out)
    writer.writerow(HEADERS[language])
    for row in roll.rows:
        writer.writerow(_guarded(_cells(row, language)))
    return b"\xef\xbb\xbf" + out.getvalue().encode()


def _cells(row: RollRowOut, language: str) -> Iterable[str]:
    labels = LABELS[language]
    seen = [
        instant.astimezone(SHANGHAI).strftime("%Y-%m-%d %H:%M:%S") if instant else ""
        for instant in (row.first_seen, row.last_seen)
    ]
    status = AttendanceStatus(row.attendance_status)
    return (
        row.branch.name if row.branch else "",
        row.person.name,
        labels[f"expected.{row.expected_as}"],
        labels[status.value],
        labels["made_up"] if row.makeup_status is MakeupStatus.MADE_UP else "",
        labels["proposal"] if row.proposal else "",
        *seen,
        _minutes(row.coverage.live_ms + row.coverage.bridged_ms),
        _minutes(row.coverage.replay_ms),
        _decimal(row.covered_percent_hundredths),
        _decimal(row.credit.hundredths) if row.credit else "",
        labels[row.credit.category.value] if row.credit else "",
    )


def _guarded(cells: Iterable[str]) -> list[str]:
    """Put an apostrophe before what a spreadsheet would run (OWASP CSV injection)."""
    return [f"'{cell}" if cell[:1] in ("=", "+", "-", "@", "\t", "\r", "\n") else cell for cell in cells]


def _minutes(milliseconds: int) -> str:
    return _decimal(milliseconds // 600)


def _decimal(hundredths: int) -> str:
    return f"{hundredths // 100}.{hundredths % 100:02}"
