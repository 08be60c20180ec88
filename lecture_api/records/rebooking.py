"""A home assignment that reaches back moves credit: reversed for the old organisation, posted for the
right one.

Credit belongs to the home organisation on the day of End (joints §10, domain.md I8); the rule is that
organisation's.
"""

import uuid
from dataclasses import replace
from datetime import date, datetime

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from lecture_api.accounts.models import PersonSubject
from lecture_api.core.clock import from_epoch_ms, shanghai_day
from lecture_api.gatherings.models import Gathering
from lecture_api.organisations.homes import home_branch_on
from lecture_api.presence.programme import effective_end_ms
from lecture_api.records.attendance import assess
from lecture_api.records.credit import Credit, CreditCategory, CreditSource, due_credit
from lecture_api.records.credit_rules import RuleBook, rule_book
from lecture_api.records.inputs import GatheringInputs, load_inputs
from lecture_api.records.ledger import Booking, accounts, credit_in, settle
from lecture_api.records.models import CreditEntry


async def rebook(db: AsyncSession, person_id: uuid.UUID, valid_from: date, now: datetime) -> int:
    """Book the person's credit of gatherings that ended on `valid_from` or later anew; returns how many
    moved.
    """
    subject_id = await db.scalar(select(PersonSubject.subject_id).where(PersonSubject.person_id == person_id))
    if subject_id is None:
        return 0
    credited = select(CreditEntry.gathering_id).where(CreditEntry.subject_id == subject_id)
    moved = 0
    for gathering in (await db.scalars(select(Gathering).where(Gathering.id.in_(credited)))).all():
        ended_ms = effective_end_ms(gathering)
        if ended_ms is None or shanghai_day(from_epoch_ms(ended_ms)) < valid_from:
            continue
        moved += await _rebook_one(db, gathering, person_id, subject_id, now)
    await db.flush()
    return moved


async def _rebook_one(
    db: AsyncSession, gathering: Gathering, person_id: uuid.UUID, subject_id: uuid.UUID, now: datetime
) -> bool:
    held = (await accounts(db, gathering.id, [subject_id]))[subject_id]
    ended_ms = effective_end_ms(gathering)
    if held.open_post is None or ended_ms is None:
        return False
    day = shanghai_day(from_epoch_ms(ended_ms))
    home = await home_branch_on(db, person_id, day)
    if home == held.open_post.organisation_id:
        return False
    inputs = await load_inputs(db, gathering, now, [subject_id])
    due = _due(inputs, subject_id, home, await rule_book(db, day), credit_in(held.open_post))
    booking = Booking(subject_id, gathering.id, home, "home_moved", now)
    return settle(db, held, due, booking, may_lower=True)


def _due(
    inputs: GatheringInputs, subject_id: uuid.UUID, home: uuid.UUID | None, rules: RuleBook, held: Credit
) -> Credit:
    """What the new home's rule makes of the same record; a credit kept by an earlier judgement keeps its
    hours.
    """
    assert inputs.ended_ms is not None
    verdict = assess(inputs.programme, inputs.evidence(subject_id), inputs.policy)
    due = due_credit(verdict, rules.rule_for(home), inputs.gathering.credit_hundredths, inputs.ended_ms)
    if due is None:
        return held
    if held.source is CreditSource.REPLAY_SELF:
        return replace(due, category=CreditCategory.SELF_STUDY, source=held.source)
    return due
