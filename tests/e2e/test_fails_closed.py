"""Recording fails closed: forbidden kinds, rooms of tools, a media node without the API leave nothing."""

import asyncio
import os
import sqlite3
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack, closing
from pathlib import Path
from typing import Any

import httpx
import pytest

from lecture_api.core.clock import SystemClock
from lecture_api.core.room_tokens import RoomTokenMinter
from lecture_api.gatherings.kinds import KIND_RULES, GatheringKind
from tests.e2e.support.in_the_room import DESKTOP, InTheRoom
from tests.e2e.support.lecture import end_lecture, go_live, recordings_of
from tests.support.aiortc_peers import playing, publishing, use_loopback
from tests.support.chromium import LOOPBACK_CANDIDATES, chromium
from tests.support.granted_media import GrantedMint, GrantedNode, granted
from tests.support.installation import Installation
from tests.support.installation_people import signed_in
from tests.support.media_tokens import bearer
from tests.support.server import ZHIJIAN, RunningServer, free_port

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(180)]

HOST, MEMBER = "DEMO0011", "DEMO0015"
NEVER_RECORDED = [kind for kind, rules in KIND_RULES.items() if not rules.recorded]
IN_CHROMIUM = GatheringKind.MEMBER_ASSEMBLY
#: Longer than five parts; a recorder makes its folder when it starts.
LONG_ENOUGH_S = 5.0


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    with RunningServer(tmp_path_factory.mktemp("fails_closed") / "data") as running:
        yield running


async def test_page_of_a_forbidden_kind_says_so_and_nothing_is_kept(server: RunningServer) -> None:
    installation = Installation(server)
    gathering = installation.schedule(HOST, kind=IN_CHROMIUM.value)
    async with chromium(LOOPBACK_CANDIDATES) as browser:
        host = await InTheRoom.arrive(browser, installation, HOST, DESKTOP)
        member = await InTheRoom.arrive(browser, installation, MEMBER, DESKTOP)
        await go_live(host, f"/gatherings/{gathering['id']}")
        await member.open(f"/gatherings/{gathering['id']}")
        await member.sees_live_picture()
        await member.page.get_by_text("本场不录制").wait_for()
        await member.page.get_by_text("正在计时").first.wait_for()
        await member.page.wait_for_timeout(LONG_ENOUGH_S * 1000)
        assert recordings_of(server) == []
        assert await member.page.get_by_text("正在录制").count() == 0
        await end_lecture(host)
        await member.page.get_by_text("按规定，这一类会议不录制").first.wait_for()
        assert [host.page_errors, member.page_errors] == [[], []]
    assert recordings_of(server) == []


async def test_no_other_forbidden_kind_is_recorded_and_a_lecture_beside_them_is(
    server: RunningServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    use_loopback(monkeypatch)
    installation = Installation(server)
    kinds = [kind for kind in NEVER_RECORDED if kind is not IN_CHROMIUM]
    ids = {kind: installation.schedule(HOST, kind=kind.value)["id"] for kind in kinds}
    async with signed_in(server, HOST) as host:
        async with AsyncExitStack() as live:
            for gathering_id in ids.values():
                await go_live_by_http(live, host, gathering_id, codec="VP8")
            await asyncio.sleep(LONG_ENOUGH_S)
            assert recordings_of(server) == []
            for gathering_id in ids.values():
                shown = (await host.get(f"/api/gatherings/{gathering_id}")).json()
                assert shown["records"] is False
                assert shown["recording"] == {"state": "off", "reason_off": "kind_not_recorded"}
                assert (await host.get(f"/api/gatherings/{gathering_id}/studio")).json()["recorder"] is None
                assert (await host.post(f"/api/gatherings/{gathering_id}/replay-grant")).status_code == 404
        for gathering_id in ids.values():
            (await host.post(f"/api/gatherings/{gathering_id}/end")).raise_for_status()
            shown = (await host.get(f"/api/gatherings/{gathering_id}")).json()
            assert shown["page_state"] == "not_recorded"
        assert recordings_of(server) == []

        # The same way with a kind that is recorded: what was looked at is where recordings come to lie.
        lecture_id = installation.schedule(HOST)["id"]
        async with AsyncExitStack() as live:
            await go_live_by_http(live, host, lecture_id, codec="H264")
            await eventually(lambda: recordings_of(server))
            (await host.post(f"/api/gatherings/{lecture_id}/end")).raise_for_status()


async def test_room_of_a_foreign_tool_relays_and_is_neither_recorded_nor_counted(
    server: RunningServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    use_loopback(monkeypatch)
    before = recordings_of(server), counted_in(server)
    token = token_of(server.data_dir, "--publish", "--watch")
    async with httpx.AsyncClient(base_url=server.url, trust_env=False, timeout=20) as http:
        node = GrantedNode(http, GrantedMint(token))
        async with publishing(node, room="studio-x"), playing(node, room="studio-x") as player:
            assert len(await player.frames("video", 60)) == 60
            await asyncio.sleep(6)  # Delivery is confirmed, and would be evidence, every 5 s.
            for path, body in (
                ("/control/rooms/studio-x", {"recording_id": "rec-x", "codec": "H264"}),
                ("/control/recordings/rec-x", {"room": "studio-x", "feed_socket": "/nowhere"}),
            ):
                assert (await http.put(path, json=body, headers=bearer(token))).status_code in (401, 403)
            state = (await http.get("/control/rooms/studio-x", headers=control(server.data_dir))).json()
            assert state["recording"] is None
    assert (recordings_of(server), counted_in(server)) == before


async def test_media_node_without_the_api_relays_and_records_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    use_loopback(monkeypatch)
    token = token_of(tmp_path, "--publish", "--watch")
    port = free_port()
    environment = os.environ | {
        "ZHIJIAN_DATA_DIR": str(tmp_path),
        "ZHIJIAN_MEDIA_PORT": "0",
        "ZHIJIAN_MEDIA_HTTP_PORT": str(port),
    }
    process = await asyncio.to_thread(subprocess.Popen, [str(ZHIJIAN), "media"], env=environment)
    try:
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", trust_env=False) as http:
            await answers(http, "/control/status", control(tmp_path))
            node = GrantedNode(http, GrantedMint(token))
            async with publishing(node, room="studio-x"), playing(node, room="studio-x") as player:
                await player.frames("video", 60)
                status = (await http.get("/control/status", headers=control(tmp_path))).json()
                assert status["engine"]["recordings"] == {}
    finally:
        process.terminate()
        assert await asyncio.to_thread(process.wait, 20) is not None
    assert not (tmp_path / "recordings").exists()


async def go_live_by_http(
    live: AsyncExitStack, host: httpx.AsyncClient, gathering_id: str, *, codec: str
) -> None:
    (await host.post(f"/api/gatherings/{gathering_id}/start")).raise_for_status()
    node = await granted(host, gathering_id, "publish")
    await live.enter_async_context(publishing(node, room=gathering_id, codec=codec))


def token_of(data_dir: Path, *grants: str) -> str:
    """What `zhijian token` prints."""
    printed = subprocess.run(
        [str(ZHIJIAN), "token", "--room", "studio-x", "--ttl", "10m", *grants],
        env=os.environ | {"ZHIJIAN_DATA_DIR": str(data_dir)},
        capture_output=True,
        text=True,
        check=True,
    )
    return printed.stdout.strip()


def control(data_dir: Path) -> dict[str, str]:
    """The header of a call by the API of this installation."""
    return bearer(RoomTokenMinter(data_dir / "keys", SystemClock()).control_token())


def counted_in(server: RunningServer) -> set[tuple[bytes, bytes]]:
    """Whose presence is kept, and where."""
    with closing(sqlite3.connect(server.data_dir / "zhijian.sqlite3")) as database:
        return {
            row
            for table in ("presence_open", "presence_interval")
            for row in database.execute(f"SELECT gathering_id, subject_id FROM {table}")
        }


async def answers(http: httpx.AsyncClient, path: str, headers: dict[str, str]) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            assert (await http.get(path, headers=headers)).status_code == 200
        except httpx.TransportError:
            await asyncio.sleep(0.1)
        else:
            return
    raise AssertionError("the media node does not answer")


async def eventually(look: Callable[[], list[Any]]) -> list[Any]:
    async with asyncio.timeout(20):
        while not (found := look()):
            await asyncio.sleep(0.05)
        return found
