"""In-process wake-ups and domain hooks."""

import asyncio
from dataclasses import dataclass
from typing import Any

from lecture_api.core.events import DomainEvent, DomainHooks
from lecture_api.core.wakeup import InProcessWakeup


async def test_wake_up_reaches_listeners_of_the_topic_only() -> None:
    wakeup = InProcessWakeup()
    with wakeup.listen("a") as mine, wakeup.listen("b") as other:
        await wakeup.notify("a")
        assert await mine.wait(5)
        assert not await other.wait(0)


async def test_wake_up_that_came_while_busy_is_not_lost_and_several_are_one() -> None:
    wakeup = InProcessWakeup()
    with wakeup.listen("a") as listener:
        await wakeup.notify("a")
        await wakeup.notify("a")
        assert await listener.wait(5)
        assert not await listener.wait(0)


async def test_listener_that_is_gone_is_forgotten() -> None:
    wakeup = InProcessWakeup()
    with wakeup.listen("a"):
        pass
    await wakeup.notify("a")
    assert wakeup._listeners == {}


async def test_cancelled_wait_leaves_the_listener_usable() -> None:
    wakeup = InProcessWakeup()
    with wakeup.listen("a") as listener:
        waiting = asyncio.create_task(listener.wait())
        await asyncio.sleep(0)
        waiting.cancel()
        await wakeup.notify("a")
        assert await listener.wait(5)


@dataclass(frozen=True)
class Happened(DomainEvent):
    what: str


class Transaction:
    """Stands for an AsyncSession: only `info` is used."""

    def __init__(self) -> None:
        self.info: dict[str, Any] = {}


async def test_handlers_inside_run_at_once_and_those_after_wait_for_the_commit() -> None:
    hooks, order = DomainHooks(), []

    async def inside(_db: object, event: Happened) -> None:
        order.append(f"inside {event.what}")

    async def afterwards(event: Happened) -> None:
        order.append(f"after {event.what}")

    hooks.in_transaction(Happened, inside)
    hooks.after_commit(Happened, afterwards)
    transaction: Any = Transaction()
    await hooks.publish(transaction, Happened("x"))
    assert order == ["inside x"]
    for action in transaction.info["after_commit"]:
        await action()
    assert order == ["inside x", "after x"]
