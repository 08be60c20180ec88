"""Wake-ups across processes by a real redis-server."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import pytest

from lecture_api.core.wakeup import RedisWakeup
from tests.support.redis_server import RedisServer

pytestmark = pytest.mark.redis


@pytest.fixture
def server() -> Iterator[RedisServer]:
    with RedisServer() as running:
        yield running


@asynccontextmanager
async def process(server: RedisServer) -> AsyncIterator[RedisWakeup]:
    """What one process of the API holds."""
    wakeup = RedisWakeup(server.url, retry_s=0.05)
    await wakeup.start()
    async with asyncio.timeout(20):
        await wakeup.subscribed()
    try:
        yield wakeup
    finally:
        await wakeup.close()


async def test_wake_up_reaches_the_topic_s_listeners_in_another_process(server: RedisServer) -> None:
    async with process(server) as one, process(server) as other:
        with other.listen("room:a") as mine, other.listen("room:b") as not_mine:
            # The subscription itself wakes everyone once.
            await mine.wait(0)
            await not_mine.wait(0)
            await one.notify("room:a")
            assert await mine.wait(20)
            assert not await not_mine.wait(0)


async def test_without_redis_one_process_works_on_and_afterwards_everyone_is_woken(
    server: RedisServer,
) -> None:
    async with process(server) as wakeup:
        with wakeup.listen("room:a") as listener:
            await listener.wait(0)
            await asyncio.to_thread(server.stop)
            await wakeup.notify("room:a")
            assert await listener.wait(20)
            await asyncio.to_thread(server.start)
            # Whatever was missed meanwhile is made up for by one look.
            assert await listener.wait(20)
            async with process(server) as other:
                await listener.wait(0)
                await other.notify("room:a")
                assert await listener.wait(20)


async def test_start_without_redis_does_not_wait_for_it(server: RedisServer) -> None:
    await asyncio.to_thread(server.stop)
    wakeup = RedisWakeup(server.url, retry_s=0.05)
    await wakeup.start()
    with wakeup.listen("room:a") as listener:
        await wakeup.notify("room:a")
        assert await listener.wait(5)
    await asyncio.to_thread(server.start)
    async with asyncio.timeout(20):
        await wakeup.subscribed()
    await wakeup.close()
