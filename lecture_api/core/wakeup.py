"""Wake-ups between tasks and processes: a hint that rows of a topic are new, never the news itself.

A lost wake-up costs delay only: every listener also looks by itself from time to time.
"""

import asyncio
import contextlib
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError

_log = structlog.get_logger(__name__)
_PREFIX = "zhijian:wakeup:"


class Listener:
    """Waits for wake-ups of one topic; those that came while it was busy count as one."""

    def __init__(self) -> None:
        self._woken = asyncio.Event()

    def wake(self) -> None:
        """Let the present or the next `wait` return."""
        self._woken.set()

    async def wait(self, timeout: float | None = None) -> bool:  # noqa: ASYNC109 - the caller's look-by-itself interval.
        """Until woken (True) or `timeout` seconds are over (False)."""
        try:
            await asyncio.wait_for(self._woken.wait(), timeout)
        except TimeoutError:
            return False
        self._woken.clear()
        return True


class Wakeup(Protocol):
    """What features use."""

    async def notify(self, topic: str) -> None:
        """Wake all listeners of `topic`, in every process. Never raises."""
        ...

    def listen(self, topic: str) -> contextlib.AbstractContextManager[Listener]:
        """A listener for the time of the block."""
        ...

    async def close(self) -> None:
        """Let go of connections."""
        ...


class InProcessWakeup:
    """Wake-ups within this process: the default, and what the Redis adapter delivers into."""

    def __init__(self) -> None:
        self._listeners: dict[str, set[Listener]] = defaultdict(set)

    async def notify(self, topic: str) -> None:
        """Wake all listeners of `topic`."""
        self.wake(topic)

    def wake(self, topic: str) -> None:
        """The same, from a callback."""
        for listener in self._listeners.get(topic, ()):
            listener.wake()

    def wake_all(self) -> None:
        """Wake everyone: after a time in which wake-ups may have been lost."""
        for listeners in self._listeners.values():
            for listener in listeners:
                listener.wake()

    @contextmanager
    def listen(self, topic: str) -> Iterator[Listener]:
        """A listener for the time of the block."""
        listener = Listener()
        self._listeners[topic].add(listener)
        try:
            yield listener
        finally:
            self._listeners[topic].discard(listener)
            if not self._listeners[topic]:
                del self._listeners[topic]

    async def close(self) -> None:
        """Nothing to let go of."""


class RedisWakeup:
    """Wake-ups across processes by Redis publish/subscribe.

    Local listeners are woken directly, so one process works on when Redis is gone; after a lost connection
    everyone is woken once, because wake-ups may have been missed.
    """

    def __init__(self, url: str, *, retry_s: float = 1.0) -> None:
        self._redis: Redis = Redis.from_url(url)
        self._local = InProcessWakeup()
        self._retry_s = retry_s
        self._subscription: asyncio.Task[None] | None = None
        self._subscribed = asyncio.Event()

    async def start(self) -> None:
        """Subscribe; returns at once, the connection is kept up in the background."""
        self._subscription = asyncio.create_task(self._subscribe(), name="redis-wakeup")

    async def subscribed(self) -> None:
        """Until Redis has confirmed the subscription."""
        await self._subscribed.wait()

    async def notify(self, topic: str) -> None:
        """Wake local listeners at once and those of other processes through Redis."""
        self._local.wake(topic)
        try:
            await self._redis.publish(_PREFIX + topic, b"")
        except RedisError as error:
            _log.warning("wakeup_not_published", error=str(error))

    def listen(self, topic: str) -> contextlib.AbstractContextManager[Listener]:
        """A listener for the time of the block."""
        return self._local.listen(topic)

    async def close(self) -> None:
        """End the subscription and close the connections."""
        if self._subscription is not None:
            self._subscription.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._subscription
        await self._redis.aclose()

    async def _subscribe(self) -> None:
        while True:
            try:
                await self._deliver()
            except (RedisError, OSError) as error:
                _log.warning("wakeup_subscription_lost", error=str(error))
            self._subscribed.clear()
            await asyncio.sleep(self._retry_s)

    async def _deliver(self) -> None:
        async with self._redis.pubsub() as subscription:
            await subscription.psubscribe(_PREFIX + "*")
            async for message in subscription.listen():
                if message["type"] == "psubscribe":
                    self._subscribed.set()
                    self._local.wake_all()
                elif message["type"] == "pmessage":
                    self._local.wake(message["channel"].decode().removeprefix(_PREFIX))
