"""The state tables, the kinds that are never recorded, and what the page says in every state."""

from datetime import UTC, datetime, timedelta
from itertools import product

import pytest

from lecture_api.gatherings.editing import suggested_credit_hundredths
from lecture_api.gatherings.kinds import KIND_RULES, GatheringKind, is_recorded
from lecture_api.gatherings.page_state import PageState, ReplayRelease, page_state
from lecture_api.gatherings.states import (
    ON_AIR,
    RECORDING_TRANSITIONS,
    TRANSITIONS,
    GatheringState,
    RecordingState,
    Step,
    next_state,
)

START = datetime(2026, 11, 23, 11, 0, tzinfo=UTC)


def shown(
    state: GatheringState,
    *,
    recording: RecordingState | None = None,
    records: bool = True,
    release: ReplayRelease = ReplayRelease.AT_END,
    may_watch: bool = True,
    now: datetime = START,
) -> str:
    return page_state(
        state=state,
        scheduled_start=START,
        records=records,
        recording=recording,
        replay_release=release,
        may_watch=may_watch,
        now=now,
    ).value


def test_every_combination_has_a_page() -> None:
    combinations = product(
        GatheringState, [None, *RecordingState], [True, False], ReplayRelease, [True, False]
    )
    pages = {
        shown(state, recording=recording, records=records, release=release, may_watch=may_watch, now=now)
        for state, recording, records, release, may_watch in combinations
        for now in (START - timedelta(days=1), START)
    }
    assert pages == {page.value for page in PageState}


def test_doors_open_fifteen_minutes_before() -> None:
    scheduled = GatheringState.SCHEDULED
    assert shown(scheduled, now=START - timedelta(minutes=15, seconds=1)) == "scheduled"
    assert shown(scheduled, now=START - timedelta(minutes=15)) == "waiting"


@pytest.mark.parametrize(
    ("recording", "release", "page"),
    [
        (RecordingState.RECORDING, ReplayRelease.AT_END, "ended_processing"),
        (RecordingState.READY, ReplayRelease.AT_END, "ended_processing"),
        (RecordingState.READY, ReplayRelease.AFTER_REVIEW, "replay_pending_review"),
        (RecordingState.PUBLISHED, ReplayRelease.AFTER_REVIEW, "replay"),
        (RecordingState.WITHDRAWN, ReplayRelease.AT_END, "replay_withdrawn"),
        (RecordingState.FAILED, ReplayRelease.AT_END, "ended"),
    ],
)
def test_page_after_the_end_follows_the_recording(
    recording: RecordingState, release: ReplayRelease, page: str
) -> None:
    assert shown(GatheringState.ENDED, recording=recording, release=release) == page


def test_unrecorded_kind_says_so_after_the_end() -> None:
    assert shown(GatheringState.ENDED, records=False) == "not_recorded"


@pytest.mark.parametrize("state", GatheringState)
def test_nothing_is_said_to_who_may_not_watch(state: GatheringState) -> None:
    assert shown(state, may_watch=False) == "not_authorised"


def test_on_air_states_can_always_be_ended_and_never_cancelled() -> None:
    for state in ON_AIR:
        assert next_state(state, Step.END) is GatheringState.ENDED
        assert next_state(state, Step.CANCEL) is None


def test_only_a_scheduled_gathering_starts_and_only_an_ended_one_resumes() -> None:
    assert [state for state in GatheringState if next_state(state, Step.START)] == [GatheringState.SCHEDULED]
    assert [state for state in GatheringState if next_state(state, Step.RESUME)] == [GatheringState.ENDED]


def test_every_state_but_draft_is_reached_and_every_step_is_used() -> None:
    assert set(TRANSITIONS.values()) == set(GatheringState) - {GatheringState.DRAFT}
    assert {step for _state, step in TRANSITIONS} == set(Step)
    assert set(RECORDING_TRANSITIONS) == set(RecordingState)


def test_meetings_with_votes_or_criticism_are_never_recorded() -> None:
    never = {kind for kind in GatheringKind if not KIND_RULES[kind].recorded}
    assert never == {
        GatheringKind.MEMBER_ASSEMBLY,
        GatheringKind.COMMITTEE_MEETING,
        GatheringKind.GROUP_MEETING,
        GatheringKind.ORGANIZATIONAL_LIFE_MEETING,
        GatheringKind.DEMOCRATIC_LIFE_MEETING,
        GatheringKind.DEMOCRATIC_REVIEW,
    }
    assert not is_recorded("a_kind_of_tomorrow")


@pytest.mark.parametrize(("minutes", "hundredths"), [(8, 25), (15, 25), (20, 50), (28, 50), (30, 100)])
def test_suggested_hours_follow_the_length(minutes: int, hundredths: int) -> None:
    assert suggested_credit_hundredths(START, START + timedelta(minutes=minutes)) == hundredths
