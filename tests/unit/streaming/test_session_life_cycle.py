"""A node over a fake engine: what joining, leaving, falling silent and taking over do to slots, engine and
journal."""

from pathlib import Path

import pytest

from streaming.dtls.aiortc_server import AiortcAssociation
from streaming.rooms.session_states import CAUSES, TRANSITIONS, SessionState, Signal, next_state
from tests.support.media_node_on_fake import node_on_fake, until
from tests.support.media_tokens import bearer
from tests.support.offers import VP8, publisher_offer


def test_every_ending_signal_ends_every_open_state_and_nothing_leaves_closed() -> None:
    for signal in CAUSES:
        assert {next_state(state, signal) for state in SessionState} == {SessionState.CLOSED, None}
    assert all(state is not SessionState.CLOSED for state, _ in TRANSITIONS)
    assert next_state(SessionState.NEW, Signal.CONSENT_LOST) is None


async def test_keys_are_set_before_the_session_is_announced(tmp_path: Path) -> None:
    async with node_on_fake(tmp_path) as node:
        _, engine_id, _ = await node.connected("whip")
        methods = [name for name, _ in node.engine.calls if name != "send_dtls"]
        assert methods[:4] == ["add_session", "publish", "publish", "set_keys"]
        assert node.engine.called("set_keys")[0][:2] == (engine_id, "SRTP_AEAD_AES_128_GCM")
        await until(lambda: node.engine.slots.get(("room", "V0")))
        assert await node.event_types() == ["publisher_connected"]


async def test_screen_takes_the_program_and_gives_it_back(tmp_path: Path) -> None:
    async with node_on_fake(tmp_path) as node:
        await node.connected("whip")
        location, _, _ = await node.connected("whip", source="screen")
        specs = {call[1]: call[2]["source"] for call in node.engine.called("publish")}
        shown = {slot: specs.get(number) for (_, slot), number in node.engine.slots.items()}
        assert shown == {"V0": "screen", "V1": "screen", "V2": "camera", "A0": "microphone"}
        await node.http.delete(location, headers=bearer(node.mint.mint()))
        shown = {slot: specs.get(number) for (_, slot), number in node.engine.slots.items()}
        assert shown == {"V0": "camera", "V1": None, "V2": None, "A0": "microphone"}


async def test_reconnect_takes_over_and_the_old_session_ends_as_replaced(tmp_path: Path) -> None:
    async with node_on_fake(tmp_path) as node:
        _, first, old_peer = await node.connected("whip")
        _, second, _ = await node.connected("whip")
        await until(lambda: first in [call[0] for call in node.engine.called("close_session")])
        events = await node.events()
        assert [(event["type"], event["data"].get("cause")) for event in events] == [
            ("publisher_connected", None),
            ("publisher_gone", "replaced"),
            ("publisher_connected", None),
        ]
        published = {call[1] for call in node.engine.called("publish") if call[0] == second}
        assert node.engine.slots["room", "V0"] in published
        assert old_peer.dtls is not None
        await until(lambda: old_peer.dtls.state == "closed")


async def test_attempt_that_never_connects_leaves_the_old_publication_alone(tmp_path: Path) -> None:
    async with node_on_fake(tmp_path, media_handshake_seconds=0.1) as node:
        _, first, _ = await node.connected("whip")
        shown = node.engine.slots["room", "V0"]
        assert (await node.post("whip", offer=publisher_offer())).status_code == 201
        await until(lambda: node.engine.called("close_session"))
        assert first in node.engine.sessions
        assert node.engine.slots["room", "V0"] == shown
        assert await node.event_types() == ["publisher_connected"]


async def test_source_of_another_participant_is_taken_until_its_consent_is_lost(tmp_path: Path) -> None:
    async with node_on_fake(tmp_path) as node:
        _, first, _ = await node.connected("whip", "p1")
        refused = await node.post("whip", "p2", offer=publisher_offer())
        assert (refused.status_code, refused.json()["code"]) == (409, "source_taken")
        node.engine.emit("consent_lost", first)
        await until(lambda: node.node.services.registry.by_engine_id(first).state == "silent")
        await node.connected("whip", "p2")
        assert await node.event_types() == ["publisher_connected", "publisher_gone", "publisher_connected"]


async def test_dtls_close_is_viewer_gone(tmp_path: Path) -> None:
    async with node_on_fake(tmp_path) as node:
        _, engine_id, peer = await node.connected("whep", "v1")
        assert peer.dtls is not None
        await peer.dtls.stop()
        await until(lambda: engine_id not in node.engine.sessions)
        gone = (await node.events())[-1]
        assert (gone["type"], gone["participant"], gone["data"]) == (
            "viewer_gone",
            "v1",
            {"cause": "dtls_closed"},
        )


async def test_expired_session_ends_with_consent_lost(tmp_path: Path) -> None:
    async with node_on_fake(tmp_path) as node:
        _, engine_id, _ = await node.connected("whep", "v1")
        node.engine.emit("consent_lost", engine_id)
        node.engine.emit("expired", engine_id)
        await until(lambda: engine_id not in node.engine.sessions)
        assert (await node.events())[-1]["data"] == {"cause": "consent_lost"}


async def test_delivery_is_reported_as_evidence(tmp_path: Path) -> None:
    async with node_on_fake(tmp_path) as node:
        _, engine_id, _ = await node.connected("whep", "v1")
        node.engine.emit("delivered", engine_id, "4711")
        await until(lambda: node.node.services.events.after("epoch-1", 1))
        event = (await node.events())[-1]
        assert (event["type"], event["participant"], event["data"]) == (
            "viewer_delivered",
            "v1",
            {"highest_sequence": 4711},
        )


async def test_publisher_is_live_once_and_stalled_when_all_it_sends_stalled(tmp_path: Path) -> None:
    async with node_on_fake(tmp_path) as node:
        _, engine_id, _ = await node.connected("whip")
        sound, picture = (str(call[1]) for call in node.engine.called("publish"))
        for kind, publication in [
            ("publication_media", sound),
            ("publication_media", picture),
            ("publication_stalled", picture),
            ("publication_stalled", sound),
            ("publication_resumed", picture),
            ("publication_resumed", sound),
        ]:
            node.engine.emit(kind, engine_id, publication)
        node.engine.emit("publication_media", engine_id, "999")
        await until(lambda: len(node.node.services.events.after(None, 0)) >= 4)
        assert await node.event_types() == [
            "publisher_connected",
            "publisher_live",
            "publisher_stalled",
            "publisher_resumed",
        ]


async def test_room_of_tokens_goes_with_its_last_session(tmp_path: Path) -> None:
    async with node_on_fake(tmp_path) as node:
        location, _, _ = await node.connected("whep", "v1", room="tokens-only")
        assert (await node.control("GET", "/rooms/tokens-only")).json()["viewers"] == 1
        assert (
            await node.http.delete(location, headers=bearer(node.mint.mint("v1", "tokens-only")))
        ).status_code == 200
        assert (await node.control("GET", "/rooms/tokens-only")).json()["code"] == "room_not_found"


async def test_refused_offer_leaves_no_room_behind(tmp_path: Path) -> None:
    async with node_on_fake(tmp_path) as node:
        await node.post("whip", offer="v=0\r\nnonsense")
        assert (await node.control("GET", "/rooms/room")).status_code == 404


async def test_first_publisher_settles_the_codec_of_the_room(tmp_path: Path) -> None:
    async with node_on_fake(tmp_path) as node:
        await node.connected("whip", offer=publisher_offer(VP8))
        assert (await node.control("GET", "/rooms/room")).json()["codec"] == "VP8"
        _, _, _ = await node.connected("whip", "p1", source="screen")
        assert [call[2]["codec"] for call in node.engine.called("publish") if call[2]["kind"] == "video"] == [
            "VP8",
            "VP8",
        ]


async def test_failed_engine_ends_all_sessions_and_readiness(tmp_path: Path) -> None:
    async with node_on_fake(tmp_path) as node:
        await node.connected("whip")
        node.engine.emit("failed", 0, "worker panicked")
        await until(lambda: not node.engine.sessions)
        assert not node.node.is_ready
        assert (await node.events())[-1]["data"]["cause"] == "failed"


async def test_clean_stop_says_goodbye_and_keeps_the_journal(tmp_path: Path) -> None:
    async with node_on_fake(tmp_path) as node:
        _, _, peer = await node.connected("whep", "v1")
        await node.node.stop()
        assert peer.dtls is not None
        await until(lambda: peer.dtls.state == "closed")
    async with node_on_fake(tmp_path, node_epoch="epoch-2") as node:
        events = await node.events()
        assert [(event["node_epoch"], event["type"]) for event in events] == [
            ("epoch-1", "viewer_connected"),
            ("epoch-1", "viewer_gone"),
        ]


@pytest.mark.parametrize("kind", ["whip", "whep"])
async def test_full_node_says_when_to_come_back(tmp_path: Path, kind: str) -> None:
    async with node_on_fake(tmp_path, media_max_sessions=1) as node:
        await node.connected("whep", "v1")
        refused = await node.post(kind, "p2", offer=publisher_offer())
        assert (refused.status_code, refused.json()["code"]) == (503, "node_full")
        assert int(refused.headers["retry-after"]) >= 1


async def test_burst_of_connecting_sessions_is_shed(tmp_path: Path) -> None:
    async with node_on_fake(tmp_path, media_max_handshakes=1) as node:
        assert (await node.post("whip", offer=publisher_offer())).status_code == 201
        refused = await node.post("whip", offer=publisher_offer())
        assert (refused.status_code, refused.headers["retry-after"]) == (503, "1")


async def test_offer_the_engine_refuses_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with node_on_fake(tmp_path) as node:
        for error, expected in ((ValueError("bad spec"), 422), (RuntimeError("shut down"), 503)):

            def refuse(*_: object, error: Exception = error) -> None:
                raise error

            monkeypatch.setattr(node.engine, "publish", refuse)
            assert (await node.post("whip", offer=publisher_offer())).status_code == expected
        await until(lambda: not node.engine.sessions)
        assert (await node.control("GET", "/rooms/room")).status_code == 404


async def test_dead_engine_does_not_keep_sessions_open(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with node_on_fake(tmp_path) as node:
        await node.connected("whip")
        await node.connected("whep", "v1")

        def refuse(*_: object) -> None:
            raise RuntimeError("the engine was shut down")

        for method in ("set_slot", "unpublish", "close_session", "send_dtls"):
            monkeypatch.setattr(node.engine, method, refuse)
        node.engine.emit("failed", 0, "worker panicked")
        await until(lambda: len(node.node.services.registry) == 0)
        assert (await node.event_types()).count("publisher_gone") == 1


@pytest.mark.parametrize("method", ["handshake", "close"])
async def test_defect_of_one_association_leaves_no_session_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, method: str
) -> None:
    async def fail(*_: object) -> None:
        raise KeyError("a defect")

    async with node_on_fake(tmp_path) as node:
        monkeypatch.setattr(AiortcAssociation, method, fail)
        response = await node.post("whip", offer=publisher_offer())
        if method == "close":
            await node.http.delete(response.headers["location"], headers=bearer(node.mint.mint()))
        await until(lambda: not node.engine.sessions)
        assert len(node.node.services.registry) == 0
        monkeypatch.undo()
