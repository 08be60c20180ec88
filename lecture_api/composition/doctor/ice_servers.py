"""STUN and TURN servers that clients are told: whether they answer, and take the credentials they get.

STUN (RFC 8489) by a binding request, TURN (RFC 8656) by an allocation, given back at once.
"""

import asyncio
import hashlib
import re
import ssl
import time
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Protocol

from aioice import stun

from lecture_api.composition.doctor.findings import Finding
from streaming.ice.servers import turn_credential
from streaming.settings import StreamingSettings

_URL = re.compile(
    r"^(?P<scheme>stuns?|turns?):(?P<host>\[[^\]]+\]|[^:?/]+)(:(?P<port>\d+))?(\?transport=(?P<by>udp|tcp))?$",
    re.IGNORECASE,
)
_WITHIN_S = 3.0
_RETRANSMIT_S = 0.5
_UDP_RELAY = 17 << 24  # REQUESTED-TRANSPORT: protocol number of UDP in the first octet (RFC 8656 §18.7).
_UNAUTHORISED = 401


@dataclass(frozen=True, slots=True)
class IceServer:
    """One server of the settings. RFC 7064, RFC 7065."""

    is_turn: bool
    is_secure: bool
    host: str
    port: int
    by_tcp: bool


def parse(url: str) -> IceServer | None:
    """The server an address names, None when it is not one."""
    found = _URL.match(url.strip())
    if found is None:
        return None
    scheme = found["scheme"].lower()
    is_secure = scheme.endswith("s")
    by_tcp = is_secure or (found["by"] or "udp").lower() == "tcp"
    port = int(found["port"] or (5349 if is_secure else 3478))
    return IceServer(scheme.startswith("turn"), is_secure, found["host"].strip("[]"), port, by_tcp)


async def answering(media: StreamingSettings) -> AsyncIterator[Finding]:
    """One finding a server; one note when there is no TURN server at all."""
    credentialled: dict[str, tuple[str, str] | None] = dict.fromkeys(media.media_ice_servers)
    if media.turn_secret is not None:
        username = f"{int(time.time()) + 60}:doctor"
        password = turn_credential(media.turn_secret.get_secret_value(), username)
        credentialled |= dict.fromkeys(media.turn_urls, (username, password))
    for url, credentials in credentialled.items():
        server = parse(url)
        if server is None:
            advice = "write stun:host:port or turn:host:port?transport=udp"
            yield Finding.problem("ice_server", url, "is not a STUN or TURN address", advice)
        else:
            yield await examine(url, server, credentials)
    if not any((parse(url) or IceServer(False, False, "", 0, False)).is_turn for url in credentialled):
        text = "none configured; browsers reach us directly by UDP, or by TCP where UDP is blocked"
        yield Finding.note("turn", "TURN", text)


async def examine(url: str, server: IceServer, credentials: tuple[str, str] | None) -> Finding:
    """Ask one server."""
    code = "turn" if server.is_turn else "stun"
    try:
        async with asyncio.timeout(_WITHIN_S):
            line = await _connect(server)
            try:
                if server.is_turn:
                    return await _allocate(url, line, credentials)
                return await _bind(url, line)
            finally:
                line.close()
    except (OSError, TimeoutError, ValueError, asyncio.IncompleteReadError) as error:
        text = f"does not answer: {error or 'no reply in time'}"
        advice = "see whether it runs, and whether a firewall lets us reach it"
        return Finding.problem(code, url, text, advice)


async def _bind(url: str, line: "_Line") -> Finding:
    answer = await line.ask(stun.Message(stun.Method.BINDING, stun.Class.REQUEST))
    mapped = answer.attributes.get("XOR-MAPPED-ADDRESS")
    seen = f"; it sees this machine at {mapped[0]}" if mapped else ""
    return Finding.ok("stun", url, f"answers{seen}")


async def _allocate(url: str, line: "_Line", credentials: tuple[str, str] | None) -> Finding:
    request: dict[str, Any] = {"REQUESTED-TRANSPORT": _UDP_RELAY}
    first = await line.ask(stun.Message(stun.Method.ALLOCATE, stun.Class.REQUEST, attributes=dict(request)))
    if first.message_class is stun.Class.RESPONSE:
        advice = "let it ask for credentials (coturn: use-auth-secret)"
        return Finding.problem("turn", url, "relays for everybody, without credentials", advice)
    if first.error_code != _UNAUTHORISED:
        return _refused(url, first)
    if credentials is None:
        return Finding.note(
            "turn",
            url,
            "answers, but we have no credentials for it: browsers cannot use it",
            "name it in ZHIJIAN_TURN_URLS, with ZHIJIAN_TURN_SECRET",
        )
    username, password = credentials
    signed = {
        "USERNAME": username,
        "REALM": first.attributes["REALM"],
        "NONCE": first.attributes["NONCE"],
    }
    # Long-term credentials (RFC 8489 §9.2.2).
    key = hashlib.md5(f"{username}:{signed['REALM']}:{password}".encode(), usedforsecurity=False).digest()
    second = await line.ask(_signed(stun.Method.ALLOCATE, request | signed, key))
    if second.message_class is not stun.Class.RESPONSE:
        return _refused(url, second)
    relayed = second.attributes["XOR-RELAYED-ADDRESS"]
    with suppress(TimeoutError, OSError):
        await line.ask(_signed(stun.Method.REFRESH, {"LIFETIME": 0} | signed, key))
    return Finding.ok("turn", url, f"relays, by {relayed[0]}")


def _refused(url: str, answer: stun.Message) -> Finding:
    code, reason = answer.attributes.get("ERROR-CODE", (0, "no reason"))
    advice = "ZHIJIAN_TURN_SECRET must be the server's static-auth-secret, and both clocks right"
    return Finding.problem("turn", url, f"refuses to relay: {code} {reason}", advice)


def _signed(method: stun.Method, attributes: dict[str, Any], key: bytes) -> stun.Message:
    message = stun.Message(method, stun.Class.REQUEST, attributes=attributes)
    message.add_message_integrity(key)
    return message


class _Line(Protocol):
    """A way to one server."""

    async def ask(self, request: stun.Message) -> stun.Message:
        """Send a request and return its answer."""
        ...

    def close(self) -> None:
        """Let go."""
        ...


async def _connect(server: IceServer) -> _Line:
    loop = asyncio.get_running_loop()
    if not server.by_tcp:
        _, datagrams = await loop.create_datagram_endpoint(_Datagrams, remote_addr=(server.host, server.port))
        return datagrams
    context = ssl.create_default_context() if server.is_secure else None
    return _Bytes(*await asyncio.open_connection(server.host, server.port, ssl=context))


class _Datagrams(asyncio.DatagramProtocol):
    """STUN over UDP, sent again until it is answered."""

    def __init__(self) -> None:
        self._answers: asyncio.Queue[stun.Message | OSError] = asyncio.Queue()
        self._endpoint: asyncio.DatagramTransport | None = None

    def connection_made(self, transport: asyncio.DatagramTransport) -> None:  # type: ignore[override]
        self._endpoint = transport

    def datagram_received(self, data: bytes, addr: tuple[Any, ...]) -> None:
        with suppress(ValueError):
            self._answers.put_nowait(stun.parse_message(data))

    def error_received(self, exc: OSError) -> None:  # type: ignore[override]
        self._answers.put_nowait(exc)

    async def ask(self, request: stun.Message) -> stun.Message:
        """The answer to this very request."""
        assert self._endpoint is not None
        while True:
            self._endpoint.sendto(bytes(request))
            with suppress(TimeoutError):
                async with asyncio.timeout(_RETRANSMIT_S):
                    while True:
                        answer = await self._answers.get()
                        if isinstance(answer, OSError):
                            raise answer
                        if answer.transaction_id == request.transaction_id:
                            return answer

    def close(self) -> None:
        """Let go."""
        if self._endpoint is not None:
            self._endpoint.close()


class _Bytes:
    """STUN over TCP or TLS: messages follow each other (RFC 8489 §6.2.2)."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer

    async def ask(self, request: stun.Message) -> stun.Message:
        """The answer to this very request."""
        self._writer.write(bytes(request))
        while True:
            head = await self._reader.readexactly(stun.HEADER_LENGTH)
            body = await self._reader.readexactly(int.from_bytes(head[2:4], "big"))
            answer = stun.parse_message(head + body)
            if answer.transaction_id == request.transaction_id:
                return answer

    def close(self) -> None:
        """Let go."""
        self._writer.close()
