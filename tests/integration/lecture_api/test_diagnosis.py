"""What /diagnose asks of the server: open to everyone, bounded, and of no consequence."""

import asyncio
import base64
import json

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from lecture_api.diagnosis import routes, service
from lecture_api.diagnosis.errors import TooManyTrialsError
from lecture_api.diagnosis.service import ADDRESSES_MAX, BURST_BY_ADDRESS, BURST_OF_ALL, TrialDoor
from tests.support.api import College
from tests.support.learning_app import served


async def test_trial_opens_a_room_of_its_own_for_nobody_in_particular(place: College) -> None:
    async with place.caller() as nobody:
        trials = [(await nobody.post("/api/diagnosis/trial")).json() for _ in range(2)]
    first, second = trials
    assert first["whip_url"] != second["whip_url"]
    body = first["token"].split(".")[1]
    claims = json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
    assert claims["grants"] == ["trial"]
    assert (first["whip_url"], first["whep_url"]) == (f"/whip/{claims['room']}", f"/whep/{claims['room']}")
    assert claims["exp"] - claims["iat"] == service.TRIAL_TTL.total_seconds()
    assert place.media.rooms == {}


async def test_trials_are_limited_by_address_and_come_back(place: College) -> None:
    async with place.caller() as nobody:
        for _ in range(BURST_BY_ADDRESS):
            assert (await nobody.post("/api/diagnosis/trial")).status_code == 200
        refused = await nobody.post("/api/diagnosis/trial")
        assert (refused.status_code, refused.json()["code"]) == (429, "too_many_attempts")
        place.clock.advance(seconds=int(refused.headers["retry-after"]))
        assert (await nobody.post("/api/diagnosis/trial")).status_code == 200


def test_all_addresses_together_are_limited_and_few_are_remembered() -> None:
    door = TrialDoor()
    for number in range(BURST_OF_ALL):
        door.let_in(f"2001:db8::{number:x}", 0.0)
    with pytest.raises(TooManyTrialsError):
        door.let_in("192.0.2.1", 0.0)
    for number in range(2 * ADDRESSES_MAX):
        door.let_in(f"host-{number}", 100.0 + number * 10)
    assert len(door._by_address) == ADDRESSES_MAX


async def test_other_sites_get_no_trial(place: College) -> None:
    async with place.caller(Origin="https://elsewhere.example") as page:
        answer = await page.post("/api/diagnosis/trial")
    assert (answer.status_code, answer.json()["code"]) == (403, "cross_site_request")


async def test_echo_answers_a_few_times_and_ends(place: College) -> None:
    async with served(place.app, has_lifespan=False) as address:
        url = f"ws://{address}/api/diagnosis/echo"
        async with connect(url, origin=f"http://{address}", close_timeout=1) as socket:
            for number in range(routes.ECHOES_MAX):
                await socket.send(f"{number}-" + "x" * 200)
                answer = await asyncio.wait_for(socket.recv(), 10)
                assert answer == (f"{number}-" + "x" * 200)[: routes.ECHO_LENGTH_MAX]
            with pytest.raises(ConnectionClosed):
                await asyncio.wait_for(socket.recv(), 10)
        assert place.app.state.echo_connections == 0


async def test_echo_refuses_other_sites_and_crowds(place: College, monkeypatch: pytest.MonkeyPatch) -> None:
    async with served(place.app, has_lifespan=False) as address:
        url = f"ws://{address}/api/diagnosis/echo"

        async def close_code(origin: str) -> int | None:
            async with connect(url, origin=origin, close_timeout=1) as socket:
                with pytest.raises(ConnectionClosed) as closed:
                    await asyncio.wait_for(socket.recv(), 10)
            return closed.value.rcvd.code if closed.value.rcvd else None

        assert await close_code("https://elsewhere.example") == 4403
        monkeypatch.setattr(routes, "ECHO_CONNECTIONS_MAX", 0)
        assert await close_code(f"http://{address}") == 1013
