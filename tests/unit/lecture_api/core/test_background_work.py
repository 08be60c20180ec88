"""Work beside requests: what dies is noticed, what ends with its block is no failure."""

import asyncio

from lecture_api.core.background import BackgroundTasks


async def test_lasting_work_that_dies_is_named_until_its_block_ends() -> None:
    tasks = BackgroundTasks()

    async def dies() -> None:
        raise ValueError("broken")

    async def goes_on() -> None:
        await asyncio.Event().wait()

    async with tasks.lasting(dies(), "ticker"), tasks.lasting(goes_on(), "keeper"):
        while not tasks.ended_early():
            await asyncio.sleep(0)
        assert tasks.ended_early() == ["ticker"]
    assert tasks.ended_early() == []
