"""What a request handler or a background task is given: one object that composition builds and hangs on
the app.

Holds handles only. Features put nothing of their own in here.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import Depends
from starlette.requests import HTTPConnection

from lecture_api.core.background import BackgroundTasks
from lecture_api.core.clock import Clock
from lecture_api.core.database import Database
from lecture_api.core.errors import NotSignedInError
from lecture_api.core.events import DomainHooks, RoomEventLog
from lecture_api.core.media_node_client import MediaNodeClient
from lecture_api.core.recorder_states import RecorderStates
from lecture_api.core.recordings_client import RecordingsClient
from lecture_api.core.room_tokens import ReplayGrantMinter, RoomTokenMinter
from lecture_api.core.security import KeyRing, PasswordKeeper
from lecture_api.core.viewer_counts import ViewerCounts
from lecture_api.core.wakeup import Wakeup
from lecture_api.settings import Settings

if TYPE_CHECKING:
    from lecture_api.core.actor import Actor


async def _nobody(_connection: HTTPConnection) -> "Actor":
    raise NotSignedInError


@dataclass(kw_only=True)
class Runtime:
    """Handles to everything outside a feature.

    Attributes:
        identify: recognises the person behind a request or WebSocket handshake; raises NotSignedInError.
        extend_login: keeps the login session of this id alive; called by an authenticated room channel or
            media use so that expiry never cuts a running lecture.
        media_epoch: the media node's epoch as last seen, None before the first answer.
    """

    settings: Settings
    database: Database
    clock: Clock
    wakeup: Wakeup
    room_events: RoomEventLog
    hooks: DomainHooks
    keys: KeyRing
    passwords: PasswordKeeper
    room_tokens: RoomTokenMinter
    replay_grants: ReplayGrantMinter
    media_node: MediaNodeClient
    recordings: RecordingsClient
    viewer_counts: ViewerCounts = field(default_factory=ViewerCounts)
    recorder_states: RecorderStates = field(default_factory=RecorderStates)
    background: BackgroundTasks = field(default_factory=BackgroundTasks)
    identify: Callable[[HTTPConnection], Awaitable["Actor"]] = _nobody
    extend_login: Callable[[Any], Awaitable[None]] | None = None
    media_epoch: str | None = None


def runtime_of(connection: HTTPConnection) -> Runtime:
    """The runtime of the app that serves this request or WebSocket."""
    runtime = connection.app.state.runtime
    assert isinstance(runtime, Runtime)
    return runtime


CurrentRuntime = Annotated[Runtime, Depends(runtime_of)]
