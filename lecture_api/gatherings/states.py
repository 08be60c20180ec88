"""The states of a gathering and of its recording, as data tables (joints.md §9). No database, no clock."""

from enum import StrEnum


class GatheringState(StrEnum):
    """States of a gathering."""

    DRAFT = "draft"
    SCHEDULED = "scheduled"
    LIVE = "live"
    INTERRUPTED = "interrupted"
    ON_BREAK = "on_break"
    ENDED = "ended"
    ARCHIVED = "archived"
    CANCELLED = "cancelled"
    NOT_HELD = "not_held"


class RecordingState(StrEnum):
    """States of a recording."""

    RECORDING = "recording"
    READY = "ready"
    PUBLISHED = "published"
    WITHDRAWN = "withdrawn"
    FAILED = "failed"


class TimelineState(StrEnum):
    """What a row of the timeline says; the programme clock runs in `live` only."""

    LIVE = "live"
    INTERRUPTED = "interrupted"
    ON_BREAK = "on_break"
    SERVICE_GAP = "service_gap"
    ENDED = "ended"


class Step(StrEnum):
    """What can happen to a gathering."""

    SCHEDULE = "schedule"
    START = "start"
    LOSE_PUBLISHER = "lose_publisher"
    REGAIN_PUBLISHER = "regain_publisher"
    BREAK = "break"
    CONTINUE = "continue"
    END = "end"
    RESUME = "resume"
    ARCHIVE = "archive"
    CANCEL = "cancel"
    NOT_HELD = "not_held"


_S = GatheringState
ON_AIR = frozenset({_S.LIVE, _S.INTERRUPTED, _S.ON_BREAK})

#: (state, step) → state. What is not here is refused with `state_conflict`.
TRANSITIONS: dict[tuple[GatheringState, Step], GatheringState] = {
    (_S.DRAFT, Step.SCHEDULE): _S.SCHEDULED,
    (_S.DRAFT, Step.CANCEL): _S.CANCELLED,
    (_S.SCHEDULED, Step.START): _S.LIVE,
    (_S.SCHEDULED, Step.CANCEL): _S.CANCELLED,
    (_S.SCHEDULED, Step.NOT_HELD): _S.NOT_HELD,
    (_S.LIVE, Step.LOSE_PUBLISHER): _S.INTERRUPTED,
    (_S.LIVE, Step.BREAK): _S.ON_BREAK,
    (_S.LIVE, Step.END): _S.ENDED,
    (_S.INTERRUPTED, Step.REGAIN_PUBLISHER): _S.LIVE,
    (_S.INTERRUPTED, Step.BREAK): _S.ON_BREAK,
    (_S.INTERRUPTED, Step.END): _S.ENDED,
    # A break goes on through losses of the publisher; whether it ends in live or interrupted is seen then.
    (_S.ON_BREAK, Step.CONTINUE): _S.LIVE,
    (_S.ON_BREAK, Step.END): _S.ENDED,
    (_S.ENDED, Step.RESUME): _S.INTERRUPTED,
    (_S.ENDED, Step.ARCHIVE): _S.ARCHIVED,
}

_R = RecordingState
#: From → allowed to (joints.md §9; a resumed gathering records on, a published replay can be withdrawn and
# back).
RECORDING_TRANSITIONS: dict[RecordingState, frozenset[RecordingState]] = {
    _R.RECORDING: frozenset({_R.READY, _R.FAILED}),
    _R.READY: frozenset({_R.PUBLISHED, _R.RECORDING, _R.WITHDRAWN}),
    _R.PUBLISHED: frozenset({_R.WITHDRAWN, _R.RECORDING}),
    _R.WITHDRAWN: frozenset({_R.PUBLISHED}),
    _R.FAILED: frozenset({_R.RECORDING, _R.READY}),
}


def next_state(state: GatheringState, step: Step) -> GatheringState | None:
    """Where `step` leads from `state`; None when it is not allowed."""
    return TRANSITIONS.get((state, step))
