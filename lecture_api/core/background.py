"""Tasks that outlive the request that started them: kept, named, their failures logged, ended with the
app."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from typing import Any

import structlog

_log = structlog.get_logger(__name__)


class BackgroundTasks:
    """The running background tasks of one process."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[None]] = set()
        self._lasting: dict[str, asyncio.Task[None]] = {}

    def spawn(self, work: Coroutine[Any, Any, None], name: str) -> asyncio.Task[None]:
        """Start `work`; an exception in it is logged under `name`."""
        task = asyncio.create_task(self._guarded(work, name), name=name)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    @asynccontextmanager
    async def lasting(self, work: Coroutine[Any, Any, None], name: str) -> AsyncIterator[None]:
        """Run `work` for the time of the block; ending before that is a failure that `ended_early` names."""
        task = self._lasting[name] = asyncio.create_task(self._guarded(work, name), name=name)
        try:
            yield
        finally:
            del self._lasting[name]
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task

    def ended_early(self) -> list[str]:
        """Names of lasting work that runs no more: the process is not ready without it."""
        return [name for name, task in self._lasting.items() if task.done()]

    async def settle(self) -> None:
        """Until every task of this moment is done: for tests."""
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def close(self) -> None:
        """Cancel what still runs and wait for it."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _guarded(self, work: Coroutine[Any, Any, None], name: str) -> None:
        try:
            await work
        except Exception:
            _log.exception("background_task_failed", task=name)
