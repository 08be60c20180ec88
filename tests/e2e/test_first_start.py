"""`zhijian serve --demo` as an operator meets it: side by side, started again, stopped in mid-lecture."""

import asyncio
import time
from contextlib import AsyncExitStack, closing
from pathlib import Path

import httpx
import pytest

from tests.e2e.support.lecture import gone_within, journalled, processes_of, recordings_of
from tests.support.aiortc_peers import publishing, use_loopback
from tests.support.granted_media import granted
from tests.support.installation import Installation
from tests.support.installation_people import signed_in
from tests.support.server import RunningServer

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(180)]

LECTURER, MEMBER = "DEMO0011", "DEMO0015"
#: uvicorn waits 3 s for open connections; the rest is closing recorders and a slow machine.
STOPPED_WITHIN_S = 15.0


def test_two_installations_run_side_by_side_and_a_second_start_keeps_what_is_there(tmp_path: Path) -> None:
    with RunningServer(tmp_path / "other") as other, RunningServer(tmp_path / "data") as server:
        passwords = Installation(server).passwords
        assert passwords.keys() == Installation(other).passwords.keys()
        assert not set(passwords.values()) & set(Installation(other).passwords.values())
        people = change_password(server, passwords[MEMBER], "课桌-Kezhuo-2026")
        assert sign_in(other, passwords[MEMBER]) == 401, "accounts of one are none of the other"

        accounts = (server.data_dir / "demo-accounts.txt").read_bytes()
        assert server.interrupt() == 0
        assert gone_within(server.data_dir, 5) == []
        assert httpx.get(f"{other.url}/readyz", trust_env=False).status_code == 200
        with pytest.raises(RuntimeError, match=f"data folder {other.data_dir} is in use by another"):
            RunningServer(other.data_dir).start()
        began = time.monotonic()
        server.start()
        assert time.monotonic() - began < 45
        assert "the database is not empty, nothing loaded" in server.log()
        assert (server.data_dir / "demo-accounts.txt").read_bytes() == accounts
        assert sign_in(server, passwords[MEMBER]) == 401
        assert sign_in(server, "课桌-Kezhuo-2026") == 200
        with closing(Installation(server).signed_in("DEMO0900")) as administrator:
            assert len(administrator.get("/api/people").json()["items"]) == people


async def test_ctrl_c_in_mid_lecture_leaves_no_process_and_the_next_start_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    use_loopback(monkeypatch)
    server = RunningServer(tmp_path / "data")
    await asyncio.to_thread(server.start)
    try:
        gathering_id = Installation(server).schedule(LECTURER)["id"]
        async with signed_in(server, LECTURER) as lecturer:
            (await lecturer.post(f"/api/gatherings/{gathering_id}/start")).raise_for_status()
            async with AsyncExitStack() as live:
                node = await granted(lecturer, gathering_id, "publish")
                await live.enter_async_context(publishing(node, room=gathering_id))
                directory = await recorded_for(server, 3_000)
                assert len(processes_of(server.data_dir)) >= 2
                began = time.monotonic()
                assert await asyncio.to_thread(server.interrupt) == 0
                assert time.monotonic() - began < STOPPED_WITHIN_S
            assert await asyncio.to_thread(gone_within, server.data_dir, 3) == []
            assert "Traceback" not in server.log()
            before = journalled(directory)
            assert not before.is_finished

            await asyncio.to_thread(server.start)
            shown = (await lecturer.get(f"/api/gatherings/{gathering_id}")).json()
            assert shown["state"] in ("live", "interrupted")
            async with AsyncExitStack() as live:
                node = await granted(lecturer, gathering_id, "publish")
                await live.enter_async_context(publishing(node, room=gathering_id))
                assert await recorded_for(server, before.duration_ms + 3_000) == directory
                (await lecturer.post(f"/api/gatherings/{gathering_id}/end")).raise_for_status()
        assert await asyncio.to_thread(server.interrupt) == 0
        assert await asyncio.to_thread(gone_within, server.data_dir, 3) == []
        assert "Traceback" not in server.log()
    finally:
        if server.process is not None and server.process.poll() is None:
            await asyncio.to_thread(server.kill)


def sign_in(server: RunningServer, password: str) -> int:
    """The status of signing in as the member."""
    return httpx.post(
        f"{server.url}/api/sign-in",
        headers={"Origin": server.url},
        json={"person_no": MEMBER, "password": password},
        trust_env=False,
    ).status_code


def change_password(server: RunningServer, old: str, new: str) -> int:
    """The member takes another password; returns how many people the administrator sees."""
    with closing(Installation(server).signed_in(MEMBER)) as member:
        member.put("/api/me/password", json={"old": old, "new": new}).raise_for_status()
    with closing(Installation(server).signed_in("DEMO0900")) as administrator:
        return len(administrator.get("/api/people").json()["items"])


async def recorded_for(server: RunningServer, duration_ms: int) -> Path:
    """Waits until the one recording is that long."""
    async with asyncio.timeout(60):
        while not ((found := recordings_of(server)) and journalled(found[0]).duration_ms >= duration_ms):
            await asyncio.sleep(0.1)
    (directory,) = found
    return directory
