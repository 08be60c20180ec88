"""`zhijian serve` as a process: ready, signed in, examined, stopped, started again, moved to a newer
database."""

import asyncio
import sqlite3
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import httpx
import psutil
import pytest

from lecture_api.composition.backup import migrate
from lecture_api.migrations.upgrade import current_revision, head_revision, upgrade
from tests.support.installation_people import MEMBER, signed_in
from tests.support.server import ZHIJIAN, RunningServer

PLAIN = {"ZHIJIAN_LOG_FORMAT": "json"}


async def test_server_serves_stops_cleanly_and_comes_back(tmp_path: Path) -> None:
    server = RunningServer(tmp_path / "data")
    await asyncio.to_thread(server.start)
    assert server.process is not None
    children = psutil.Process(server.process.pid).children(recursive=True)
    async with signed_in(server, MEMBER) as http:
        assert (await http.get("/readyz")).json() == {
            "status": "ok",
            "database": "ok",
            "media": "ok",
            "recorder": "ok",
        }
        assert (await http.get("/healthz")).json() == {"status": "ok"}
        assert len((await http.get("/api/gatherings")).json()["upcoming"]) == 6
        token = http.cookies["zhijian_login"]
    examined = await asyncio.to_thread(
        subprocess.run,
        [str(ZHIJIAN), "doctor"],
        env={
            "ZHIJIAN_HTTP_PORT": str(server.http_port),
            "ZHIJIAN_DATA_DIR": str(server.data_dir),
            "PATH": "/usr/bin:/bin",
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert "WebSocket works (closed with 4401)" in " ".join(examined.stdout.split())
    assert await asyncio.to_thread(server.interrupt) == 0
    assert "Traceback" not in server.log()
    assert [child.pid for child in children if child.is_running()] == []

    await asyncio.to_thread(server.start)
    try:
        async with httpx.AsyncClient(base_url=server.url, trust_env=False) as http:
            me = await http.get("/api/me", headers={"Cookie": f"zhijian_login={token}"})
        assert me.status_code == 200
    finally:
        await asyncio.to_thread(server.interrupt)


async def test_plain_serve_creates_no_account(tmp_path: Path) -> None:
    server = RunningServer(tmp_path / "data", demo=False, settings=PLAIN)
    await asyncio.to_thread(server.start)
    await asyncio.to_thread(server.interrupt)
    with sqlite3.connect(server.data_dir / "zhijian.sqlite3") as connection:
        counts = [
            connection.execute(f"SELECT count(*) FROM {table}").fetchone() for table in ("person", "account")
        ]
    connection.close()
    assert counts == [(0,), (0,)]
    assert not (server.data_dir / "demo-accounts.txt").exists()


def test_older_database_is_copied_aside_before_it_is_migrated(tmp_path: Path) -> None:
    path = tmp_path / "zhijian.sqlite3"
    url = f"sqlite+aiosqlite:///{path}"
    now = datetime(2026, 11, 23, tzinfo=UTC)
    upgrade(url, "0001_accounts")
    assert "copied to" in migrate(url, tmp_path / "backup", now)
    [copy] = (tmp_path / "backup").iterdir()
    assert current_revision(f"sqlite+aiosqlite:///{copy}") == "0001_accounts"
    assert current_revision(url) == head_revision()
    assert "up to date" in migrate(url, tmp_path / "backup", now)
    assert len(list((tmp_path / "backup").iterdir())) == 1


@pytest.mark.parametrize("module", ["lecture_api.composition.openapi"])
def test_openapi_document_is_written_without_a_database(module: str, tmp_path: Path) -> None:
    result = subprocess.run(
        [sys.executable, "-m", module],
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(__file__).parents[3],
    )
    assert result.stdout.startswith("{")
    assert '"/api/sign-in"' in result.stdout
