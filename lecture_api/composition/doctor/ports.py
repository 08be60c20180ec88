"""Whether the ports we need are free, ours already, or whose they are. Binds for a moment, sends nothing."""

import socket
from collections.abc import Iterable, Iterator

import psutil

from lecture_api.composition.doctor.findings import Finding
from lecture_api.settings import Settings
from streaming.relay.addresses import local_addresses
from streaming.settings import StreamingSettings

_KINDS = {"TCP": socket.SOCK_STREAM, "UDP": socket.SOCK_DGRAM}


def http_port(settings: Settings, *, is_running: bool) -> Iterator[Finding]:
    """The port of pages and API."""
    yield _port(
        "port_http",
        "TCP",
        [settings.http_host],
        settings.http_port,
        "ZHIJIAN_HTTP_PORT",
        is_running=is_running,
    )


def media_port(media: StreamingSettings, *, is_running: bool) -> Iterator[Finding]:
    """The port of media, by UDP and by TCP, on every address it will be opened on."""
    hosts = media.media_addresses or local_addresses()
    for protocol in ("UDP", "TCP"):
        code = f"port_media_{protocol.lower()}"
        yield _port(code, protocol, hosts, media.media_port, "ZHIJIAN_MEDIA_PORT", is_running=is_running)


def _port(
    code: str, protocol: str, hosts: Iterable[str], port: int, variable: str, *, is_running: bool
) -> Finding:
    subject = f"{protocol} port {port}"
    if port == 0:
        return Finding.ok(code, subject, "a free one is taken at each start")
    refused = {host: error for host in hosts if (error := _bind_error(protocol, host, port)) is not None}
    if not refused:
        return Finding.ok(code, subject, "free")
    holder = holder_of(protocol, port)
    if is_running and (holder is None or _is_ours(holder)):
        by = f" (process {holder.pid})" if holder else ""
        return Finding.ok(code, subject, f"in use by the running server{by}")
    host, why = next(iter(refused.items()))
    by = f" by {holder.name()} (process {holder.pid})" if holder else ""
    return Finding.problem(
        code, subject, f"{why} on {host}: taken{by}", f"stop what uses it, or set {variable}"
    )


def _bind_error(protocol: str, host: str, port: int) -> str | None:
    """Why a plain bind fails, None when it does not."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, _KINDS[protocol]) as probe:
        if protocol == "TCP":
            # Connections of a server that has just stopped may linger; a listening one still refuses.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
            if protocol == "TCP":
                probe.listen(1)
        except OSError as error:
            return error.strerror or str(error)
    return None


def holder_of(protocol: str, port: int) -> psutil.Process | None:
    """The process that holds a port; None when it is another user's, or nobody's."""
    try:
        found = psutil.net_connections(kind=f"{protocol.lower()}")
    except (psutil.Error, OSError):
        return None
    for entry in found:
        is_listening = protocol == "UDP" or entry.status == psutil.CONN_LISTEN
        if is_listening and entry.laddr and entry.laddr[1] == port and entry.pid:
            try:
                return psutil.Process(entry.pid)
            except psutil.Error:
                return None
    return None


def _is_ours(process: psutil.Process) -> bool:
    try:
        words = process.cmdline()
    except psutil.Error:
        return False
    return any("zhijian" in word or word == "streaming" for word in words)
