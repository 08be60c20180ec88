"""Builds the Runtime: every handle a feature uses, from settings."""

import httpx

from lecture_api.accounts import logins
from lecture_api.core.clock import Clock, SystemClock
from lecture_api.core.database import Database
from lecture_api.core.events import DomainHooks, RoomEventLog
from lecture_api.core.media_node_client import MediaNodeClient
from lecture_api.core.recordings_client import RecordingsClient
from lecture_api.core.room_tokens import ReplayGrantMinter, RoomTokenMinter
from lecture_api.core.runtime import Runtime
from lecture_api.core.security import KeyRing, PasswordKeeper
from lecture_api.core.wakeup import InProcessWakeup, RedisWakeup, Wakeup
from lecture_api.settings import Settings


def build_runtime(
    settings: Settings,
    *,
    media_http: httpx.AsyncClient,
    recordings_http: httpx.AsyncClient,
    clock: Clock | None = None,
    passwords: PasswordKeeper | None = None,
) -> Runtime:
    """All handles; nothing is started or connected yet.

    Args:
        settings: what the operator chose.
        media_http: reaches the media node: over the network, or in-process when embedded.
        recordings_http: reaches the recordings service likewise.
        clock: the machine's unless a test brings its own.
        passwords: full-strength argon2 unless a test brings a cheap one.
    """
    clock = clock or SystemClock()
    minter = RoomTokenMinter(settings.keys_dir, clock)
    wakeup: Wakeup = RedisWakeup(settings.redis_url) if settings.redis_url else InProcessWakeup()
    runtime = Runtime(
        settings=settings,
        database=Database(settings.database),
        clock=clock,
        wakeup=wakeup,
        room_events=RoomEventLog(wakeup),
        hooks=DomainHooks(),
        keys=KeyRing(settings.keys_dir),
        passwords=passwords or PasswordKeeper(),
        room_tokens=minter,
        replay_grants=ReplayGrantMinter(settings.keys_dir),
        media_node=MediaNodeClient(media_http, minter),
        recordings=RecordingsClient(recordings_http, minter),
    )
    runtime.identify = logins.identifier(runtime)
    runtime.extend_login = logins.extender(runtime)
    return runtime


async def close_runtime(runtime: Runtime) -> None:
    """Let go of everything the runtime holds."""
    await runtime.background.close()
    await runtime.media_node.close()
    await runtime.recordings.close()
    await runtime.wakeup.close()
    await runtime.database.close()
