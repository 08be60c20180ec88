"""A server that runs at the address people use: its parts, and whether WebSockets get through to it."""

import asyncio
import json
from collections.abc import Iterator

import httpx
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, WebSocketException

from lecture_api.composition.doctor.findings import Finding
from lecture_api.core.clock import SystemClock
from lecture_api.core.room_tokens import RoomTokenMinter
from lecture_api.settings import Settings

_UNKNOWN_GATHERING = "00000000-0000-7000-8000-000000000000"
_CLOSED_SIGNED_OUT = 4401


async def readiness_of(url: str) -> dict[str, str] | None:
    """What `/readyz` says of the server at the address, None when there is none."""
    try:
        async with httpx.AsyncClient(timeout=3, verify=False) as http:  # noqa: S501 - only looks whether it is there.
            body = (await http.get(f"{url}/readyz")).json()
    except (httpx.HTTPError, json.JSONDecodeError):
        return None
    return body if isinstance(body, dict) and "database" in body else None


def parts(readiness: dict[str, str] | None) -> Iterator[Finding]:
    """Database, media node, recorder of a running server."""
    if readiness is None:
        yield Finding.note("server", "server", "none runs at this address at present")
        return
    for part in ("database", "media", "recorder"):
        subject, found = f"running server: {part}", readiness.get(part, "unknown")
        if found == "ok":
            yield Finding.ok(f"server_{part}", subject, found)
        else:
            yield Finding.problem(
                f"server_{part}", subject, found, "look at its log and at the lines below, then restart it"
            )


async def media_engine(url: str, settings: Settings) -> Finding:
    """How the running engine really sends: what the kernel refused shows only there."""
    code, subject = "media_engine", "running media engine"
    if not (settings.keys_dir / "room_token.pem").exists():
        return Finding.note(code, subject, "not asked: its keys are not in this data folder")
    token = RoomTokenMinter(settings.keys_dir, SystemClock()).control_token()
    try:
        async with httpx.AsyncClient(timeout=3, verify=False) as http:  # noqa: S501 - as above.
            answer = await http.get(f"{url}/control/status", headers={"Authorization": f"Bearer {token}"})
            status = answer.raise_for_status().json()
        workers = status["engine"]["workers"]
        slow = sum(not worker["gso"] for worker in workers)
    except (httpx.HTTPError, json.JSONDecodeError, KeyError, TypeError) as error:
        return Finding.note(code, subject, f"does not tell: {error}")
    text = (
        f"{status['sessions']} sessions on {len(workers)} media threads, on {', '.join(status['addresses'])}"
    )
    if slow:
        fallen = f"{text}; {slow} of them fell back from UDP GSO to sendmmsg"
        return Finding.note(code, subject, fallen, "see the line on send batching")
    return Finding.ok(code, subject, f"{text}; sends by UDP GSO")


async def room_channel(url: str) -> Finding:
    """WebSockets get through: an unsigned handshake must be closed with the protocol's own code."""
    target = f"{url.replace('http', 'ws', 1)}/api/gatherings/{_UNKNOWN_GATHERING}/channel"
    advice = "a reverse proxy in between must pass WebSockets on (Upgrade and Connection headers)"
    code, subject = "room_channel", "room channel"
    try:
        async with asyncio.timeout(5), connect(target, open_timeout=3, compression=None) as channel:
            await channel.recv()
    except ConnectionClosed as closed:
        seen = closed.rcvd.code if closed.rcvd else None
        if seen == _CLOSED_SIGNED_OUT:
            return Finding.ok(code, subject, f"WebSocket works (closed with {seen})")
        return Finding.problem(code, subject, f"closed with {seen}", advice)
    except (WebSocketException, OSError, TimeoutError) as error:
        return Finding.problem(code, subject, f"WebSockets do not get through: {error}", advice)
    return Finding.problem(code, subject, "answered without a login", "this is not the server that was meant")
