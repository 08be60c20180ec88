"""`zhijian doctor`: looks at what usually goes wrong, and says what to do. Changes nothing.

One module a subject, each yields findings; what is printed and what counts as failed stands here.
"""

import json
from collections.abc import AsyncIterator

from rich.console import Console
from rich.table import Table

from lecture_api.composition.doctor import addresses, host, ice_servers, ports, secure_origin, server, sockets
from lecture_api.composition.doctor.findings import Finding, State
from lecture_api.settings import Settings
from streaming.settings import StreamingSettings

_MARKS = {State.OK: "[green]ok[/]", State.NOTE: "[yellow]--[/]", State.PROBLEM: "[red]!![/]"}


async def examine(settings: Settings, console: Console, *, as_json: bool = False) -> bool:
    """Print all findings; True when there is no problem (notes are none)."""
    findings = [finding async for finding in _look(settings)]
    fine = all(finding.state is not State.PROBLEM for finding in findings)
    if as_json:
        text = json.dumps({"fine": fine, "findings": [finding.as_dict() for finding in findings]}, indent=1)
        console.print(text, markup=False, highlight=False, soft_wrap=True)
        return fine
    table = Table(show_header=False, box=None)
    for finding in findings:
        advice = f"\n[bold]{finding.advice}[/]" if finding.advice else ""
        table.add_row(_MARKS[finding.state], finding.subject, f"{finding.text}{advice}")
    console.print(table)
    return fine


async def _look(settings: Settings) -> AsyncIterator[Finding]:
    url = settings.public_url or f"http://{settings.http_host}:{settings.http_port}"
    media = StreamingSettings(data_dir=settings.data_dir)
    readiness = await server.readiness_of(url)
    for finding in server.parts(readiness):
        yield finding
    if readiness is not None:
        yield await server.media_engine(url, settings)
        yield await server.room_channel(url)
    for finding in ports.http_port(settings, is_running=readiness is not None):
        yield finding
    if settings.media_url is None:
        for finding in (
            *ports.media_port(media, is_running=readiness is not None),
            *addresses.announced(media),
            *sockets.buffers_and_segmentation(media),
        ):
            yield finding
    else:
        yield Finding.note(
            "media_apart", "media node", f"runs apart at {settings.media_url}: run zhijian doctor there too"
        )
    async for finding in ice_servers.answering(media):
        yield finding
    async for finding in secure_origin.of(settings):
        yield finding
    for finding in (host.clock(), host.disk(settings.data_dir), *host.codecs()):
        yield finding
