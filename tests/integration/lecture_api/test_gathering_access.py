"""Who may see, watch, host, edit and hold the roll of what; decided in one place, on the server."""

from typing import Any

import pytest

from lecture_api.core.actor import Role
from tests.support.api import College

PERMISSIONS = ("watch", "publish", "host", "hold_roll", "edit")


async def permissions(place: College, who: str, gathering_id: str) -> str:
    """The permissions as initials, or the code of the refusal."""
    answer = await place.as_(who, "GET", f"/gatherings/{gathering_id}")
    body: dict[str, Any] = answer.json()
    if answer.status_code != 200:
        return str(body["code"])
    return "".join(name[0] if body["permissions"][name] else "-" for name in PERMISSIONS)


@pytest.mark.parametrize(
    ("who", "allowed"),
    [
        ("secretary10", "wphhe"),
        ("lecturer", "wph--"),
        ("member10", "w----"),
        ("admin", "wph-e"),
        ("secretary20", "not_authorised"),
        ("member20", "not_authorised"),
        ("guest", "not_authorised"),
        ("operator", "not_authorised"),
    ],
)
async def test_branch_gathering_for_participants(place: College, who: str, allowed: str) -> None:
    gathering_id = await place.scheduled(may_watch="participants")
    assert await permissions(place, who, gathering_id) == allowed


@pytest.mark.parametrize(
    ("who", "allowed"),
    [("member20", "w----"), ("guest", "w----"), ("secretary20", "w----"), ("operator", "not_authorised")],
)
async def test_gathering_open_to_the_college(place: College, who: str, allowed: str) -> None:
    gathering_id = await place.scheduled(may_watch="college")
    assert await permissions(place, who, gathering_id) == allowed


async def test_branch_visibility_is_for_those_at_home_there(place: College) -> None:
    nobody: dict[str, list[str]] = {"organisation_ids": [], "person_ids": []}
    gathering_id = await place.scheduled(may_watch="branch", convened=nobody)
    assert await permissions(place, "member10", gathering_id) == "w----"
    assert await permissions(place, "member20", gathering_id) == "not_authorised"


async def test_invited_person_may_watch_and_is_convened(place: College) -> None:
    invited = {"organisation_ids": [], "person_ids": [str(place.people["member20"])]}
    gathering_id = await place.scheduled(convened=invited)
    shown = (await place.as_("member20", "GET", f"/gatherings/{gathering_id}")).json()
    assert (shown["convened"], shown["permissions"]["watch"]) == (True, True)


async def test_draft_is_unknown_to_everyone_else(place: College) -> None:
    start = place.clock.now()
    body = {
        "title": "x",
        "kind": "party_lecture",
        "organisation_id": str(place.organisations["O10"]),
        "scheduled_start": start.isoformat(),
        "scheduled_end": start.replace(hour=23).isoformat(),
        "convened": {"organisation_ids": [str(place.organisations["O10"])], "person_ids": []},
        "may_watch": "college",
    }
    created = (await place.as_("secretary10", "POST", "/gatherings", body)).json()
    assert created["state"] == "draft"
    assert await permissions(place, "member10", created["id"]) == "gathering_not_found"
    home = (await place.as_("member10", "GET", "/gatherings")).json()
    assert home["upcoming"] == []


async def test_refusal_says_whom_to_ask(place: College) -> None:
    gathering_id = await place.scheduled()
    answer = await place.as_("member20", "GET", f"/gatherings/{gathering_id}")
    assert answer.status_code == 403
    assert answer.json()["ask"] == {"organisation": "organisation O10", "host": "secretary10"}
    assert answer.headers["content-type"] == "application/problem+json"


async def test_college_gathering_gives_each_secretary_the_roll_of_the_own_branch(place: College) -> None:
    everyone = {"organisation_ids": [str(place.organisations["O00"])], "person_ids": []}
    gathering_id = await place.scheduled(
        "admin", organisation_id=str(place.organisations["O00"]), convened=everyone
    )
    assert await permissions(place, "secretary20", gathering_id) == "w--h-"
    assert await permissions(place, "admin", gathering_id) == "wphhe"
    assert await permissions(place, "member20", gathering_id) == "w----"


async def test_secretary_does_not_arrange_for_another_branch(place: College) -> None:
    start = place.clock.now()
    body = {
        "title": "x",
        "kind": "party_lecture",
        "organisation_id": str(place.organisations["O20"]),
        "scheduled_start": start.isoformat(),
        "scheduled_end": start.replace(hour=23).isoformat(),
    }
    answer = await place.as_("secretary10", "POST", "/gatherings", body)
    assert (answer.status_code, answer.json()["code"]) == (403, "not_authorised")


async def test_role_that_has_ended_opens_nothing(place: College) -> None:
    gathering_id = await place.scheduled()
    await place.person("helper", role=Role.COMMITTEE_MEMBER, at="O10")
    assert await permissions(place, "helper", gathering_id) == "wphhe"
    people = (await place.as_("admin", "GET", "/people?q=helper")).json()["items"]
    person, grant = people[0]["id"], people[0]["roles"][0]["grant_id"]
    ended = await place.as_("admin", "DELETE", f"/people/{person}/roles/{grant}")
    assert ended.json()["roles"] == []
    assert await permissions(place, "helper", gathering_id) == "not_authorised"
