"""From an evidence file to the record, by the same functions that the service stores it with. Pure.

What must not live here: any rule. `judging.judge` judges; this module only turns the file into its arguments
and its result into JSON, and says where the result differs from what the file says is stored.
"""

from collections.abc import Mapping
from dataclasses import asdict, astuple
from typing import Any, Final

from lecture_api.gatherings.programme_clock import TimelineRow, live_spans
from lecture_api.presence.intervals import Interval, total, union
from lecture_api.presence.programme import pieces_of
from lecture_api.records.attendance import AttendanceStatus
from lecture_api.records.coverage import Programme
from lecture_api.records.credit import Credit, CreditBand, CreditRule
from lecture_api.records.errors import EmptyProgrammeError, UnknownExpectationError
from lecture_api.records.evidence_file import CreditPart, EvidenceFile, RulePart, document_of, hash_of
from lecture_api.records.inputs import evidence_from
from lecture_api.records.judging import Case, Earlier, Record, fingerprint, judge
from lecture_api.records.policy import AttendancePolicy
from lecture_api.records.why_text import WHY_TEXT, why_text
from lecture_api.replays.claims import KeptClaim, ranges_of
from lecture_api.replays.progress import MapPiece

RECORD_FORMAT: Final = "zhijian-record"
EXPECTATIONS: Final = frozenset({"member", "lecturer", AttendanceStatus.EXEMPT, AttendanceStatus.OBSERVER})


def case_of(file: EvidenceFile) -> Case:
    """What the file says, as the value the service judges.

    Raises: EmptyProgrammeError: the programme clock never ran, so there is nothing to judge.
        UnknownExpectationError: `expected_as` is none of the words that are judged.
    """
    if file.convened.expected_as not in EXPECTATIONS:
        raise UnknownExpectationError(f"convened.expected_as: {file.convened.expected_as}")
    ended_ms = file.gathering.ended_ms
    timeline = [TimelineRow(row.at_ms, row.state) for row in file.timeline]
    excluded = union(file.excluded)
    programme = Programme(pieces_of(live_spans(timeline, ended_ms)), excluded)
    if programme.length_ms == 0:
        raise EmptyProgrammeError
    pieces = [MapPiece(*piece) for piece in file.recording.pieces] if file.recording else []
    claims = (
        KeptClaim(
            tuple(Interval(*span) for span in claim.accepted),
            tuple(Interval(*span) for span in claim.wall),
            claim.accepted_ms,
        )
        for claim in file.replay
    )
    return Case(
        programme=programme,
        ended_ms=ended_ms,
        policy=AttendancePolicy(**file.policy.model_dump()),
        evidence=evidence_from(
            union((line.start_ms, line.end_ms) for line in file.presence),
            ranges_of(claims, pieces),
            until_ms=ended_ms,
            expected_as=file.convened.expected_as,
            published_ms=file.published_ms,
            on_leave=file.convened.on_leave,
        ),
        rule=_rule(file.credit_rule),
        announced_hundredths=file.announced_hundredths,
    )


def check(file: EvidenceFile) -> dict[str, Any]:
    """Compute the record and compare: `agrees` is null where the file holds nothing to compare with.

    Raises: EmptyProgrammeError, UnknownExpectationError.
    """
    case = case_of(file)
    record = judge(case, _earlier(file))
    computed = record_body(record, fingerprint(case), case.policy.version)
    seal = document_of(file)["evidence_hash"]
    differences = _differences(file, computed, seal)
    comparable = file.stored is not None or file.evidence_hash is not None
    body = {
        "format": RECORD_FORMAT,
        "version": 1,
        "gathering_id": str(file.gathering.id),
        "subject_id": str(file.subject_id),
        **computed,
        "why": [_told(line) for line in computed["why"]],
        "minutes": _minutes(computed),
    }
    hashes = {
        "input": computed["input_hash"],
        "policy": hash_of(astuple(case.policy)),
        "credit_rule": hash_of([case.announced_hundredths, *astuple(case.rule)]),
        "evidence": seal,
        "record": hash_of(computed),
    }
    agrees = not differences if comparable else None
    return {**body, "hashes": hashes, "agrees": agrees, "differences": differences}


def record_body(record: Record, input_hash: str, policy_version: int) -> dict[str, Any]:
    """A record in the spelling of `stored`, and what is computed beyond it."""
    verdict, coverage = record.verdict, record.verdict.coverage
    return {
        "attendance_status": record.status.value,
        "makeup_status": record.makeup.value,
        "proposal": record.is_proposal,
        "length_ms": coverage.length_ms,
        "live_ms": total(coverage.live),
        "bridged_ms": total(coverage.bridged),
        "replay_ms": total(coverage.replay),
        "covered_ms": coverage.covered_ms,
        "engaged_ms": verdict.engaged_ms,
        "first_seen_ms": verdict.first_seen_ms,
        "last_seen_ms": verdict.last_seen_ms,
        "spans": [[span.kind, span.start_ms, span.end_ms] for span in coverage.spans],
        "why": [{"code": line.code, "params": dict(line.params)} for line in record.why],
        "policy_version": policy_version,
        "input_hash": input_hash,
        "credit": credit_body(record.credit),
    }


def credit_body(credit: Credit | None) -> dict[str, Any] | None:
    """Hours as JSON."""
    return None if credit is None else asdict(credit)


def _differences(file: EvidenceFile, computed: Mapping[str, Any], seal: str) -> list[dict[str, Any]]:
    found = []
    if file.evidence_hash is not None and file.evidence_hash != seal:
        found.append({"field": "evidence_hash", "stored": file.evidence_hash, "computed": seal})
    if file.stored is not None:
        stored = file.stored.model_dump(mode="json")
        found += [
            {"field": name, "stored": value, "computed": computed[name]}
            for name, value in stored.items()
            if value != computed[name]
        ]
    return found


def _told(line: Mapping[str, Any]) -> dict[str, Any]:
    texts = {locale: why_text(line["code"], line["params"], locale) for locale in WHY_TEXT}
    return {**line, **texts}


def _minutes(computed: Mapping[str, int]) -> dict[str, str]:
    """Minutes with two decimals, rounded down, as the roll shows them."""
    shown = {
        name: computed[f"{name}_ms"] // 600 for name in ("length", "live", "bridged", "replay", "covered")
    }
    return {name: f"{value // 100}.{value % 100:02}" for name, value in shown.items()}


def _earlier(file: EvidenceFile) -> Earlier:
    kept = file.earlier
    if kept is None:
        return Earlier()
    return Earlier(kept.attendance_status, kept.makeup_status, _credit(kept.credit))


def _credit(part: CreditPart | None) -> Credit | None:
    if part is None:
        return None
    return Credit(part.hundredths, part.category, part.source, part.year, part.rule_version)


def _rule(part: RulePart) -> CreditRule:
    bands = tuple(CreditBand(from_ms, hundredths) for from_ms, hundredths in part.bands)
    return CreditRule(part.version, bands, part.makeup_category)
