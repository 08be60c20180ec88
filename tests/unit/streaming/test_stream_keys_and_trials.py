"""Stream keys are good for one generation of a room; trials are short, few and of no consequence."""

import time
from pathlib import Path

import httpx
import pytest

from streaming.errors import KeyRevoked, TokenInvalid
from streaming.rooms import entry as entry_module
from streaming.rooms import life_cycle as life_cycle_module
from streaming.rooms.entry import TRIALS_PER_NODE, TRIALS_PER_ROOM, Entry
from tests.support.media_node_on_fake import NodeOnFake, node_on_fake, until
from tests.support.media_tokens import TokenMint, bearer
from tests.support.offers import publisher_offer, viewer_offer

SDP = {"Content-Type": "application/sdp"}


@pytest.fixture
async def node(tmp_path: Path):
    async with node_on_fake(tmp_path) as running:
        yield running


def key(node: NodeOnFake, generation: int, participant: str = "p1") -> str:
    return node.mint.mint(participant, grants=["publish"], claims={"gen": generation})


async def publish(node: NodeOnFake, token: str) -> httpx.Response:
    return await node.http.post("/whip/room", content=publisher_offer(), headers=bearer(token) | SDP)


async def tell(node: NodeOnFake, generation: int | None) -> None:
    settings = {"recording_id": None, "codec": "H264", "key_generation": generation}
    assert (await node.control("PUT", "/rooms/room", json=settings)).status_code == 200


def refused(response: httpx.Response) -> bool:
    return (response.status_code, response.json()["code"]) == (401, "key_revoked")


@pytest.mark.parametrize(
    ("generation", "room", "good"),
    [(None, None, True), (None, 3, True), (3, 3, True), (4, 3, True), (2, 3, False), (1, None, False)],
)
def test_key_is_good_from_its_generation_on(generation: int | None, room: int | None, good: bool) -> None:
    entry = Entry("p1", generation)
    if good:
        entry.require_current(room)
    else:
        with pytest.raises(KeyRevoked):
            entry.require_current(room)


@pytest.mark.parametrize("generation", ["2", 1.5, True, []])
def test_generation_that_is_no_number_makes_no_token(generation: object) -> None:
    mint = TokenMint()
    with pytest.raises(TokenInvalid):
        mint.verifier.verify(mint.mint(claims={"gen": generation}))


async def test_key_opens_a_room_only_once_its_generation_is_told(node: NodeOnFake) -> None:
    assert refused(await publish(node, key(node, 1)))
    await tell(node, None)
    assert refused(await publish(node, key(node, 1)))
    await tell(node, 1)
    assert (await publish(node, key(node, 1))).status_code == 201
    assert "room" in node.node.services.registry.rooms


async def test_refused_key_leaves_no_room_behind(node: NodeOnFake) -> None:
    assert refused(await publish(node, key(node, 1)))
    assert node.node.services.registry.rooms == {}


async def test_raised_generation_ends_the_old_keys_session_at_once_and_no_other(node: NodeOnFake) -> None:
    await tell(node, 1)
    answer = await publish(node, key(node, 1))
    location = answer.headers["location"]
    old = node.engine.called("add_session")[-1][0]
    await node.connected("whip", "host", source="screen")
    await node.connected("whep", "viewer")
    await tell(node, 2)
    await until(lambda: old in [call[0] for call in node.engine.called("close_session")])
    shown = (await node.control("GET", "/rooms/room")).json()["sessions"]
    assert {entry["participant"] for entry in shown} == {"host", "viewer"}
    assert refused(await publish(node, key(node, 1)))
    gone = await node.http.delete(location, headers=bearer(key(node, 1)))
    assert gone.status_code == 404
    assert (await publish(node, key(node, 2))).status_code == 201


async def test_connected_publisher_with_an_old_key_is_reported_as_revoked(node: NodeOnFake) -> None:
    await tell(node, 1)
    mint, node.mint = node.mint, KeyMint(node.mint)
    await node.connected("whip")
    node.mint = mint
    await tell(node, 2)
    events = await node.events()
    assert [(event["type"], event["data"].get("cause")) for event in events][-1] == (
        "publisher_gone",
        "key_revoked",
    )


async def test_generation_never_falls(node: NodeOnFake) -> None:
    await tell(node, 3)
    await tell(node, 2)
    await tell(node, None)
    assert refused(await publish(node, key(node, 2)))
    assert (await publish(node, key(node, 3))).status_code == 201


async def test_restarted_node_accepts_no_key_until_the_api_has_told_it_again(tmp_path: Path) -> None:
    async with node_on_fake(tmp_path) as node:
        await tell(node, 2)
    async with node_on_fake(tmp_path, node_epoch="epoch-2") as node:
        assert refused(await publish(node, key(node, 1)))
        assert refused(await publish(node, key(node, 2)))
        await tell(node, 2)
        assert refused(await publish(node, key(node, 1)))
        assert (await publish(node, key(node, 2))).status_code == 201


async def test_ice_restart_with_an_old_key_is_refused(node: NodeOnFake) -> None:
    await tell(node, 1)
    other_tab = await publish(node, key(node, 2))
    await tell(node, 2)
    answer = await node.http.patch(
        other_tab.headers["location"],
        content="a=ice-ufrag:n\r\na=ice-pwd:npwd",
        headers=bearer(key(node, 1)) | {"Content-Type": "application/trickle-ice-sdpfrag", "If-Match": "*"},
    )
    assert refused(answer)


class KeyMint(TokenMint):
    """Mints stream keys of the first generation with another mint's key pair."""

    def __init__(self, mint: TokenMint) -> None:
        self.__dict__ |= mint.__dict__

    def mint(self, *args, **kwargs):
        return super().mint(*args, **kwargs, claims={"gen": 1})


def trial(node: NodeOnFake, room: str = "trial-1") -> dict[str, str]:
    return bearer(node.mint.mint("t", room, grants=["trial"])) | SDP


async def test_trial_publishes_and_watches_and_nobody_hears_of_it(node: NodeOnFake) -> None:
    mint, node.mint = node.mint, TrialMint(node.mint)
    await node.connected("whip", room="trial-1")
    await node.connected("whep", room="trial-1")
    node.mint = mint
    assert await node.events() == []
    assert node.engine.called("set_recording") == []


async def test_trial_opens_no_control_and_no_other_room(node: NodeOnFake) -> None:
    other = await node.http.post("/whep/room", content=viewer_offer(), headers=trial(node))
    assert (other.status_code, other.json()["code"]) == (403, "room_mismatch")
    control = await node.http.get("/control/status", headers=trial(node, "*"))
    assert (control.status_code, control.json()["code"]) == (403, "grant_missing")


async def test_trial_gets_turn_credentials_for_two_minutes_only(tmp_path: Path) -> None:
    turn = {"turn_urls": ("turn:turn.example.org",), "turn_secret": "a shared secret"}
    async with node_on_fake(tmp_path, **turn) as node:
        answer = await node.http.post("/whep/trial-1", content=viewer_offer(), headers=trial(node))
        member = await node.post("whep", offer=viewer_offer())
    expiry = [
        int(answered.headers["link"].partition('username="')[2].partition(":")[0]) - time.time()
        for answered in (answer, member)
    ]
    assert 60 < expiry[0] <= 120
    assert expiry[1] > 11 * 3600


async def test_trials_are_few_in_a_room_and_on_a_node(node: NodeOnFake) -> None:
    async def watch(room: str) -> httpx.Response:
        return await node.http.post(f"/whep/{room}", content=viewer_offer(), headers=trial(node, room))

    for _ in range(TRIALS_PER_ROOM):
        assert (await watch("trial-0")).status_code == 201
    full = await watch("trial-0")
    assert (full.status_code, full.json()["code"]) == (503, "node_full")
    for number in range(TRIALS_PER_ROOM, TRIALS_PER_NODE):
        assert (await watch(f"trial-{number}")).status_code == 201
    assert (await watch("trial-x")).status_code == 503
    # A lecture still finds its place.
    assert (await node.post("whep", offer=viewer_offer())).status_code == 201


async def test_trial_ends_by_itself_and_leaves_no_room(
    node: NodeOnFake, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert entry_module.TRIAL_SECONDS == 30
    monkeypatch.setattr(life_cycle_module, "TRIAL_SECONDS", 0.01)
    answer = await node.http.post("/whep/trial-1", content=viewer_offer(), headers=trial(node))
    assert answer.status_code == 201
    await until(lambda: node.node.services.registry.rooms == {})


class TrialMint(TokenMint):
    """Mints trial tokens with another mint's key pair."""

    def __init__(self, mint: TokenMint) -> None:
        self.__dict__ |= mint.__dict__

    def mint(self, participant="p1", room="room", *args, **kwargs):
        if room == "*":
            return super().mint(participant, room, *args, **kwargs)
        return super().mint(participant, room, grants=["trial"])
