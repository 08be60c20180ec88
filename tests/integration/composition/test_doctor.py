"""`zhijian doctor` names what blocks media, whose fault it is and what to do: each case made for real."""

import asyncio
import datetime
import json
import os
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aioice import stun
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from typer.testing import CliRunner

from lecture_api.composition.cli import app
from lecture_api.composition.doctor import addresses, host, ice_servers, ports, secure_origin, sockets
from lecture_api.composition.doctor.findings import Finding, State
from lecture_api.settings import Settings
from streaming.settings import StreamingSettings
from tests.support.coturn import SECRET, coturn
from tests.support.server import free_port


def only(findings: list[Finding], code: str) -> Finding:
    [found] = [finding for finding in findings if finding.code == code]
    return found


@pytest.fixture
def bare(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """An installation of its own on free ports."""
    monkeypatch.setenv("ZHIJIAN_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("ZHIJIAN_HTTP_PORT", str(free_port()))
    monkeypatch.setenv("ZHIJIAN_MEDIA_PORT", "0")


def doctor() -> tuple[int, dict[str, Any]]:
    result = CliRunner().invoke(app, ["doctor", "--json"])
    return result.exit_code, json.loads(result.stdout)


def test_json_says_every_finding_with_stable_codes_and_the_exit_status_follows(
    bare: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    status, said = doctor()
    assert (status, said["fine"]) == (0, True)
    codes = {finding["code"] for finding in said["findings"]}
    assert codes >= {
        *("server", "port_http", "port_media_udp", "port_media_tcp", "media_addresses", "public_addresses"),
        *("buffers", "gso", "turn", "secure_origin", "clock", "disk"),
        *("codec_opus", "codec_aac", "codec_h264"),
    }
    assert {finding["state"] for finding in said["findings"]} <= {"ok", "note"}
    monkeypatch.setenv("ZHIJIAN_PUBLIC_URL", "http://lectures.invalid")
    status, said = doctor()
    assert (status, said["fine"]) == (1, False)
    assert only([Finding(**one) for one in said["findings"]], "secure_origin").state == "problem"


def test_taken_port_is_named_with_its_holder_and_a_way_out(monkeypatch: pytest.MonkeyPatch) -> None:
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp,
        socket.socket(socket.AF_INET, socket.SOCK_STREAM) as tcp,
    ):
        udp.bind(("127.0.0.1", 0))
        tcp.bind(("127.0.0.1", 0))
        tcp.listen()
        media = StreamingSettings(media_port=udp.getsockname()[1], media_addresses=("127.0.0.1",))
        found = only(list(ports.media_port(media, is_running=False)), "port_media_udp")
        assert found.state is State.PROBLEM
        assert f"process {os.getpid()}" in found.text
        assert "ZHIJIAN_MEDIA_PORT" in found.advice
        settings = Settings(http_port=tcp.getsockname()[1])
        [found] = ports.http_port(settings, is_running=False)
        assert (found.state, "ZHIJIAN_HTTP_PORT" in found.advice) == (State.PROBLEM, True)
        # The very same port is fine when the server that runs holds it.
        monkeypatch.setattr(ports, "_is_ours", lambda _process: True)
        [found] = ports.http_port(settings, is_running=True)
        assert (found.state, found.text) == (
            State.OK,
            f"in use by the running server (process {os.getpid()})",
        )


def test_address_that_is_on_no_interface_is_a_problem() -> None:
    [found] = addresses.announced(StreamingSettings(media_addresses=("127.0.0.1", "198.51.100.7")))
    assert (found.state, "198.51.100.7" in found.text) == (State.PROBLEM, True)
    [found] = addresses.announced(
        StreamingSettings(media_addresses=("127.0.0.1",), media_public_addresses=("lectures.example",))
    )
    assert (found.state, "not names" in found.advice) == (State.PROBLEM, True)


def test_reach_follows_from_the_announced_addresses() -> None:
    def reach(**settings: tuple[str, ...]) -> Finding:
        local = StreamingSettings(media_addresses=("127.0.0.1",), **settings)
        return only(list(addresses.announced(local)), "public_addresses")

    assert reach().state is State.NOTE
    assert "this machine" in reach().text
    behind_nat = reach(media_public_addresses=("8.8.4.4",))
    assert (behind_nat.state, "8.8.4.4" in behind_nat.text) == (State.OK, True)


def test_small_buffers_and_missing_gso_are_notes_with_their_price(monkeypatch: pytest.MonkeyPatch) -> None:
    media = StreamingSettings(media_addresses=("127.0.0.1",))
    assert min(sockets.granted_buffers()) > 0
    monkeypatch.setattr(sockets, "granted_buffers", lambda: (212_992, 212_992))
    monkeypatch.setattr(sockets, "sends_segments", lambda _host: False)
    buffers, gso = sockets.buffers_and_segmentation(media)
    assert (buffers.state, "net.core.rmem_max" in buffers.advice) == (State.NOTE, True)
    assert (gso.state, "sendmmsg" in gso.text, "127.0.0.1" in gso.text) == (State.NOTE, True, True)


def test_segmentation_is_proved_by_sending_from_the_address() -> None:
    assert not sockets.sends_segments("198.51.100.7")


def test_clock_is_kept_or_it_is_said_that_it_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(host, "kept_within_ms", lambda: 12.0)
    assert (host.clock().state, "12 ms" in host.clock().text) == (State.OK, True)
    monkeypatch.setattr(host, "kept_within_ms", lambda: None)
    assert host.clock().state is State.NOTE
    monkeypatch.setattr("time.time", lambda: 0.0)
    assert host.clock().state is State.PROBLEM


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("stun:stun.example.org", (False, False, "stun.example.org", 3478, False)),
        ("turn:192.0.2.1:3479?transport=tcp", (True, False, "192.0.2.1", 3479, True)),
        ("turns:turn.example.org", (True, True, "turn.example.org", 5349, True)),
        ("turn:[2001:db8::1]:3478", (True, False, "2001:db8::1", 3478, False)),
        ("https://turn.example.org", None),
        ("turn:host:port", None),
    ],
)
def test_ice_server_addresses_are_understood(url: str, expected: tuple[Any, ...] | None) -> None:
    found = ice_servers.parse(url)
    assert found == (None if expected is None else ice_servers.IceServer(*expected))


class StunServer(asyncio.DatagramProtocol):
    """Answers bindings after the first, which is lost; refuses or grants allocations as told."""

    def __init__(self) -> None:
        self.asked: list[stun.Message] = []

    def connection_made(self, transport: asyncio.DatagramTransport) -> None:  # type: ignore[override]
        self.endpoint = transport

    def datagram_received(self, data: bytes, addr: tuple[Any, ...]) -> None:
        request = stun.parse_message(data)
        self.asked.append(request)
        if len(self.asked) > 1:
            answer = stun.Message(request.message_method, stun.Class.RESPONSE, request.transaction_id)
            answer.attributes["XOR-MAPPED-ADDRESS"] = addr[:2]
            self.endpoint.sendto(bytes(answer), addr)


@asynccontextmanager
async def stun_server() -> AsyncIterator[tuple[str, StunServer]]:
    loop = asyncio.get_running_loop()
    endpoint, server = await loop.create_datagram_endpoint(StunServer, local_addr=("127.0.0.1", 0))
    try:
        yield f"127.0.0.1:{endpoint.get_extra_info('sockname')[1]}", server
    finally:
        endpoint.close()


async def asked(*urls: str) -> list[Finding]:
    media = StreamingSettings(media_ice_servers=urls)
    return [finding async for finding in ice_servers.answering(media)]


async def test_stun_server_that_answers_tells_our_address_even_when_a_request_is_lost() -> None:
    async with stun_server() as (address, server):
        found = only(await asked(f"stun:{address}"), "stun")
    assert (found.state, "127.0.0.1" in found.text) == (State.OK, True)
    assert len(server.asked) == 2


async def test_silent_refused_and_misspelt_servers_are_problems(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ice_servers, "_WITHIN_S", 0.3)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
        silent.bind(("127.0.0.1", 0))
        findings = await asked(
            f"stun:127.0.0.1:{silent.getsockname()[1]}",
            f"turn:127.0.0.1:{free_port()}?transport=tcp",
            "stun://wrong",
        )
    assert [(one.code, one.state) for one in findings] == [
        ("stun", State.PROBLEM),
        ("turn", State.PROBLEM),
        ("ice_server", State.PROBLEM),
    ]


async def test_relay_for_everybody_is_a_problem() -> None:
    async with stun_server() as (address, _):
        found = only(await asked(f"turn:{address}"), "turn")
    assert (found.state, "without credentials" in found.text) == (State.PROBLEM, True)


async def test_turn_server_is_tried_with_the_credentials_clients_get(tmp_path: Path) -> None:
    async def said(**settings: Any) -> Finding:
        media = StreamingSettings(**settings)
        return only([finding async for finding in ice_servers.answering(media)], "turn")

    with coturn(tmp_path) as server:
        relaying = await said(turn_urls=(server.url,), turn_secret=SECRET)
        assert (relaying.state, "relays, by 127.0.0.1" in relaying.text) == (State.OK, True)
        by_tcp = server.url.replace("udp", "tcp")
        assert (await said(turn_urls=(by_tcp,), turn_secret=SECRET)).state is State.OK
        wrong = await said(turn_urls=(server.url,), turn_secret="another secret")
        assert (wrong.state, "401" in wrong.text, "SECRET" in wrong.advice) == (State.PROBLEM, True, True)
        unusable = await said(media_ice_servers=(server.url,))
        assert (unusable.state, "no credentials" in unusable.text) == (State.NOTE, True)


def certificate(folder: Path, days: float) -> tuple[Path, Path]:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=100))
        .not_valid_after(now + datetime.timedelta(days=days))
        .sign(key, hashes.SHA256())
    )
    chain, private = folder / "chain.pem", folder / "key.pem"
    chain.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    private.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return chain, private


@pytest.mark.parametrize(("days", "state"), [(90, State.OK), (5, State.NOTE), (-1, State.PROBLEM)])
def test_certificate_is_judged_by_its_remaining_time(tmp_path: Path, days: float, state: State) -> None:
    chain, _ = certificate(tmp_path, days)
    assert secure_origin.from_file(chain).state is state


def test_certificate_that_cannot_be_read_is_a_problem(tmp_path: Path) -> None:
    assert secure_origin.from_file(tmp_path / "nowhere.pem").state is State.PROBLEM
    (tmp_path / "chain.pem").write_text("not a certificate")
    assert secure_origin.from_file(tmp_path / "chain.pem").state is State.PROBLEM


async def test_certificate_that_browsers_refuse_is_a_problem(tmp_path: Path) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate(tmp_path, 90))
    server = await asyncio.start_server(lambda _reader, writer: writer.close(), "127.0.0.1", 0, ssl=context)
    async with server:
        found = await secure_origin.from_server("127.0.0.1", server.sockets[0].getsockname()[1])
    assert (found.state, "refuse" in found.text) == (State.PROBLEM, True)
    gone = await secure_origin.from_server("127.0.0.1", free_port())
    assert (gone.state, "does not answer" in gone.text) == (State.PROBLEM, True)
