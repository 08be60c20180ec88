"""Attendance status and make-up status of one person in one gathering (domain.md §4.4). Pure.

The functions propose; only `present` confirms itself, everything adverse stays a proposal until a person
signs (joints §10). Each result carries why-lines {code, params}: codes are i18n keys `why.*`, params are
numbers, never prose.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from lecture_api.presence.intervals import total, union
from lecture_api.records.coverage import Coverage, Programme, cover, engaged_ms
from lecture_api.records.policy import AttendancePolicy


class AttendanceStatus(StrEnum):
    """Live status; the identifiers of domain.md §4.2."""

    PENDING = "pending"
    PRESENT = "present"
    LATE = "late"
    LEFT_EARLY = "left_early"
    ON_LEAVE = "on_leave"
    ABSENT = "absent"
    EXEMPT = "exempt"
    OBSERVER = "observer"


class MakeupStatus(StrEnum):
    """Replay status, a column of its own beside the live one."""

    NONE = "none"
    MADE_UP = "made_up"


@dataclass(frozen=True, slots=True)
class ReplayEvidence:
    """One accepted replay claim: programme range, the wall time it stands for, when the server accepted
    it.
    """

    programme: tuple[tuple[int, int], ...]
    wall: tuple[tuple[int, int], ...]
    accepted_ms: int


@dataclass(frozen=True, slots=True)
class Evidence:
    """Everything that is known of one person in one gathering; wall instants are UTC ms."""

    presence: tuple[tuple[int, int], ...] = ()
    replay: tuple[ReplayEvidence, ...] = ()
    expected_as: str = "member"
    on_leave: bool = False
    published_ms: int | None = None


@dataclass(frozen=True, slots=True)
class Why:
    """One line of explanation: an i18n key below `why.` and its numbers."""

    code: str
    params: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Verdict:
    """The whole record of one person: two statuses, what they rest on, and why."""

    coverage: Coverage
    engaged_ms: int
    status: AttendanceStatus
    makeup: MakeupStatus
    earns_live: bool
    first_seen_ms: int | None
    last_seen_ms: int | None
    why: tuple[Why, ...]

    @property
    def is_proposal(self) -> bool:
        """Whether a recorder still has to decide."""
        return self.status in PROPOSALS

    @property
    def earns_makeup(self) -> bool:
        """Whether credit may come from the replay."""
        return self.makeup is MakeupStatus.MADE_UP


PROPOSALS = frozenset(
    {AttendanceStatus.PENDING, AttendanceStatus.LATE, AttendanceStatus.LEFT_EARLY, AttendanceStatus.ABSENT}
)
"""Everything adverse or open; `present` confirms itself."""

_CREDITED = frozenset({AttendanceStatus.PRESENT, AttendanceStatus.LATE})

LECTURER = "lecturer"
"""`expected_as` of the one who speaks: there by definition, and not credited as a listener."""

_NOT_JUDGED = frozenset({AttendanceStatus.EXEMPT.value, AttendanceStatus.OBSERVER.value})
"""`expected_as` of people who are on the roll without being expected (免于参加, 列席)."""


def assess(programme: Programme, evidence: Evidence, policy: AttendancePolicy) -> Verdict:
    """Turn evidence into a record; the same input always gives the same output."""
    replay = [span for claim in evidence.replay for span in claim.programme]
    coverage = cover(programme, evidence.presence, replay, policy.bridge_ms)
    reached = coverage.present_ms * 100 >= policy.threshold_percent * coverage.length_ms > 0
    lectured = evidence.expected_as == LECTURER
    status, why = _live_status(coverage, programme.end_ms, evidence, policy)
    engaged = _engaged(programme, evidence, coverage, evidence.replay)
    makeup = MakeupStatus.NONE
    makeup_why: tuple[Why, ...] = ()
    if not (reached or lectured or evidence.expected_as in _NOT_JUDGED):
        makeup, makeup_why = _makeup(programme, evidence, policy)
    seen = [(start, end) for start, end in union(evidence.presence)]
    return Verdict(
        coverage=coverage,
        engaged_ms=engaged,
        status=status,
        makeup=makeup,
        earns_live=reached
        and evidence.expected_as != LECTURER
        and status in (AttendanceStatus.PRESENT, AttendanceStatus.LATE),
        first_seen_ms=seen[0][0] if seen else None,
        last_seen_ms=seen[-1][1] if seen else None,
        why=(*why, *makeup_why),
    )


def _live_status(
    coverage: Coverage, end_ms: int, evidence: Evidence, policy: AttendancePolicy
) -> tuple[AttendanceStatus, tuple[Why, ...]]:
    """Decide by domain.md §4.4, first rule that holds; joining and leaving are read on the programme
    clock.
    """
    if evidence.expected_as == LECTURER:
        return AttendanceStatus.PRESENT, (Why(LECTURER),)
    if evidence.expected_as in _NOT_JUDGED:
        return AttendanceStatus(evidence.expected_as), (Why(evidence.expected_as),)
    present, length = coverage.present_ms, coverage.length_ms
    percent = coverage.share_hundredths(present)
    share = Why("share", {"covered_ms": present, "length_ms": length, "percent_hundredths": percent})
    if present == 0:
        status = AttendanceStatus.ON_LEAVE if evidence.on_leave else AttendanceStatus.ABSENT
        return status, (Why("on_leave" if evidence.on_leave else "never_seen"),)
    first, last = coverage.present[0].start, coverage.present[-1].end
    reached = present * 100 >= policy.threshold_percent * length
    lines = [share]
    if coverage.bridged:
        lines.append(Why("bridged", {"ms": total(coverage.bridged), "gaps": len(coverage.bridged)}))
    if first > policy.late_grace_ms:
        lines.append(Why("joined_late", {"at_ms": first, "grace_ms": policy.late_grace_ms}))
        if present * 100 >= policy.late_threshold_percent * length:
            return AttendanceStatus.LATE, (*lines, _threshold(reached, policy))
    elif reached:
        return AttendanceStatus.PRESENT, (*lines, _threshold(True, policy))
    lines.append(_threshold(False, policy))
    if last < end_ms - policy.leave_grace_ms:
        early = Why("left_before_end", {"at_ms": last, "end_ms": end_ms, "grace_ms": policy.leave_grace_ms})
        return AttendanceStatus.LEFT_EARLY, (*lines, early)
    return AttendanceStatus.PENDING, (*lines, Why("needs_recorder"))


def _threshold(reached: bool, policy: AttendancePolicy) -> Why:
    return Why("threshold_reached" if reached else "threshold_missed", {"percent": policy.threshold_percent})


def _engaged(
    programme: Programme, evidence: Evidence, coverage: Coverage, claims: Sequence[ReplayEvidence]
) -> int:
    walls = [span for claim in claims for span in claim.wall]
    return engaged_ms(programme, evidence.presence, walls, total(coverage.bridged))


def _makeup(
    programme: Programme, evidence: Evidence, policy: AttendancePolicy
) -> tuple[MakeupStatus, tuple[Why, ...]]:
    """Judge live ∪ replay as far as it was accepted in time: the smaller of covered and engaged × k must
    reach it.
    """
    deadline = None if evidence.published_ms is None else evidence.published_ms + policy.makeup_window_ms
    in_time = [claim for claim in evidence.replay if deadline is None or claim.accepted_ms < deadline]
    if not in_time:
        too_late = Why("makeup_too_late", {"days": policy.makeup_days})
        return MakeupStatus.NONE, (too_late,) if evidence.replay else ()
    replay = [span for claim in in_time for span in claim.programme]
    coverage = cover(programme, evidence.presence, replay, policy.bridge_ms)
    engaged = _engaged(programme, evidence, coverage, in_time)
    counted = min(coverage.covered_ms, engaged * policy.engaged_hundredths // 100)
    numbers = {"percent_hundredths": coverage.share_hundredths(counted), "percent": policy.makeup_percent}
    if counted * 100 >= policy.makeup_percent * coverage.length_ms > 0:
        return MakeupStatus.MADE_UP, (Why("made_up", numbers),)
    return MakeupStatus.NONE, (Why("makeup_open", numbers),)
