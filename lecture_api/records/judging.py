"""One person's record as a function of one value: the path of the service and of whoever checks it. Pure.

`judge` is what is stored after End and what `zhijian record compute` says of an exported file; there is no
other. It knows neither rows nor files.
"""

import hashlib
import json
from dataclasses import astuple, dataclass

from lecture_api.records.attendance import (
    PROPOSALS,
    AttendanceStatus,
    Evidence,
    MakeupStatus,
    Verdict,
    Why,
    assess,
)
from lecture_api.records.coverage import Programme
from lecture_api.records.credit import Credit, CreditRule, credit_after, due_credit
from lecture_api.records.policy import AttendancePolicy

KEPT = "kept_after_end"
"""The why-line of whoever keeps what an earlier judgement said (joints §7)."""

_RANK = {
    AttendanceStatus.ABSENT: 0,
    AttendanceStatus.ON_LEAVE: 0,
    AttendanceStatus.LEFT_EARLY: 1,
    AttendanceStatus.PENDING: 1,
    AttendanceStatus.LATE: 2,
    AttendanceStatus.PRESENT: 3,
}


@dataclass(frozen=True, slots=True)
class Case:
    """All that a record depends on; instants are UTC ms. `rule` is that of the home organisation at End."""

    programme: Programme
    ended_ms: int | None
    policy: AttendancePolicy
    evidence: Evidence
    rule: CreditRule
    announced_hundredths: int


@dataclass(frozen=True, slots=True)
class Earlier:
    """What was granted before and is not taken back after End."""

    status: AttendanceStatus | None = None
    makeup: MakeupStatus = MakeupStatus.NONE
    credit: Credit | None = None


@dataclass(frozen=True, slots=True)
class Record:
    """What is stored. `due` is what this judgement earns, `credit` what stands if hours may not shrink."""

    verdict: Verdict
    status: AttendanceStatus
    makeup: MakeupStatus
    why: tuple[Why, ...]
    due: Credit | None
    credit: Credit | None

    @property
    def is_proposal(self) -> bool:
        """Whether a recorder still has to decide."""
        return self.status in PROPOSALS


def judge(case: Case, earlier: Earlier) -> Record:
    """Turn a case into a record; a status is never lowered, a make-up never withdrawn, and it says so."""
    assert case.ended_ms is not None
    verdict = assess(case.programme, case.evidence, case.policy)
    status, makeup, why = verdict.status, verdict.makeup, verdict.why
    if earlier.status is not None and _RANK.get(earlier.status, 0) > _RANK.get(status, 0):
        status = earlier.status
    if earlier.makeup is MakeupStatus.MADE_UP:
        makeup = earlier.makeup
    if (status, makeup) != (verdict.status, verdict.makeup):
        why = (*why, Why(KEPT))
    due = due_credit(verdict, case.rule, case.announced_hundredths, case.ended_ms)
    return Record(
        verdict=verdict,
        status=status,
        makeup=makeup,
        why=why,
        due=due,
        credit=credit_after(earlier.credit, due, may_lower=False),
    )


def fingerprint(case: Case) -> str:
    """SHA-256 over all that a verdict depends on: equal input, equal record (docs/protocol/evidence.md)."""
    evidence = case.evidence
    inputs = [
        [case.programme.pieces, case.programme.excluded, case.ended_ms],
        astuple(case.policy),
        [evidence.presence, evidence.expected_as, evidence.on_leave, evidence.published_ms],
        [[claim.programme, claim.wall, claim.accepted_ms] for claim in evidence.replay],
    ]
    text = json.dumps(inputs, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()
