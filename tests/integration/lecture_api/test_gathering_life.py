"""A gathering from draft to replay, over HTTP: states, room and recorder, what fails closed, what is
announced."""

import asyncio
import uuid
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from lecture_api.gatherings import keeper
from lecture_api.gatherings.kinds import GatheringKind, is_recorded
from lecture_api.gatherings.models import ConvenedPerson, Gathering
from tests.support.api import College

FORBIDDEN = [kind.value for kind in GatheringKind if not is_recorded(kind)]


async def post(place: College, who: str, gathering_id: str, step: str, body: Any = None) -> Any:
    answer = await place.as_(who, "POST", f"/gatherings/{gathering_id}/{step}", body)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def detail(place: College, who: str, gathering_id: str) -> Any:
    return (await place.as_(who, "GET", f"/gatherings/{gathering_id}")).json()


async def test_recorded_gathering_becomes_a_replay_at_the_same_address(either_place: College) -> None:
    place = either_place
    gathering_id = await place.scheduled()
    assert (await detail(place, "member10", gathering_id))["page_state"] == "waiting"
    started = await post(place, "lecturer", gathering_id, "start")
    assert (started["state"], started["recording"]["state"]) == ("live", "recording")
    room = place.media.rooms[gathering_id]
    assert room["recording_id"] in place.recordings.status
    assert room["codec"] == "H264"
    place.clock.advance(seconds=1800)
    await post(place, "lecturer", gathering_id, "end")
    await place.runtime.background.settle()
    ended = await detail(place, "member10", gathering_id)
    assert (ended["state"], ended["page_state"]) == ("ended", "replay")
    assert ended["programme"]["ms"] == 1_800_000
    assert gathering_id not in place.media.rooms
    home = (await place.as_("member10", "GET", "/gatherings?view=home")).json()
    assert home["replays"][0]["items"][0]["id"] == gathering_id


@pytest.mark.parametrize("kind", FORBIDDEN)
async def test_forbidden_kind_is_never_recorded(place: College, kind: str) -> None:
    gathering_id = await place.on_air(kind=kind)
    await keeper.keep_once(place.runtime)
    await post(place, "secretary10", gathering_id, "end")
    await place.runtime.background.settle()
    resumed = await post(place, "secretary10", gathering_id, "resume")
    assert resumed["recording"] == {"state": "off", "reason_off": "kind_not_recorded"}
    assert place.media.recordings_switched_on == []
    assert place.recordings.status == {}
    assert place.media.rooms[gathering_id] == {
        "recording_id": None,
        "codec": "VP8",
        "key_generation": 1,
    }


async def test_start_with_the_media_node_down_leaves_the_gathering_scheduled(place: College) -> None:
    gathering_id = await place.scheduled()
    place.media.is_down = True
    answer = await place.as_("lecturer", "POST", f"/gatherings/{gathering_id}/start")
    assert (answer.status_code, answer.json()["code"]) == (503, "media_unavailable")
    assert (await detail(place, "lecturer", gathering_id))["state"] == "scheduled"


async def test_start_with_the_recorder_down_goes_on_air_and_the_keeper_starts_it_later(
    place: College,
) -> None:
    place.recordings.is_down = True
    gathering_id = await place.on_air()
    studio = (await place.as_("lecturer", "GET", f"/gatherings/{gathering_id}/studio")).json()
    assert studio["recorder"]["warnings"] == ["recorder_unreachable"]
    place.recordings.is_down = False
    await keeper.keep_once(place.runtime)
    assert place.media.rooms[gathering_id]["recording_id"] in place.recordings.status


async def test_recorder_paused_on_a_full_disk_is_told_to_everyone_and_resumes(place: College) -> None:
    gathering_id = await place.on_air()
    [status] = place.recordings.status.values()
    for state, told in (("paused_disk", "paused"), ("recording", "recording")):
        status["state"] = state
        await keeper.keep_once(place.runtime)
        await keeper.keep_once(place.runtime)
        assert (await detail(place, "member10", gathering_id))["recording"]["state"] == told
    async with place.runtime.database.read() as db:
        rows = await place.runtime.room_events.after(db, uuid.UUID(gathering_id), 0)
    frames = [row.frame for row in rows if row.kind == "recording"]
    assert ['"recording":true' in frame for frame in frames] == [True, False, True]


async def test_failed_start_switches_recording_off_again(
    place: College, monkeypatch: pytest.MonkeyPatch
) -> None:
    gathering_id = await place.scheduled()

    async def breaks(*_arguments: object) -> None:
        raise RuntimeError("the snapshot failed")

    monkeypatch.setattr("lecture_api.gatherings.service.take_snapshot", breaks)
    with pytest.raises(RuntimeError):
        await place.as_("lecturer", "POST", f"/gatherings/{gathering_id}/start")
    assert place.media.recordings_switched_on == [gathering_id]
    assert gathering_id not in place.media.rooms


async def test_second_start_is_a_conflict_that_names_the_state(place: College) -> None:
    gathering_id = await place.on_air()
    before = place.media.rooms[gathering_id]
    answer = await place.as_("secretary10", "POST", f"/gatherings/{gathering_id}/start")
    assert (answer.status_code, answer.json()["code"], answer.json()["state"]) == (
        409,
        "state_conflict",
        "live",
    )
    assert place.media.rooms[gathering_id] == before


async def test_programme_clock_stands_still_in_a_break(place: College) -> None:
    gathering_id = await place.on_air()
    place.clock.advance(seconds=600)
    await post(place, "lecturer", gathering_id, "break")
    place.clock.advance(seconds=900)
    shown = await detail(place, "member10", gathering_id)
    assert (shown["page_state"], shown["programme"]["running"], shown["programme"]["ms"]) == (
        "on_break",
        False,
        600_000,
    )


async def test_break_without_a_publisher_continues_as_interrupted(place: College) -> None:
    gathering_id = await place.on_air()
    await post(place, "lecturer", gathering_id, "break")
    assert (await post(place, "lecturer", gathering_id, "continue"))["state"] == "interrupted"


async def test_resume_takes_end_back_within_ten_minutes_and_records_on(place: College) -> None:
    gathering_id = await place.on_air()
    recording = place.media.rooms[gathering_id]["recording_id"]
    place.clock.advance(seconds=60)
    await post(place, "lecturer", gathering_id, "end")
    await place.runtime.background.settle()
    place.clock.advance(seconds=590)
    resumed = await post(place, "lecturer", gathering_id, "resume")
    assert (resumed["state"], resumed["actual_end"]) == ("interrupted", None)
    assert place.media.rooms[gathering_id]["recording_id"] == recording
    await post(place, "lecturer", gathering_id, "end")
    await place.runtime.background.settle()
    place.clock.advance(seconds=601)
    late = await place.as_("lecturer", "POST", f"/gatherings/{gathering_id}/resume")
    assert (late.status_code, late.json()["code"]) == (409, "resume_too_late")


async def test_end_with_the_recorder_down_is_finished_by_the_keeper(place: College) -> None:
    gathering_id = await place.on_air()
    place.clock.advance(seconds=60)
    place.recordings.is_down = True
    await post(place, "lecturer", gathering_id, "end")
    await place.runtime.background.settle()
    assert (await detail(place, "member10", gathering_id))["page_state"] == "ended_processing"
    place.recordings.is_down = False
    await keeper.keep_once(place.runtime)
    assert (await detail(place, "member10", gathering_id))["page_state"] == "replay"


async def test_recording_of_nothing_leaves_no_replay(place: College) -> None:
    gathering_id = await place.on_air()
    place.recordings.length_ms = 0
    await post(place, "lecturer", gathering_id, "end")
    await place.runtime.background.settle()
    shown = await detail(place, "member10", gathering_id)
    assert (shown["page_state"], shown["recording"]["state"]) == ("ended", "failed")


async def test_replay_after_review_waits_for_it(place: College) -> None:
    gathering_id = await place.on_air(replay_release="after_review")
    place.clock.advance(seconds=60)
    await post(place, "lecturer", gathering_id, "end")
    await place.runtime.background.settle()
    assert (await detail(place, "member10", gathering_id))["page_state"] == "replay_pending_review"


async def test_silence_interrupts_after_ten_seconds_and_ends_after_thirty_minutes(place: College) -> None:
    gathering_id = await place.on_air()
    place.clock.advance(seconds=9)
    await keeper.keep_once(place.runtime)
    assert (await detail(place, "member10", gathering_id))["state"] == "live"
    place.clock.advance(seconds=1)
    await keeper.keep_once(place.runtime)
    assert (await detail(place, "member10", gathering_id))["state"] == "interrupted"
    place.clock.advance(seconds=1789)
    await keeper.keep_once(place.runtime)
    assert (await detail(place, "member10", gathering_id))["state"] == "interrupted"
    place.clock.advance(seconds=1)
    await keeper.keep_once(place.runtime)
    await place.runtime.background.settle()
    assert (await detail(place, "member10", gathering_id))["state"] == "ended"


async def test_corrected_end_shortens_the_programme_and_can_not_lengthen_it(place: College) -> None:
    gathering_id = await place.on_air()
    start = place.clock.now()
    place.clock.advance(seconds=3600)
    await post(place, "lecturer", gathering_id, "end")
    wanted = {"effective_end": (start + timedelta(minutes=20)).isoformat(), "reason": "forgotten"}
    corrected = await post(place, "secretary10", gathering_id, "correct-end", wanted)
    assert corrected["programme"]["ms"] == 1_200_000
    too_late = wanted | {"effective_end": (start + timedelta(hours=2)).isoformat()}
    answer = await place.as_("lecturer", "POST", f"/gatherings/{gathering_id}/correct-end", too_late)
    assert (answer.status_code, answer.json()["code"]) == (422, "bad_effective_end")


async def test_snapshot_holds_who_was_at_home_at_the_first_start(place: College) -> None:
    gathering_id = await place.on_air()
    await place.person("newcomer", home="O10")
    async with place.runtime.database.read() as db:
        expected = select(ConvenedPerson).where(ConvenedPerson.gathering_id == uuid.UUID(gathering_id))
        rows = (await db.scalars(expected)).all()
    assert len(rows) == 3  # secretary10, lecturer, member10
    assert {row.expected_as for row in rows} == {"member", "lecturer"}
    shown = await detail(place, "newcomer", gathering_id)
    assert shown["convened"] is False
    assert shown["permissions"]["watch"] is True


async def test_room_is_told_every_state_in_order_without_holes(place: College) -> None:
    gathering_id = await place.on_air()
    await post(place, "lecturer", gathering_id, "break")
    await post(place, "lecturer", gathering_id, "end")
    await place.runtime.background.settle()
    async with place.runtime.database.read() as db:
        rows = await place.runtime.room_events.after(db, uuid.UUID(gathering_id), 0)
    assert [row.seq for row in rows] == list(range(1, len(rows) + 1))
    states = [row.frame.split('"page_state":"')[1].split('"')[0] for row in rows if row.kind == "state"]
    assert states[-5:] == ["waiting", "live", "on_break", "ended_processing", "replay"]


async def test_changes_after_start_are_limited_to_words(place: College) -> None:
    gathering_id = await place.on_air()
    ok = await place.as_("secretary10", "PATCH", f"/gatherings/{gathering_id}", {"title": "better"})
    assert ok.json()["title"] == "better"
    refused = await place.as_("secretary10", "PATCH", f"/gatherings/{gathering_id}", {"kind": "micro_lesson"})
    assert (refused.status_code, refused.json()["code"]) == (409, "state_conflict")


async def test_cancelled_gathering_says_why_and_its_calendar_entry_follows(place: College) -> None:
    gathering_id = await place.scheduled()
    before = (await place.as_("member10", "GET", f"/gatherings/{gathering_id}/calendar.ics")).text
    cancelled = await post(place, "secretary10", gathering_id, "cancel", {"reason": "ill"})
    assert (cancelled["page_state"], cancelled["state_reason"]) == ("cancelled", "ill")
    after = (await place.as_("member10", "GET", f"/gatherings/{gathering_id}/calendar.ics")).text
    assert "SEQUENCE:0" in before
    assert "STATUS:CONFIRMED" in before
    assert "SEQUENCE:1" in after
    assert "STATUS:CANCELLED" in after


async def test_bad_schedule_and_unknown_references_are_refused(place: College) -> None:
    now = place.clock.now()
    body = {
        "title": "x",
        "kind": "party_lecture",
        "organisation_id": str(place.organisations["O10"]),
        "scheduled_start": now.isoformat(),
        "scheduled_end": now.isoformat(),
    }
    bad = await place.as_("secretary10", "POST", "/gatherings", body)
    assert (bad.status_code, bad.json()["code"]) == (422, "bad_schedule")
    later = body | {"scheduled_end": (now + timedelta(hours=1)).isoformat()}
    for wish in (
        {"column_id": str(uuid.uuid4())},
        {"lecturer_id": str(uuid.uuid4())},
        {"convened": {"organisation_ids": [str(uuid.uuid4())], "person_ids": []}},
    ):
        unknown = await place.as_("secretary10", "POST", "/gatherings", later | wish)
        assert (unknown.status_code, unknown.json()["code"]) == (422, "unknown_reference")


async def test_media_is_granted_only_on_air_and_publishing_only_to_hosts(place: College) -> None:
    gathering_id = await place.scheduled()
    path = f"/gatherings/{gathering_id}/media-grant"
    early = await place.as_("lecturer", "POST", path, {"purpose": "publish"})
    assert (early.status_code, early.json()["code"]) == (409, "not_on_air")
    await post(place, "lecturer", gathering_id, "start")
    refused = await place.as_("member10", "POST", path, {"purpose": "publish"})
    assert (refused.status_code, refused.json()["code"]) == (403, "not_authorised")
    granted = await place.as_("member10", "POST", path, {"purpose": "watch"})
    assert granted.json()["url"] == f"/whep/{gathering_id}"
    async with place.runtime.database.read() as db:
        assert (await db.get_one(Gathering, uuid.UUID(gathering_id))).state == "live"


async def test_typed_code_is_found_in_any_case_with_spaces(place: College) -> None:
    gathering_id = await place.scheduled()
    code = (await detail(place, "member10", gathering_id))["code"]
    typed = f"{code[:3].lower()} {code[3:].lower()}"
    found = await place.as_("member10", "GET", f"/gatherings/by-code/{typed}")
    assert found.json()["id"] == gathering_id


async def test_managed_list_goes_on_by_cursor(place: College, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lecture_api.gatherings.listing.PAGE_SIZE", 2)
    made = {await place.scheduled(title=f"lecture {number}") for number in range(5)}
    seen: list[str] = []
    cursor = ""
    async with place.signed_in("secretary10") as http:
        while True:
            page = (await http.get(f"/api/gatherings?view=manage{cursor}")).json()
            seen += [item["id"] for item in page["items"]]
            if page["next_cursor"] is None:
                break
            cursor = f"&cursor={page['next_cursor']}"
    assert len(seen) == 5
    assert set(seen) == made


async def test_room_of_a_meeting_is_closed_even_if_the_node_was_away_at_end(place: College) -> None:
    gathering_id = await place.on_air(kind="committee_meeting")
    place.media.is_down = True
    await post(place, "lecturer", gathering_id, "end")
    await place.runtime.background.settle()
    assert gathering_id in place.media.rooms
    place.media.is_down = False
    await keeper.keep_once(place.runtime)
    assert gathering_id not in place.media.rooms


async def test_withdrawn_replay_is_not_brought_back_by_resuming(place: College) -> None:
    gathering_id = await place.on_air()
    place.clock.advance(seconds=60)
    await post(place, "lecturer", gathering_id, "end")
    await place.runtime.background.settle()
    withdrawn = await place.as_(
        "secretary10", "POST", f"/gatherings/{gathering_id}/withdraw-replay", {"reason": "有误"}
    )
    assert withdrawn.status_code == 200, withdrawn.text
    answer = await place.as_("lecturer", "POST", f"/gatherings/{gathering_id}/resume")
    assert (answer.status_code, answer.json()["code"]) == (409, "state_conflict")


async def test_two_ends_at_once_are_one_end(either_place: College) -> None:
    place = either_place
    gathering_id = await place.on_air()
    place.clock.advance(seconds=60)
    answers = await asyncio.gather(
        *(place.as_("lecturer", "POST", f"/gatherings/{gathering_id}/end") for _ in range(2))
    )
    assert sorted(answer.status_code for answer in answers) == [200, 409]


async def test_refusal_of_a_service_names_no_inner_address(place: College) -> None:
    gathering_id = await place.scheduled()
    place.media.is_down = True
    answer = await place.as_("lecturer", "POST", f"/gatherings/{gathering_id}/start")
    assert answer.status_code == 503
    assert "control" not in answer.text
