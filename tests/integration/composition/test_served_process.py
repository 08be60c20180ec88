"""`zhijian serve` as a process: ready, signed in, examined, stopped, started again, moved to a newer
database."""

import asyncio
import sqlite3
import ssl
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address
from pathlib import Path

import httpx
import psutil
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from lecture_api.composition.backup import migrate
from lecture_api.migrations.upgrade import current_revision, head_revision, upgrade
from tests.support.installation_people import MEMBER, password_of, signed_in
from tests.support.server import ZHIJIAN, RunningServer

#: Real starts, twice with the demo data: a busy machine needs its time.
pytestmark = pytest.mark.timeout(240)

METRICS_TOKEN = "only-for-prometheus"
PLAIN = {"ZHIJIAN_LOG_FORMAT": "json"}


async def test_server_serves_stops_cleanly_and_comes_back(tmp_path: Path) -> None:
    server = RunningServer(tmp_path / "data", settings={"ZHIJIAN_MEDIA_METRICS_TOKEN": METRICS_TOKEN})
    await asyncio.to_thread(server.start)
    assert server.process is not None
    children = psutil.Process(server.process.pid).children(recursive=True)
    async with signed_in(server, MEMBER) as http:
        assert (await http.get("/readyz")).json() == {
            "status": "ok",
            "database": "ok",
            "media": "ok",
            "recorder": "ok",
            "background": "ok",
        }
        assert (await http.get("/healthz")).json() == {"status": "ok"}
        assert len((await http.get("/api/gatherings")).json()["upcoming"]) == 6
        refused = await http.get("/metrics")
        assert (refused.status_code, refused.json()["code"]) == (401, "token_missing")
        told = await http.get("/metrics", headers={"Authorization": f"Bearer {METRICS_TOKEN}"})
        assert 'zhijian_media_sessions{role="viewer",state="connected"} 0.0' in told.text
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
    said = " ".join(examined.stdout.split())
    assert "WebSocket works (closed with 4401)" in said
    assert "0 sessions on" in said
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


def self_signed(folder: Path) -> dict[str, str]:
    """A certificate for 127.0.0.1, as the settings name it."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "zhijian.test")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(IPv4Address("127.0.0.1"))]), critical=False
        )
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    private = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (folder / "key.pem").write_bytes(private)
    (folder / "cert.pem").write_bytes(certificate.public_bytes(pem))
    return {"ZHIJIAN_TLS_CERT": str(folder / "cert.pem"), "ZHIJIAN_TLS_KEY": str(folder / "key.pem")}


async def test_https_cookie_is_secure_and_browsers_are_told_to_stay(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = self_signed(tmp_path)
    server = RunningServer(tmp_path / "data", settings=settings)
    server.url = server.url.replace("http:", "https:")
    trusting = ssl.create_default_context(cafile=settings["ZHIJIAN_TLS_CERT"])
    monkeypatch.setattr(
        "tests.support.server.httpx.get",
        lambda url, **arguments: httpx.Client(verify=trusting, trust_env=False, timeout=5).get(url),
    )
    await asyncio.to_thread(server.start)
    try:
        async with httpx.AsyncClient(base_url=server.url, verify=trusting, trust_env=False) as http:
            body = {"person_no": MEMBER, "password": password_of(server, MEMBER)}
            answer = await http.post("/api/sign-in", json=body, headers={"Origin": server.url})
        assert answer.status_code == 200, answer.text
        assert "Secure" in answer.headers["set-cookie"]
        assert answer.headers["strict-transport-security"]
    finally:
        await asyncio.to_thread(server.interrupt)
