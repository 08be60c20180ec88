"""`zhijian api`: the API and the pages alone; media node and recordings service run elsewhere."""

import httpx
from rich.console import Console

from lecture_api.composition.app import Dispatcher, create_api
from lecture_api.composition.backup import migrate
from lecture_api.composition.building import build_runtime
from lecture_api.composition.logs import configure_logging
from lecture_api.composition.serve import (
    CHECKOUT,
    CannotServeError,
    claim_tcp,
    refuse_demo_beyond_loopback,
    run_uvicorn,
)
from lecture_api.core.clock import SystemClock
from lecture_api.settings import Settings


def serve_api(settings: Settings, console: Console) -> None:
    """Serve until Ctrl-C.

    Raises:
        CannotServeError: a port is taken, or it is not known where the other services are.
    """
    if settings.media_url is None or settings.recordings_url is None:
        raise CannotServeError("set ZHIJIAN_MEDIA_URL and ZHIJIAN_RECORDINGS_URL, or use `zhijian serve`")
    configure_logging(settings.log_format)
    refuse_demo_beyond_loopback(settings, with_demo=False)
    tcp = claim_tcp(settings.http_host, settings.http_port)
    settings.data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    console.print(migrate(settings.database, settings.data_dir / "backup", SystemClock().now()))
    runtime = build_runtime(
        settings,
        media_http=httpx.AsyncClient(base_url=settings.media_url),
        recordings_http=httpx.AsyncClient(base_url=settings.recordings_url),
    )
    web_dist = settings.web_dist or CHECKOUT / "web_client" / "dist"
    console.print(f"serving on {settings.http_host} port {tcp.getsockname()[1]}   (Ctrl-C stops)")
    run_uvicorn(settings, Dispatcher(create_api(runtime, web_dist=web_dist), {}), tcp)
