"""The `zhijian` command: what it prints, what it refuses, what it leaves behind."""

import socket
import sqlite3
from pathlib import Path

import pytest
from typer.testing import CliRunner

from lecture_api.composition.cli import app
from streaming.tokens import JwtVerifier
from tests.support.server import free_media_port, free_port


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("ZHIJIAN_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("ZHIJIAN_HTTP_PORT", str(free_port()))
    monkeypatch.setenv("ZHIJIAN_MEDIA_PORT", str(free_media_port()))
    return tmp_path / "data"


def run(*arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(app, arguments)
    return result.exit_code, result.output


COMMANDS = ("serve", "media", "recorder", "api", "demo-data", "user", "token", "doctor", "record")


@pytest.mark.parametrize("command", [*((name,) for name in COMMANDS), ("user", "add")])
def test_every_command_has_help(command: tuple[str, ...]) -> None:
    code, output = run(*command, "--help")
    assert code == 0
    assert "Usage" in output


def test_help_names_every_command() -> None:
    _, output = run("--help")
    assert all(command in output for command in COMMANDS)


def test_token_opens_a_foreign_room_for_what_was_asked(data: Path) -> None:
    code, output = run("token", "--room", "obs", "--publish", "--ttl", "15m", "--name", "camera-1")
    assert code == 0, output
    verified = JwtVerifier.from_pem_file(data / "keys" / "room_token.pub.pem").verify(output.strip())
    assert (verified.room, verified.participant, verified.grants) == ("obs", "camera-1", {"publish"})


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (("--room", "obs"), "--publish, --watch or both"),
        (("--room", "a room", "--watch"), "1 to 64"),
        (("--room", "obs", "--watch", "--ttl", "soon"), "not a duration"),
        (("--room", "01a209ad-3c08-78da-b10b-c58be9899d76", "--watch"), "room of a gathering"),
    ],
)
def test_token_refuses_what_makes_no_sense(data: Path, arguments: tuple[str, ...], reason: str) -> None:
    code, output = run("token", *arguments)
    assert code == 1
    assert reason in output


def test_first_administrator_is_added_with_the_college(data: Path) -> None:
    code, output = run("user", "add", "ADMIN1", "某某", "--role", "college_admin", "--college", "某学院党委")
    assert code == 0, output
    assert "one-time password" in output
    code, output = run("user", "add", "ADMIN1", "某某")
    assert code == 1
    assert "Somebody has this number already" in output
    assert run("user", "add", "X1", "x", "--role", "secretary")[0] == 1
    assert run("user", "add", "X2", "x", "--role", "secretary", "--organisation", "O99")[0] == 1
    assert run("user", "add", "X3", "x", "--role", "secretary", "--organisation", "O00")[0] == 0
    assert run("user", "add", "X4", "x", "--role", "king")[0] == 1
    assert run("user", "add", "OP", "x", "--role", "system_admin")[0] == 0


def test_demo_data_goes_into_an_empty_database_only_once(data: Path) -> None:
    code, output = run("demo-data")
    assert code == 0, output
    assert "52 fictional people, 12 gatherings" in output
    accounts = (data / "demo-accounts.txt").read_text(encoding="utf-8")
    assert (data / "demo-accounts.txt").stat().st_mode & 0o777 == 0o600
    code, output = run("demo-data")
    assert "52 fictional" not in output
    assert (data / "demo-accounts.txt").read_text(encoding="utf-8") == accounts
    with sqlite3.connect(data / "zhijian.sqlite3") as connection:
        members = connection.execute(
            "SELECT count(*) FROM person JOIN home_assignment ON person_id = person.id"
        ).fetchone()
        states = connection.execute("SELECT state, count(*) FROM gathering GROUP BY state").fetchall()
        records = connection.execute("SELECT count(*) FROM attendance_record").fetchone()
    connection.close()
    assert members == (42,)
    assert dict(states) == {"ended": 6, "scheduled": 6}
    assert records[0] > 40


def test_demo_data_leaves_a_database_with_somebody_in_it_alone(data: Path) -> None:
    run("user", "add", "ADMIN1", "某某", "--role", "system_admin")
    run("demo-data")
    assert not (data / "demo-accounts.txt").exists()


def test_taken_tcp_port_ends_at_once_with_one_line(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        monkeypatch.setenv("ZHIJIAN_HTTP_PORT", str(port))
        code, output = run("serve")
    assert code == 1
    assert (
        output.strip()
        == f"TCP port {port} on 127.0.0.1 is taken: stop what uses it, or set ZHIJIAN_HTTP_PORT"
    )
    assert not data.exists()


@pytest.mark.parametrize("kind", [socket.SOCK_DGRAM, socket.SOCK_STREAM], ids=["udp", "tcp"])
def test_taken_media_port_ends_at_once_and_names_it(
    data: Path, monkeypatch: pytest.MonkeyPatch, kind: socket.SocketKind
) -> None:
    with socket.socket(socket.AF_INET, kind) as other:
        other.bind(("127.0.0.1", 0))
        if kind is socket.SOCK_STREAM:
            other.listen()
        port = other.getsockname()[1]
        monkeypatch.setenv("ZHIJIAN_MEDIA_PORT", str(port))
        code, output = run("serve")
    assert code == 1
    assert output.strip().splitlines()[-1] == (
        f"port {port} (UDP, TCP) is taken: stop what uses it, or set ZHIJIAN_MEDIA_PORT"
    )


def test_demo_accounts_are_not_served_to_the_network(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ZHIJIAN_HTTP_HOST", "0.0.0.0")
    code, output = run("serve", "--demo")
    assert code == 1
    assert "demo accounts" in output
    assert not data.exists()


def test_doctor_finds_ports_clock_disk_codecs_and_addresses(data: Path) -> None:
    _, output = run("doctor")
    for subject in (
        "TCP port",
        "UDP port",
        "clock",
        "disk",
        "Opus decoder",
        "AAC encoder",
        "media addresses",
    ):
        assert subject in output
