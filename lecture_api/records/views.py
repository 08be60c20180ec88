"""From rows and pure results to the bodies of schemas; no query, no decision."""

from collections.abc import Iterable, Mapping
from typing import Any

from lecture_api.core.clock import from_epoch_ms
from lecture_api.presence.intervals import total
from lecture_api.records.attendance import AttendanceStatus
from lecture_api.records.coverage import Coverage
from lecture_api.records.credit import CreditCategory
from lecture_api.records.evidence_lines import Line
from lecture_api.records.ledger import Account
from lecture_api.records.models import AttendanceRecord
from lecture_api.records.policy import AttendancePolicy
from lecture_api.records.policy_text import policy_text
from lecture_api.records.schemas import CoverageOut, CreditOut, EvidenceOut, PolicyOut, SpanOut, WhyOut


def coverage_out(coverage: Coverage) -> CoverageOut:
    """A freshly computed coverage."""
    return CoverageOut(
        length_ms=coverage.length_ms,
        spans=[
            SpanOut.model_validate({"kind": s.kind, "start_ms": s.start_ms, "end_ms": s.end_ms})
            for s in coverage.spans
        ],
        live_ms=total(coverage.live),
        replay_ms=total(coverage.replay),
        bridged_ms=total(coverage.bridged),
        covered_ms=coverage.covered_ms,
        share_percent_hundredths=coverage.share_hundredths(coverage.covered_ms),
    )


def stored_coverage_out(record: AttendanceRecord) -> CoverageOut:
    """The coverage a record keeps."""
    covered = record.live_ms + record.bridged_ms + record.replay_ms
    return CoverageOut(
        length_ms=record.length_ms,
        spans=[
            SpanOut.model_validate({"kind": kind, "start_ms": start, "end_ms": end})
            for kind, start, end in record.spans
        ],
        live_ms=record.live_ms,
        replay_ms=record.replay_ms,
        bridged_ms=record.bridged_ms,
        covered_ms=covered,
        share_percent_hundredths=covered * 10_000 // record.length_ms if record.length_ms else 0,
    )


def credit_out(account: Account | None) -> CreditOut | None:
    """The open post, if there is one."""
    post = account.open_post if account else None
    if post is None:
        return None
    category = CreditCategory(post.category)
    return CreditOut(hundredths=post.hundredths, category=category, status="confirmed")


def why_out(lines: Iterable[Mapping[str, Any]]) -> list[WhyOut]:
    """Stored why-lines."""
    return [WhyOut(code=line["code"], params=line["params"]) for line in lines]


def evidence_out(lines: Iterable[Line]) -> list[EvidenceOut]:
    """Evidence lines."""
    return [
        EvidenceOut.model_validate(
            {
                "kind": line.kind,
                "from": from_epoch_ms(line.from_ms),
                "to": from_epoch_ms(line.to_ms),
                "programme_start_ms": line.programme_start_ms,
                "programme_end_ms": line.programme_end_ms,
                "detail": line.detail,
            }
        )
        for line in lines
    ]


def policy_out(policy: AttendancePolicy, locale: str) -> PolicyOut:
    """The rule with its text in the reader's language."""
    return PolicyOut(
        version=policy.version,
        text=policy_text(policy, locale),
        threshold_percent=policy.threshold_percent,
        late_threshold_percent=policy.late_threshold_percent,
        late_grace_ms=policy.late_grace_ms,
        leave_grace_ms=policy.leave_grace_ms,
        bridge_ms=policy.bridge_ms,
        makeup_percent=policy.makeup_percent,
        makeup_days=policy.makeup_days,
    )


def status_of(record: AttendanceRecord | None) -> AttendanceStatus:
    """A record's status; pending before there is one."""
    return AttendanceStatus(record.attendance_status) if record else AttendanceStatus.PENDING
