"""Stream keys of a gathering: who gets one, what it says, and that revoking reaches the media node."""

import base64
import json
from typing import Any

import pytest

from lecture_api.gatherings import keeper
from lecture_api.gatherings.reconcile import on_media_epoch
from tests.support.api import College


async def key_of(place: College, who: str, gathering_id: str, step: str = "") -> dict[str, Any]:
    answer = await place.as_(who, "POST", f"/gatherings/{gathering_id}/stream-key{step}")
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def read(token: str) -> dict[str, Any]:
    """The claims. The test's evening is long past, so a verifier would call it expired."""
    body = token.split(".")[1]
    return dict(json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4))))


async def test_key_publishes_into_its_gathering_and_nothing_else(place: College) -> None:
    gathering_id = await place.scheduled()
    key = await key_of(place, "lecturer", gathering_id)
    claims = read(key["key"])
    assert (claims["room"], claims["grants"], claims["gen"]) == (gathering_id, ["publish"], 1)
    assert key["url"] == f"/whip/{gathering_id}"
    assert (key["generation"], key["in_force"]) == (1, True)


async def test_key_and_page_are_the_same_person_to_the_media_node(place: College) -> None:
    gathering_id = await place.on_air()
    key = read((await key_of(place, "lecturer", gathering_id))["key"])
    grant = (
        await place.as_("lecturer", "POST", f"/gatherings/{gathering_id}/media-grant", {"purpose": "publish"})
    ).json()
    assert read(grant["token"])["sub"] == key["sub"]
    assert "gen" not in read(grant["token"])


async def test_key_outlives_a_lecture_that_runs_late(place: College) -> None:
    gathering_id = await place.scheduled()
    key = await key_of(place, "lecturer", gathering_id)
    assert key["expires_at"] == "2026-11-24T00:00:00Z"
    place.clock.advance(seconds=3 * 3600)
    assert (await key_of(place, "lecturer", gathering_id))["expires_at"] == "2026-11-24T02:00:00Z"


@pytest.mark.parametrize("step", ["", "/renew"])
@pytest.mark.parametrize(("who", "status"), [("member10", 403), ("member20", 403), ("operator", 403)])
async def test_key_is_only_for_who_may_publish(place: College, who: str, status: int, step: str) -> None:
    gathering_id = await place.on_air()
    answer = await place.as_(who, "POST", f"/gatherings/{gathering_id}/stream-key{step}")
    assert (answer.status_code, answer.json()["code"]) == (status, "not_authorised")
    async with place.caller() as nobody:
        unknown = await nobody.post(f"/api/gatherings/{gathering_id}/stream-key{step}")
    assert (unknown.status_code, unknown.json()["code"]) == (401, "not_signed_in")


async def test_renewing_tells_the_media_node_at_once(either_place: College) -> None:
    place = either_place
    gathering_id = await place.on_air()
    assert place.media.rooms[gathering_id]["key_generation"] == 1
    before = place.media.rooms[gathering_id]
    key = await key_of(place, "secretary10", gathering_id, "/renew")
    assert (key["generation"], key["in_force"]) == (2, True)
    assert read(key["key"])["gen"] == 2
    assert place.media.rooms[gathering_id] == before | {"key_generation": 2}
    assert (await key_of(place, "lecturer", gathering_id))["generation"] == 2


async def test_renewing_before_start_holds_from_the_start_on(place: College) -> None:
    gathering_id = await place.scheduled()
    assert (await key_of(place, "lecturer", gathering_id, "/renew"))["in_force"] is True
    assert gathering_id not in place.media.rooms
    await place.as_("lecturer", "POST", f"/gatherings/{gathering_id}/start")
    assert place.media.rooms[gathering_id]["key_generation"] == 2


async def test_renewing_with_the_node_down_is_told_to_it_when_it_is_back(place: College) -> None:
    gathering_id = await place.on_air()
    place.media.is_down = True
    key = await key_of(place, "lecturer", gathering_id, "/renew")
    assert (key["generation"], key["in_force"]) == (2, False)
    place.media.is_down = False
    await keeper.keep_once(place.runtime)
    assert place.media.rooms[gathering_id]["key_generation"] == 2


async def test_restarted_node_is_told_the_generation_again(place: College) -> None:
    gathering_id = await place.on_air()
    await key_of(place, "lecturer", gathering_id, "/renew")
    place.media.rooms.clear()
    place.media.epoch = "epoch-2"
    await on_media_epoch(place.runtime, "epoch-2")
    assert place.media.rooms[gathering_id]["key_generation"] == 2
