"""The ledger of credit: posts and reversals, append-only, never two open posts for one person and
gathering.

The unique constraint on (person, gathering, generation) is the last word; this module only keeps it from
being hit.
"""

import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from lecture_api.core.ids import new_id
from lecture_api.records.credit import Credit, CreditCategory, CreditSource, credit_after
from lecture_api.records.models import CreditEntry


@dataclass(frozen=True, slots=True)
class Account:
    """What the ledger says of one person and gathering: the open post, if any, and the next generation."""

    open_post: CreditEntry | None = None
    generation: int = 0


def balance(entries: Iterable[CreditEntry]) -> Account:
    """Fold the rows of one person and gathering. Pure."""
    rows = list(entries)
    reversed_ids = {row.reversal_of for row in rows if row.entry_type == "reversal"}
    open_posts = [row for row in rows if row.entry_type == "post" and row.id not in reversed_ids]
    return Account(open_posts[-1] if open_posts else None, len(reversed_ids))


async def accounts(
    db: AsyncSession, gathering_id: uuid.UUID, subjects: Iterable[uuid.UUID] | None = None
) -> dict[uuid.UUID, Account]:
    """Return the standing of everybody who has rows for a gathering."""
    statement = (
        select(CreditEntry).where(CreditEntry.gathering_id == gathering_id).order_by(CreditEntry.generation)
    )
    if subjects is not None:
        statement = statement.where(CreditEntry.subject_id.in_(list(subjects)))
    rows: dict[uuid.UUID, list[CreditEntry]] = {}
    for row in await db.scalars(statement):
        rows.setdefault(row.subject_id, []).append(row)
    return {subject: balance(found) for subject, found in rows.items()}


def credit_in(entry: CreditEntry) -> Credit:
    """Read a post back as what it credits."""
    return Credit(
        entry.hundredths,
        CreditCategory(entry.category),
        CreditSource(entry.source),
        entry.year,
        entry.rule_version,
    )


@dataclass(frozen=True, slots=True)
class Booking:
    """Whose account in which gathering is settled, for which organisation, why and when."""

    subject_id: uuid.UUID
    gathering_id: uuid.UUID
    organisation_id: uuid.UUID | None
    reason: str
    at: datetime


def settle(
    db: AsyncSession, account: Account, due: Credit | None, booking: Booking, *, may_lower: bool
) -> bool:
    """Bring the ledger to what is due; returns whether anything was booked.

    Args: may_lower: False after End (joints §7): hours can then grow or move, not shrink or vanish.
    """
    held = account.open_post
    if held is not None:
        if due is not None and (credit_in(held), held.organisation_id) == (due, booking.organisation_id):
            return False
        if credit_after(credit_in(held), due, may_lower=may_lower) != due:
            return False
        db.add(_reversal(held, account.generation, booking))
    elif due is None:
        return False
    if due is not None:
        generation = account.generation + (held is not None)
        db.add(_post(due, generation, booking))
    return True


def _post(due: Credit, generation: int, booking: Booking) -> CreditEntry:
    return CreditEntry(
        id=new_id(),
        subject_id=booking.subject_id,
        gathering_id=booking.gathering_id,
        generation=generation,
        entry_type="post",
        reversal_of=None,
        hundredths=due.hundredths,
        category=due.category.value,
        source=due.source.value,
        year=due.year,
        organisation_id=booking.organisation_id,
        rule_version=due.rule_version,
        reason=booking.reason,
        recorded_at=booking.at,
    )


def _reversal(held: CreditEntry, generation: int, booking: Booking) -> CreditEntry:
    return CreditEntry(
        id=new_id(),
        subject_id=held.subject_id,
        gathering_id=held.gathering_id,
        generation=generation,
        entry_type="reversal",
        reversal_of=held.id,
        hundredths=-held.hundredths,
        category=held.category,
        source=held.source,
        year=held.year,
        organisation_id=held.organisation_id,
        rule_version=held.rule_version,
        reason=booking.reason,
        recorded_at=booking.at,
    )
