"""Declaring what was watched uninvited as 理论自学 (joints §10): by the person, about themselves."""

import uuid
from dataclasses import replace

from sqlalchemy.ext.asyncio import AsyncSession

from lecture_api.core.actor import Actor
from lecture_api.core.clock import from_epoch_ms, shanghai_day
from lecture_api.core.runtime import Runtime
from lecture_api.gatherings.access import gathering_for
from lecture_api.gatherings.models import Gathering
from lecture_api.organisations.homes import home_branch_on
from lecture_api.records.attendance import MakeupStatus, assess
from lecture_api.records.credit import Credit, CreditCategory, CreditSource, due_credit
from lecture_api.records.credit_rules import rule_book
from lecture_api.records.errors import ConvenedAlreadyError, CoverageTooSmallError, NotOverError
from lecture_api.records.inputs import load_inputs
from lecture_api.records.ledger import Account, Booking, accounts, settle
from lecture_api.records.models import SelfStudyDeclaration
from lecture_api.records.recompute import JUDGED


async def declare(runtime: Runtime, actor: Actor, gathering_id: uuid.UUID) -> None:
    """Declare and credit, once; a second time changes nothing.

    Raises: NotOverError, ConvenedAlreadyError, CoverageTooSmallError.
    """
    now = runtime.clock.now()
    async with runtime.database.write() as db:
        gathering = (await gathering_for(db, actor, runtime.clock, gathering_id)).gathering
        if gathering.state not in JUDGED:
            raise NotOverError
        credit, home = await _due(db, runtime, actor, gathering)
        if await db.get(SelfStudyDeclaration, (gathering_id, actor.subject_id)) is None:
            db.add(
                SelfStudyDeclaration(gathering_id=gathering_id, subject_id=actor.subject_id, declared_at=now)
            )
        held = (await accounts(db, gathering_id, [actor.subject_id])).get(actor.subject_id, Account())
        booking = Booking(actor.subject_id, gathering_id, home, "declared", now)
        settle(db, held, credit, booking, may_lower=False)


async def _due(
    db: AsyncSession, runtime: Runtime, actor: Actor, gathering: Gathering
) -> tuple[Credit | None, uuid.UUID | None]:
    """The hours as self-study, by the same share that makes up, without its deadline."""
    inputs = await load_inputs(db, gathering, runtime.clock.now(), [actor.subject_id])
    if actor.subject_id in inputs.convened:
        raise ConvenedAlreadyError
    evidence = inputs.evidence(actor.subject_id)
    verdict = assess(inputs.programme, replace(evidence, published_ms=None), inputs.policy)
    if verdict.makeup is not MakeupStatus.MADE_UP or inputs.ended_ms is None:
        raise CoverageTooSmallError
    day = shanghai_day(from_epoch_ms(inputs.ended_ms))
    home = await home_branch_on(db, actor.person_id, day)
    due = due_credit(
        verdict, (await rule_book(db, day)).rule_for(home), gathering.credit_hundredths, inputs.ended_ms
    )
    if due is None:
        return None, home
    return replace(due, category=CreditCategory.SELF_STUDY, source=CreditSource.REPLAY_SELF), home
