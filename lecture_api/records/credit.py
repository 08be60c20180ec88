"""学时 of a gathering: how many, of which category, in which year (domain.md R14, R15, §4.4). Pure.

Hours are integers in hundredths. They are all or nothing against the threshold, never partial by the minute.
The rule is that of the member's home organisation on the Asia/Shanghai date of End. Rules are immutable
versions.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from typing import Final

from lecture_api.core.clock import from_epoch_ms, shanghai_year
from lecture_api.records.attendance import Verdict
from lecture_api.records.policy import MINUTE_MS

ANNUAL_TARGET_HUNDREDTHS: Final = 3_200
"""32 学时 of organised study a year for a member (R14); what counts to it is the collective category."""


class CreditCategory(StrEnum):
    """集中学习 or 理论自学."""

    COLLECTIVE = "collective"
    SELF_STUDY = "self_study"


class CreditSource(StrEnum):
    """What the hours were earned by; the identifiers of domain.md §4.2 that this path can produce."""

    LIVE = "live"
    REPLAY_MAKEUP = "replay_makeup"
    REPLAY_SELF = "replay_self"


@dataclass(frozen=True, slots=True)
class CreditBand:
    """Programmes of at least `from_ms` earn `hundredths`."""

    from_ms: int
    hundredths: int


@dataclass(frozen=True, slots=True)
class CreditRule:
    """One version of one organisation's conversion; bands ascend."""

    version: str
    bands: tuple[CreditBand, ...]
    makeup_category: CreditCategory = CreditCategory.COLLECTIVE

    def hundredths(self, length_ms: int) -> int:
        """Hours for a programme of this length."""
        return max((band.hundredths for band in self.bands if length_ms >= band.from_ms), default=0)


DEFAULT_RULE: Final = CreditRule(
    version="yunnan-2026-1",
    # ≤ 15 min earns 0.25, more than 15 earns 0.5, from 30 min one whole hour (R15). Something of no length
    # earns nothing.
    bands=(CreditBand(1, 25), CreditBand(15 * MINUTE_MS + 1, 50), CreditBand(30 * MINUTE_MS, 100)),
)
RULES: Final = {rule.version: rule for rule in (DEFAULT_RULE,)}


@dataclass(frozen=True, slots=True)
class Credit:
    """Hours one person earns in one gathering."""

    hundredths: int
    category: CreditCategory
    source: CreditSource
    year: int
    rule_version: str


def credit_of(
    verdict: Verdict, rule: CreditRule, *, fixed_hundredths: int | None, ended_ms: int
) -> Credit | None:
    """Return what a record earns; live beats make-up, so no gathering is ever credited twice.

    Args: fixed_hundredths: hours the host set on the gathering, which replace the rule's conversion.
    """
    if verdict.earns_live:
        category, source = CreditCategory.COLLECTIVE, CreditSource.LIVE
    elif verdict.earns_makeup:
        category, source = rule.makeup_category, CreditSource.REPLAY_MAKEUP
    else:
        return None
    hundredths = rule.hundredths(verdict.coverage.length_ms) if fixed_hundredths is None else fixed_hundredths
    if hundredths <= 0:
        return None
    return Credit(hundredths, category, source, year_of(ended_ms), rule.version)


def due_credit(verdict: Verdict, rule: CreditRule, announced_hundredths: int, ended_ms: int) -> Credit | None:
    """Return the hours a verdict earns: by the rule of the person's own organisation, else those announced.

    A gathering announced without hours credits nobody.
    """
    if announced_hundredths == 0:
        return None
    announced = announced_hundredths if rule == DEFAULT_RULE else None
    return credit_of(verdict, rule, fixed_hundredths=announced, ended_ms=ended_ms)


def credit_after(held: Credit | None, due: Credit | None, *, may_lower: bool) -> Credit | None:
    """Return what the ledger is to say: what is due, unless hours that may not shrink would (joints §7)."""
    if held is not None and not may_lower and (due is None or due.hundredths < held.hundredths):
        return held
    return due


def year_of(at_ms: int) -> int:
    """Return the Asia/Shanghai year in which an instant is booked."""
    return shanghai_year(from_epoch_ms(at_ms))


def split_by_year(first: date, last: date, hundredths: int) -> Mapping[int, int]:
    """Split the hours of a training of several days by the days in each year; the parts sum up exactly.

    Rounding goes down in every year but the last, which takes the rest.
    """
    days = (last - first).days + 1
    if days < 1:
        raise ValueError("a training ends on or after the day it begins")
    count: dict[int, int] = {}
    for offset in range(days):
        year = (first + timedelta(days=offset)).year
        count[year] = count.get(year, 0) + 1
    parts = {year: hundredths * n // days for year, n in count.items()}
    parts[last.year] += hundredths - sum(parts.values())
    return parts
