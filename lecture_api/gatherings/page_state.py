"""The state a gathering's page shows: one pure function, one enum that drives all copy (joints.md §9,
http_api.md)."""

from datetime import datetime, timedelta
from enum import StrEnum

from lecture_api.gatherings.states import GatheringState, RecordingState

#: From here on before the scheduled start people are let in to wait.
DOORS_OPEN = timedelta(minutes=15)


class PageState(StrEnum):
    """What a visitor of the page is told; every one has icon, text and one action."""

    DRAFT = "draft"
    SCHEDULED = "scheduled"
    WAITING = "waiting"
    LIVE = "live"
    INTERRUPTED = "interrupted"
    ON_BREAK = "on_break"
    ENDED_PROCESSING = "ended_processing"
    ENDED = "ended"
    REPLAY = "replay"
    REPLAY_PENDING_REVIEW = "replay_pending_review"
    REPLAY_WITHDRAWN = "replay_withdrawn"
    NOT_RECORDED = "not_recorded"
    CANCELLED = "cancelled"
    NOT_HELD = "not_held"
    NOT_AUTHORISED = "not_authorised"


class ReplayRelease(StrEnum):
    """When a replay is published: at once for those who could join live, or after somebody looked at it."""

    AT_END = "at_end"
    AFTER_REVIEW = "after_review"


_AFTER_THE_END: dict[RecordingState, PageState] = {
    RecordingState.RECORDING: PageState.ENDED_PROCESSING,
    RecordingState.PUBLISHED: PageState.REPLAY,
    RecordingState.WITHDRAWN: PageState.REPLAY_WITHDRAWN,
    RecordingState.FAILED: PageState.ENDED,
}


def page_state(
    *,
    state: GatheringState,
    scheduled_start: datetime,
    records: bool,
    recording: RecordingState | None,
    replay_release: ReplayRelease,
    may_watch: bool,
    now: datetime,
) -> PageState:
    """What the page shows to one visitor at `now`.

    Args:
        records: gatherings of this kind are recorded.
        recording: state of the recording, None when there is none.
        may_watch: the visitor may watch (access.Permissions.watch).
    """
    if not may_watch:
        return PageState.NOT_AUTHORISED
    if state is GatheringState.SCHEDULED:
        return PageState.WAITING if now >= scheduled_start - DOORS_OPEN else PageState.SCHEDULED
    if state not in (GatheringState.ENDED, GatheringState.ARCHIVED):
        # draft, live, interrupted, on_break, cancelled, not_held carry the same name.
        return PageState(state.value)
    if recording is None:
        return PageState.ENDED if records else PageState.NOT_RECORDED
    if recording is RecordingState.READY:
        waits = replay_release is ReplayRelease.AFTER_REVIEW
        return PageState.REPLAY_PENDING_REVIEW if waits else PageState.ENDED_PROCESSING
    return _AFTER_THE_END[recording]
