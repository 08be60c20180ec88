"""One lecture through the real server with a foreign publisher: live, killed, live again, ended, replayed,
counted."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.support.aiortc_peers import playing, publishing, use_loopback
from tests.support.granted_media import granted
from tests.support.installation_people import LECTURER, MEMBER, Listener, signed_in
from tests.support.server import RunningServer


@asynccontextmanager
async def listening(
    server: RunningServer, http: httpx.AsyncClient, gathering_id: str
) -> AsyncIterator[Listener]:
    listener = Listener(server, http, gathering_id)
    task = asyncio.create_task(listener.run())
    try:
        yield listener
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def detail(http: httpx.AsyncClient, gathering_id: str) -> dict[str, Any]:
    return (await http.get(f"/api/gatherings/{gathering_id}")).json()


@pytest.mark.timeout(180)
async def test_lecture_survives_a_killed_server_and_is_a_replay_with_a_true_record(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    use_loopback(monkeypatch)
    server = RunningServer(tmp_path / "data")
    await asyncio.to_thread(server.start)
    try:
        async with signed_in(server, LECTURER) as lecturer, signed_in(server, MEMBER) as member:
            home = (await member.get("/api/gatherings")).json()
            gathering_id = home["upcoming"][0]["id"]
            started = await lecturer.post(f"/api/gatherings/{gathering_id}/start")
            assert started.json()["state"] == "live", started.text
            async with listening(server, member, gathering_id) as listener:
                node = await granted(lecturer, gathering_id, "publish")
                async with publishing(node, room=gathering_id):
                    await listener.event("publications", live=True)
                    watching = await granted(member, gathering_id, "watch")
                    async with playing(watching, room=gathering_id) as player:
                        await player.frames("video", 30)
                        await asyncio.sleep(3)
                        await asyncio.to_thread(server.kill)
                before = listener.hellos[0]["media_epoch"]
                await asyncio.to_thread(server.start)
                again = await listener.event("media_epoch")
                assert again["media_epoch"] != before
                await listener.event("state", gathering_state="interrupted")
                node = await granted(lecturer, gathering_id, "publish")
                async with publishing(node, room=gathering_id):
                    restarted = await listener.event("state", gathering_state="live", programme_running=True)
                    assert restarted["seq"] > again["seq"] or len(listener.hellos) > 1
                    await asyncio.sleep(4)
                    ended = await lecturer.post(f"/api/gatherings/{gathering_id}/end")
                    assert ended.json()["state"] == "ended"
                    await listener.event("state", page_state="replay")
            sequence = [item["seq"] for item in listener.events]
            assert sequence == sorted(set(sequence))

            shown = await detail(member, gathering_id)
            assert shown["page_state"] == "replay"
            grant = (await member.post(f"/api/gatherings/{gathering_id}/replay-grant")).json()
            playlist = await member.get(grant["playlist_url"])
            assert playlist.status_code == 200
            assert grant["duration_ms"] > 5000

            year = shown["actual_start"][:4]
            record = (await member.get("/api/me/record", params={"year": year})).json()
            item = next(item for item in record["items"] if item["gathering"]["id"] == gathering_id)
            # The server's own outage is nobody's absence.
            assert item["attendance_status"] == "present", item
            assert item["coverage"]["length_ms"] <= shown["programme"]["ms"]
    finally:
        with contextlib.suppress(Exception):
            await asyncio.to_thread(server.interrupt)
