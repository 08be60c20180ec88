"""Who gets which evidence over HTTP, and that it is the very file from which the stored record comes."""

import io
import json
import uuid

import pytest
from sqlalchemy import select

from lecture_api.accounts.models import PersonSubject
from lecture_api.gatherings.finishing import finish
from lecture_api.records.evidence_check import check
from lecture_api.records.evidence_reader import GoodEvidence, parse, read_evidence
from tests.support.api import College


async def held(place: College) -> str:
    """A gathering of the whole college that is over: an hour, nobody there; returns its id."""
    everyone = {"organisation_ids": [str(place.organisations["O00"])], "person_ids": []}
    gathering_id = await place.on_air(
        "admin", organisation_id=str(place.organisations["O00"]), convened=everyone
    )
    place.clock.advance(seconds=3_600)
    ended = await place.as_("admin", "POST", f"/gatherings/{gathering_id}/end")
    assert ended.json()["state"] == "ended", ended.text
    return gathering_id


async def subject_of(place: College, name: str) -> uuid.UUID:
    async with place.runtime.database.read() as db:
        found = await db.scalar(
            select(PersonSubject.subject_id).where(PersonSubject.person_id == place.people[name])
        )
    assert found is not None
    return found


def lines(data: bytes) -> list[dict[str, object]]:
    files = list(read_evidence(io.BytesIO(data)))
    assert all(isinstance(item, GoodEvidence) for item in files)
    return [check(item.file) for item in files if isinstance(item, GoodEvidence)]


async def test_members_and_auditors_get_the_same_file_and_it_agrees(either_place: College) -> None:
    place = either_place
    gathering_id = await held(place)
    # Publication comes after End; what was stored before must not be stale by it.
    await finish(place.runtime, uuid.UUID(gathering_id))
    own = await place.as_("member20", "GET", f"/me/evidence/{gathering_id}")
    assert own.status_code == 200, own.text
    assert own.headers["content-disposition"].startswith('attachment; filename="evidence-')
    result = check(parse(own.content))
    assert (result["agrees"], result["attendance_status"]) == (True, "absent")
    assert own.json()["published_ms"] is not None
    assert result["subject_id"] == str(await subject_of(place, "member20"))
    everything = await place.as_("member20", "GET", "/me/evidence.jsonl")
    assert [json.loads(line) for line in everything.content.splitlines()] == [own.json()]
    person = place.people["member20"]
    audited = await place.as_(
        "secretary20", "GET", f"/gatherings/{gathering_id}/evidence.jsonl?person_id={person}"
    )
    assert audited.content == everything.content
    assert audited.headers["content-type"].startswith("application/x-ndjson")


async def test_an_auditor_gets_the_part_of_the_roll_that_is_held_and_no_more(place: College) -> None:
    gathering_id = await held(place)
    path = f"/gatherings/{gathering_id}/evidence.jsonl"
    parts = {}
    for name in ("admin", "secretary10", "secretary20"):
        answer = await place.as_(name, "GET", path)
        assert answer.status_code == 200, answer.text
        results = lines(answer.content)
        assert all(result["agrees"] for result in results)
        parts[name] = {result["subject_id"] for result in results}
    roll = (await place.as_("secretary20", "GET", f"/gatherings/{gathering_id}/roll")).json()
    assert len(parts["secretary20"]) == len(roll["rows"])
    assert str(await subject_of(place, "member20")) in parts["secretary20"]
    assert not parts["secretary10"] & parts["secretary20"]
    assert parts["secretary10"] | parts["secretary20"] == parts["admin"]
    other = await place.as_("secretary20", "GET", f"{path}?person_id={place.people['member10']}")
    assert (other.status_code, other.json()["code"]) == (404, "not_on_roll")
    nobody = await place.as_("secretary20", "GET", f"{path}?person_id={uuid.uuid4()}")
    assert (nobody.status_code, nobody.json()["code"]) == (404, "not_on_roll")


@pytest.mark.parametrize("name", ["member10", "member20", "guest", "operator"])
async def test_who_holds_no_roll_gets_nobodys_evidence(place: College, name: str) -> None:
    gathering_id = await held(place)
    for query in ("", f"?person_id={place.people['member20']}"):
        answer = await place.as_(name, "GET", f"/gatherings/{gathering_id}/evidence.jsonl{query}")
        assert answer.status_code == 403, answer.text
    # No parameter of the member's own routes names anybody else.
    own = await place.as_(name, "GET", "/me/evidence.jsonl")
    mine = str(await subject_of(place, name))
    assert {result["subject_id"] for result in lines(own.content)} <= {mine} if own.content else True


async def test_without_a_login_a_record_or_an_end_there_is_no_evidence(place: College) -> None:
    gathering_id = await place.on_air()
    async with place.caller() as http:
        for path in ("me/evidence.jsonl", f"me/evidence/{gathering_id}"):
            assert (await http.get(f"/api/{path}")).status_code == 401
        assert (await http.get(f"/api/gatherings/{gathering_id}/evidence.jsonl")).status_code == 401
    before_end = await place.as_("member10", "GET", f"/me/evidence/{gathering_id}")
    assert (before_end.status_code, before_end.json()["code"]) == (404, "no_record")
    assert (
        await place.as_("secretary10", "GET", f"/gatherings/{gathering_id}/evidence.jsonl")
    ).content == b""
    place.clock.advance(seconds=600)
    await place.as_("secretary10", "POST", f"/gatherings/{gathering_id}/end")
    not_convened = await place.as_("member20", "GET", f"/me/evidence/{gathering_id}")
    assert (not_convened.status_code, not_convened.json()["code"]) == (404, "no_record")
    unknown = await place.as_("member20", "GET", f"/me/evidence/{uuid.uuid4()}")
    assert unknown.status_code == 404


async def test_a_replay_that_is_released_after_review_is_judged_with_its_date(place: College) -> None:
    gathering_id = await place.on_air(replay_release="after_review")
    place.clock.advance(seconds=3_600)
    await place.as_("secretary10", "POST", f"/gatherings/{gathering_id}/end")
    await finish(place.runtime, uuid.UUID(gathering_id))
    place.clock.advance(seconds=3_600)
    for step, body in (
        ("publish-replay", None),
        ("withdraw-replay", {"reason": "x"}),
        ("publish-replay", None),
    ):
        answer = await place.as_("secretary10", "POST", f"/gatherings/{gathering_id}/{step}", body)
        assert answer.is_success, answer.text
        place.clock.advance(seconds=60)
        own = await place.as_("member10", "GET", f"/me/evidence/{gathering_id}")
        assert own.json()["published_ms"] is not None
        assert check(parse(own.content))["differences"] == []
