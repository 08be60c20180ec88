"""Which conversion rule holds for an organisation on a day: its own, else that of the nearest one above,
else ours.
"""

import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from lecture_api.organisations.tree import load_tree
from lecture_api.records.credit import DEFAULT_RULE, RULES, CreditBand, CreditCategory, CreditRule
from lecture_api.records.models import CreditRuleVersion


@dataclass(frozen=True, slots=True)
class RuleBook:
    """The newest rule of each organisation on one day, and the tree to climb. Pure."""

    rules: Mapping[uuid.UUID | None, CreditRule]
    parents: Mapping[uuid.UUID, uuid.UUID | None]

    def rule_for(self, organisation_id: uuid.UUID | None) -> CreditRule:
        """Climb from the organisation to the root; `None` holds what is valid for everybody."""
        seen: set[uuid.UUID] = set()
        at = organisation_id
        while at is not None and at not in seen:
            if at in self.rules:
                return self.rules[at]
            seen.add(at)
            at = self.parents.get(at)
        return self.rules.get(None, DEFAULT_RULE)


async def rule_book(db: AsyncSession, day: date) -> RuleBook:
    """Read the rules in force on a day."""
    rows = await db.scalars(
        select(CreditRuleVersion)
        .where(CreditRuleVersion.valid_from <= day)
        .order_by(CreditRuleVersion.valid_from, CreditRuleVersion.recorded_at)
    )
    rules = {row.organisation_id: _rule_from(row) for row in rows}
    tree = await load_tree(db)
    return RuleBook(rules, {found.id: found.parent_id for found in tree.by_id.values()})


async def rules_by_version(db: AsyncSession, versions: Iterable[str]) -> dict[str, CreditRule]:
    """Return the rules that were booked by, whatever is in force today; an unknown version is missing."""
    rows = await db.scalars(select(CreditRuleVersion).where(CreditRuleVersion.version.in_(list(versions))))
    return dict(RULES) | {row.version: _rule_from(row) for row in rows}


def _rule_from(row: CreditRuleVersion) -> CreditRule:
    return CreditRule(
        version=row.version,
        bands=tuple(CreditBand(from_ms, hundredths) for from_ms, hundredths in row.bands),
        makeup_category=CreditCategory(row.makeup_category),
    )
