"""`zhijian serve`: everything in one process, on one port for pages and one for media, ready for people.

Ports are claimed before anything else, so that a second instance ends at once and says which one is taken.
"""

import contextlib
import errno
import fcntl
import ipaddress
import os
import socket
from pathlib import Path
from typing import IO

import uvicorn
from rich.console import Console

from lecture_api.composition import demo
from lecture_api.composition.app import Dispatcher, create_api
from lecture_api.composition.backup import migrate
from lecture_api.composition.building import build_runtime
from lecture_api.composition.embedded import EmbeddedServices, open_embedded
from lecture_api.composition.logs import configure_logging
from lecture_api.core.clock import SystemClock
from lecture_api.settings import Settings
from streaming.settings import StreamingSettings

#: A stop does not wait longer for open connections: the room channel's clients come back by themselves.
_STOP_WITHIN_S = 3
CHECKOUT = Path(__file__).resolve().parents[2]


class CannotServeError(Exception):
    """The server cannot start; the message is one line for the operator."""


def serve(settings: Settings, *, with_demo: bool, console: Console) -> None:
    """Serve until Ctrl-C.

    Raises:
        CannotServeError: a port or the data folder is taken, or demo accounts could be reached from outside.
    """
    configure_logging(settings.log_format)
    refuse_demo_beyond_loopback(settings, with_demo=with_demo)
    tcp = claim_tcp(settings.http_host, settings.http_port)
    port = tcp.getsockname()[1]
    settings = settings.model_copy(update={"public_url": settings.public_url or _url(settings, port)})
    console.print("指尖 Zhijian", style="bold")
    with claim_data_dir(settings.data_dir):
        services = claim_media(settings)
        console.print(f"  media        UDP and TCP port {StreamingSettings().media_port} on every address")
        console.print(f"  {migrate(settings.database, settings.data_dir / 'backup', SystemClock().now())}")
        if with_demo:
            for line in demo.load_if_empty(settings):
                console.print(f"  {line}")
        app = embedded_app(settings, services)
        console.print(f"  serving      {settings.public_url}   (Ctrl-C stops)", highlight=False)
        demo.print_accounts(settings, console)
        run_uvicorn(settings, app, tcp)


def embedded_app(settings: Settings, services: EmbeddedServices) -> Dispatcher:
    """The whole of it as one ASGI app."""
    runtime = build_runtime(
        settings, media_http=services.media_http(), recordings_http=services.recordings_http()
    )
    web_dist = settings.web_dist or CHECKOUT / "web_client" / "dist"
    api = create_api(runtime, beside=services.running, web_dist=web_dist)
    return Dispatcher(api, services.services)


def run_uvicorn(settings: Settings, app: Dispatcher, tcp: socket.socket) -> None:
    """Serve an app on a bound socket until Ctrl-C or SIGTERM."""
    config = uvicorn.Config(
        app,
        loop="uvloop",
        http="httptools",
        ws="websockets-sansio",
        ws_per_message_deflate=False,
        ws_max_size=65536,
        # The room channel has pings of its own, which are the request for a beat.
        ws_ping_interval=None,
        log_config=None,
        access_log=False,
        server_header=False,
        lifespan="on",
        proxy_headers=bool(settings.trusted_proxies),
        forwarded_allow_ips=settings.trusted_proxies or "127.0.0.1",
        ssl_certfile=str(settings.tls_cert) if settings.tls_cert else None,
        ssl_keyfile=str(settings.tls_key) if settings.tls_key else None,
        timeout_graceful_shutdown=_STOP_WITHIN_S,
    )
    server = uvicorn.Server(config)
    # uvicorn stops cleanly, then raises the signal again.
    with contextlib.suppress(KeyboardInterrupt):
        server.run(sockets=[tcp])
    if not server.started:
        raise CannotServeError("the server did not start; the lines above say why")


def refuse_demo_beyond_loopback(settings: Settings, *, with_demo: bool) -> None:
    """Demo accounts have printed passwords: nobody outside this machine may reach them.

    Raises:
        CannotServeError: there are or will be demo accounts and the address is not loopback.
    """
    if (with_demo or demo.accounts_file(settings).exists()) and not is_loopback(settings.http_host):
        raise CannotServeError(
            f"demo accounts are never served beyond this machine: {settings.http_host} is not loopback "
            "(use a fresh ZHIJIAN_DATA_DIR and plain `zhijian serve`)"
        )


def is_loopback(host: str) -> bool:
    """Whether an address or name stays on this machine."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def claim_tcp(host: str, port: int) -> socket.socket:
    """A listening-to-be socket on the HTTP port.

    Raises:
        CannotServeError: the port is taken or the address not ours.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    claimed = socket.socket(family, socket.SOCK_STREAM)
    # Lets a restarted server have the port of its predecessor's dying connections; a listening one still
    # refuses.
    claimed.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        claimed.bind((host, port))
        claimed.listen(socket.SOMAXCONN)
    except OSError as error:
        claimed.close()
        if error.errno == errno.EADDRINUSE:
            raise CannotServeError(
                f"TCP port {port} on {host} is taken: stop what uses it, or set ZHIJIAN_HTTP_PORT"
            ) from error
        raise CannotServeError(
            f"cannot listen on {host} port {port}: {os.strerror(error.errno or 0)}"
        ) from error
    claimed.setblocking(False)
    return claimed


def claim_data_dir(folder: Path) -> IO[bytes]:
    """The data folder, for this process alone as long as what is returned is open.

    A second server on it would take the first one's recorders and call its lectures interrupted.

    Raises:
        CannotServeError: another server uses it.
    """
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    lock = (folder / "serve.lock").open("ab")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        lock.close()
        raise CannotServeError(
            f"the data folder {folder} is in use by another `zhijian serve`: stop it, or set ZHIJIAN_DATA_DIR"
        ) from error
    return lock


def claim_media(settings: Settings) -> EmbeddedServices:
    """The embedded services, their media port claimed.

    Raises:
        CannotServeError: the port is taken or an address not ours.
    """
    media_port = StreamingSettings().media_port
    try:
        return open_embedded(settings)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise CannotServeError(
                f"port {media_port} (UDP, TCP) is taken: stop what uses it, or set ZHIJIAN_MEDIA_PORT"
            ) from error
        raise CannotServeError(f"cannot open media sockets on port {media_port}: {error}") from error


def _url(settings: Settings, port: int) -> str:
    scheme = "https" if settings.tls_cert else "http"
    host = settings.http_host
    shown = "127.0.0.1" if host in ("0.0.0.0", "::") else f"[{host}]" if ":" in host else host  # noqa: S104
    return f"{scheme}://{shown}:{port}"
