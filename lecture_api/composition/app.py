"""The ASGI application: the API with its pages, and media node and recordings service beside it when
embedded."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from pathlib import Path

from fastapi import FastAPI
from starlette.types import ASGIApp, Receive, Scope, Send

from lecture_api.composition import health, pages
from lecture_api.composition.building import close_runtime
from lecture_api.composition.features import Features
from lecture_api.composition.security_headers import SecurityHeaders
from lecture_api.core.body_limit import BodyLimitMiddleware
from lecture_api.core.problem_details import install_problem_details
from lecture_api.core.runtime import Runtime
from lecture_api.core.same_origin import SameOriginMiddleware

Lifespan = Callable[[], AbstractAsyncContextManager[None]]


def create_api(runtime: Runtime, *, beside: Lifespan | None = None, web_dist: Path | None = None) -> FastAPI:
    """The API, the health endpoints and the web client.

    Args:
        runtime: handles of this process; closed with the app.
        beside: what must be up before the API and is taken down after it: the embedded services.
        web_dist: folder of the built web client; None serves no pages.
    """

    features = Features(runtime)

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        try:
            async with beside() if beside else nullcontext(), features.running():
                yield
        finally:
            await close_runtime(runtime)

    app = FastAPI(
        title="Zhijian",
        version="1",
        summary="Live lectures, cloud dialogues and honest learning records.",
        openapi_url="/api/openapi.json",
        docs_url=None,
        redoc_url=None,
        lifespan=lifespan,
        generate_unique_id_function=lambda route: route.name,
    )
    app.state.runtime = runtime
    install_problem_details(app)
    features.install(app)
    app.include_router(health.router)
    pages.install(app, web_dist)
    app.add_middleware(BodyLimitMiddleware)
    app.add_middleware(SameOriginMiddleware, public_url=runtime.settings.public_url)
    app.add_middleware(SecurityHeaders)
    return app


class Dispatcher:
    """Sends each request to the service its path belongs to, by the longest prefix; everything else to the
    API."""

    def __init__(self, api: ASGIApp, services: dict[str, ASGIApp]) -> None:
        self._api = api
        self._services = sorted(services.items(), key=lambda item: -len(item[0]))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on; lifespan goes to the API, which looks after the services' own."""
        chosen = self._api
        if scope["type"] == "http":
            path = scope["path"]
            chosen = next((app for prefix, app in self._services if path.startswith(prefix)), self._api)
        await chosen(scope, receive, send)
