"""`zhijian doctor`: looks at what usually goes wrong, and says what to do. Changes nothing."""

import asyncio
import json
import shutil
import socket
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
from rich.console import Console
from rich.table import Table
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, WebSocketException

from lecture_api.settings import Settings

_SANE_SINCE = 1_767_225_600  # 2026-01-01: a clock before that was never set.
_DISK_LOW = 0.10
_UNKNOWN_GATHERING = "00000000-0000-7000-8000-000000000000"
_CLOSED_SIGNED_OUT = 4401


@dataclass(frozen=True, slots=True)
class Finding:
    """One line: what was looked at, whether it is fine, what was seen or is to be done."""

    subject: str
    fine: bool
    text: str


async def examine(settings: Settings, console: Console) -> bool:
    """Print all findings; True when everything is fine."""
    url = settings.public_url or f"http://{settings.http_host}:{settings.http_port}"
    running = await _running(url)
    findings = [*(_ports(settings) if not running else _server(running)), _clock(), _disk(settings.data_dir)]
    findings += [*_codecs(), *_addresses()]
    if running:
        findings.append(await _channel(url))
    table = Table(show_header=False, box=None)
    for finding in findings:
        table.add_row("[green]ok[/]" if finding.fine else "[red]!![/]", finding.subject, finding.text)
    console.print(table)
    return all(finding.fine for finding in findings)


async def _running(url: str) -> dict[str, str] | None:
    """The readiness of a server that runs at the address, None when there is none."""
    try:
        async with httpx.AsyncClient(timeout=3, verify=False) as http:  # noqa: S501 - only looks whether it is there.
            body = (await http.get(f"{url}/readyz")).json()
    except (httpx.HTTPError, json.JSONDecodeError):
        return None
    return body if isinstance(body, dict) and "database" in body else None


def _server(readiness: dict[str, str]) -> Iterator[Finding]:
    for part in ("database", "media", "recorder"):
        yield Finding(f"running server: {part}", readiness.get(part) == "ok", readiness.get(part, "unknown"))


def _ports(settings: Settings) -> Iterator[Finding]:
    from streaming.settings import StreamingSettings  # noqa: PLC0415 - only when no server runs.

    media_port = StreamingSettings().media_port
    for kind, name, host, port, variable in (
        (socket.SOCK_STREAM, "TCP", settings.http_host, settings.http_port, "ZHIJIAN_HTTP_PORT"),
        (socket.SOCK_DGRAM, "UDP", "127.0.0.1", media_port, "ZHIJIAN_MEDIA_PORT"),
        (socket.SOCK_STREAM, "TCP", "127.0.0.1", media_port, "ZHIJIAN_MEDIA_PORT"),
    ):
        with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, kind) as probe:
            try:
                probe.bind((host, port))
            except OSError as error:
                yield Finding(
                    f"{name} port {port}", False, f"{error.strerror}: stop what uses it, or set {variable}"
                )
            else:
                yield Finding(f"{name} port {port}", True, "free")


def _clock() -> Finding:
    now = time.time()
    shown = time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(now))
    if now < _SANE_SINCE:
        return Finding("clock", False, f"{shown}: set it, attendance is judged by it")
    synchronised = Path("/run/systemd/timesync/synchronized").exists() or shutil.which("chronyd") is not None
    return Finding("clock", True, shown + ("" if synchronised else " (no time service seen: install one)"))


def _disk(data_dir: Path) -> Finding:
    existing = next(path for path in (data_dir.absolute(), *data_dir.absolute().parents) if path.exists())
    usage = shutil.disk_usage(existing)
    free = usage.free / usage.total
    text = (
        f"{usage.free / 2**30:.1f} GiB free ({free:.0%}) below {existing}; a lecture hour takes about 1 GiB"
    )
    return Finding("disk", free > _DISK_LOW, text)


def _codecs() -> Iterator[Finding]:
    from recordings.audio.codecs import AacEncoder, OpusDecoder  # noqa: PLC0415 - loads FFmpeg.

    codecs: tuple[tuple[str, Callable[[], object]], ...] = (
        ("Opus decoder", OpusDecoder),
        ("AAC encoder", lambda: AacEncoder(0, 0)),
    )
    for name, make in codecs:
        try:
            make()
        except Exception as error:
            yield Finding(name, False, f"not usable: {error}")
        else:
            yield Finding(name, True, "usable")


def _addresses() -> Iterator[Finding]:
    from streaming.relay.addresses import local_addresses  # noqa: PLC0415
    from streaming.settings import StreamingSettings  # noqa: PLC0415

    media = StreamingSettings()
    local = media.media_addresses or local_addresses()
    announced = ", ".join((*local, *media.media_public_addresses))
    yield Finding("media addresses", bool(local), announced or "none: browsers have nowhere to send to")
    public = media.media_public_addresses
    if not public:
        yield Finding("public addresses", True, "none set; behind NAT set ZHIJIAN_MEDIA_PUBLIC_ADDRESSES")


async def _channel(url: str) -> Finding:
    """WebSockets get through: an unsigned handshake must be closed with the protocol's own code."""
    target = f"{url.replace('http', 'ws', 1)}/api/gatherings/{_UNKNOWN_GATHERING}/channel"
    try:
        async with asyncio.timeout(5), connect(target, open_timeout=3, compression=None) as channel:
            await channel.recv()
    except ConnectionClosed as closed:
        code = closed.rcvd.code if closed.rcvd else None
        return Finding("room channel", code == _CLOSED_SIGNED_OUT, f"WebSocket works (closed with {code})")
    except (WebSocketException, OSError, TimeoutError) as error:
        return Finding("room channel", False, f"WebSockets do not get through: {error}")
    return Finding("room channel", False, "answered without a login")
