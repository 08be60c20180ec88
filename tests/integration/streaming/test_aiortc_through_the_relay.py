"""aiortc publishes by WHIP and plays by WHEP through the native engine, over real sockets."""

import asyncio
import itertools
from pathlib import Path

import pytest
from aiortc import rtcdtlstransport

from tests.support.aiortc_peers import playing, publishing, use_loopback
from tests.support.media_node_live import LiveNode, live_node


@pytest.fixture
async def node(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    use_loopback(monkeypatch)
    async with live_node(tmp_path, media_addresses="127.0.0.1") as running:
        yield running


async def receives(player, videos: int = 20, sounds: int = 50) -> None:
    await asyncio.gather(player.frames("video", videos), player.frames("audio", sounds))


async def test_h264_and_opus_frames_arrive(node: LiveNode) -> None:
    async with publishing(node) as publisher, playing(node) as player:
        assert "H264/90000" in publisher.answer
        await receives(player)
        shown = await node.control("GET", "/rooms/room")
        assert shown["codec"] == "H264"
        assert [entry["state"] for entry in shown["publications"]] == ["live", "live"]
        assert shown["viewers"] == 1
        dropped = (await node.control("GET", "/status"))["engine"]["dropped"]
        assert (dropped["stun_excess"], dropped["dtls_excess"]) == (0, 0), "limits cost a peer nothing"


async def test_vp8_frames_arrive_where_vp8_is_accepted(node: LiveNode) -> None:
    async with publishing(node, codec="VP8"), playing(node) as player:
        await receives(player)


async def test_player_that_came_first_sees_the_publisher(node: LiveNode) -> None:
    async with playing(node) as player, publishing(node):
        await receives(player)


async def test_player_sees_the_publisher_who_took_over(node: LiveNode) -> None:
    async with publishing(node), playing(node) as player:
        await receives(player)
        async with publishing(node):
            gone = await node.next_event("publisher_gone")
            assert gone["data"] == {"source": "camera", "cause": "replaced"}
            await node.next_event("publisher_live", after=gone["seq"])
            # What was on its way from the old publisher is far less than this.
            await receives(player, 60, 100)


async def test_fallback_profile_carries_media(node: LiveNode, monkeypatch: pytest.MonkeyPatch) -> None:
    only = [rtcdtlstransport.SRTP_AES128_CM_SHA1_80]
    monkeypatch.setattr(rtcdtlstransport, "SRTP_PROFILES", only)
    async with publishing(node), playing(node) as player:
        await receives(player)


async def test_delivery_confirmed_by_receiver_reports_is_evidence(node: LiveNode) -> None:
    async with publishing(node), playing(node, "member-7"):
        event = await node.next_event("viewer_delivered")
        assert (event["participant"], event["room"]) == ("member-7", "room")


async def test_player_that_closes_is_gone_at_once(node: LiveNode) -> None:
    async with playing(node, "member-7"):
        await node.next_event("viewer_connected")
    gone = await node.next_event("viewer_gone", participant="member-7")
    assert gone["data"] == {"cause": "dtls_closed"}


async def test_deleted_session_closes_the_peer(node: LiveNode) -> None:
    async with publishing(node), playing(node) as player:
        closed = asyncio.Event()
        player.pc.on("connectionstatechange", lambda: player.pc.connectionState == "closed" and closed.set())
        await node.control("DELETE", "/rooms/room/participants/member")
        await asyncio.wait_for(closed.wait(), 30)


async def test_taken_media_port_is_said(tmp_path: Path, node: LiveNode) -> None:
    _, port = node.node.services.engine.local_addresses()[0]
    from streaming.relay.engine import open_engine

    with pytest.raises(OSError, match=r"ddress already in use|in use"):
        open_engine(addresses=["127.0.0.1"], port=port, node_epoch="x", feed_path=None, remb_bps=2_500_000)


async def test_packets_a_publisher_loses_are_repaired_for_viewers(node: LiveNode) -> None:
    async with publishing(node) as publisher, playing(node) as player:
        await receives(player)
        dtls = publisher.pc.getSenders()[0].transport
        send, count = dtls._send_rtp, itertools.count(1)

        async def losing(data: bytes) -> None:
            if next(count) % 20:
                await send(data)

        dtls._send_rtp = losing
        lost = 0
        while lost < 20:
            await receives(player, 10, 10)
            numbers = (await node.control("GET", "/status"))["engine"]["publications"].values()
            lost = max(entry["lost"] for entry in numbers if entry["keyframes"])
        dtls._send_rtp = send
        await receives(player)
        report = await player.pc.getStats()
        [seen] = [entry for entry in report.values() if entry.type == "inbound-rtp" and entry.kind == "video"]
        # Sound has no repairs; each picture packet that went missing came again.
        assert seen.packetsLost <= 2
