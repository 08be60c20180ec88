"""The room channel over two processes of the API: one PostgreSQL, one Redis; what is said in one is heard
in the other.
"""

import asyncio
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest

from lecture_api.core.database import Database
from lecture_api.core.wakeup import RedisWakeup
from lecture_api.migrations.upgrade import upgrade
from tests.support.learning import scene
from tests.support.redis_server import RedisServer
from tests.support.room_house import open_house

pytestmark = [pytest.mark.redis, pytest.mark.postgres]


@asynccontextmanager
async def another_process(stage, folder, redis_url):
    """A house with its own connections to the same database and the same Redis."""
    database = Database(stage.database.url)
    wakeup = RedisWakeup(redis_url, retry_s=0.05)
    await wakeup.start()
    try:
        async with asyncio.timeout(20):
            await wakeup.subscribed()
        async with open_house(replace(stage, database=database), folder, wakeup) as house:
            yield house
    finally:
        await wakeup.close()
        await database.close()


async def test_two_processes_are_one_room(postgres, tmp_path):
    url = postgres.create_database()
    await asyncio.to_thread(upgrade, url)
    with RedisServer() as redis:
        async with (
            scene(url) as stage,
            another_process(stage, tmp_path / "a", redis.url) as one,
            another_process(stage, tmp_path / "b", redis.url) as other,
        ):
            here, there = await stage.add_person(), await stage.add_person()
            await one.state("live", 0)
            async with one.client(here) as client, other.client(there) as witness:
                await witness.next("ping")
                for n in range(3):
                    await client.say(f"{n}")
                    await witness.say(f"{n} there")
                heard = [await client.events_until(7), await witness.events_until(7)]
                assert heard[0] == heard[1]
                for peer in (client, witness):
                    await peer.send(type="pong", n=1)
            await one.tracker.flush()
            found = {subject: await other.presence(subject) for subject in (here, there)}
            assert all(presence is not None for presence in found.values())
