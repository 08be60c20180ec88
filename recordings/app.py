"""The recordings service as one ASGI app, alone or mounted in a parent.

Wires parts; holds no rule of its own. A mounted app's lifespan is not run by its parent: the parent enters
`app.router.lifespan_context(app)` in its own.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import cache

from starlette.applications import Starlette

from recordings.control import Control
from recordings.errors import RecordingsError
from recordings.grants import load_or_create_key
from recordings.library import Library
from recordings.problems import on_error
from recordings.replay import replay_routes
from recordings.settings import RecordingsSettings
from recordings.supervisor import Supervisor
from recordings.tokens import ControlTokenVerifier, TokenVerifier


def create_app(settings: RecordingsSettings, token_verifier: TokenVerifier | None = None) -> Starlette:
    """Return the service with /control and /replay.

    Args:
        token_verifier: checks an Authorization header value and raises; by default Ed25519 with the API's
            public key.

    The lifespan stops all recorders at its end; their recordings stay open and go on with the next start.
    `app.state.supervisor` is the
    running `Supervisor`.
    """
    supervisor = Supervisor(settings)
    library = Library(settings.recordings_dir)
    verify = token_verifier or ControlTokenVerifier(settings.room_token_public_key)

    @cache
    def replay_key() -> bytes:
        return load_or_create_key(settings.replay_key)

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        settings.recordings_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        try:
            yield
        finally:
            await supervisor.close()

    app = Starlette(
        routes=[
            *Control(settings, supervisor, library, verify).routes(),
            *replay_routes(library, replay_key),
        ],
        exception_handlers={RecordingsError: on_error},
        lifespan=lifespan,
    )
    app.state.supervisor = supervisor
    return app
