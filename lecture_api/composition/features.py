"""Who listens to whom, and what runs beside the requests: the one place that knows all features at once."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import APIRouter, FastAPI
from sqlalchemy.ext.asyncio import AsyncSession

from lecture_api.accounts import people_routes
from lecture_api.accounts.routes import router as accounts_router
from lecture_api.columns.routes import router as columns_router
from lecture_api.core.runtime import Runtime
from lecture_api.core.wakeup import RedisWakeup
from lecture_api.diagnosis.routes import router as diagnosis_router
from lecture_api.diagnosis.service import TrialDoor
from lecture_api.gatherings import host_routes, keeper, node_events
from lecture_api.gatherings.events import NodeEvent
from lecture_api.gatherings.reconcile import reconcile
from lecture_api.gatherings.routes import router as gatherings_router
from lecture_api.organisations.routes import router as organisations_router
from lecture_api.room_channel.service import LearningServices

ROUTERS: tuple[APIRouter, ...] = (
    accounts_router,
    people_routes.router,
    organisations_router,
    columns_router,
    gatherings_router,
    host_routes.router,
    diagnosis_router,
)


class Features:
    """All features on one Runtime: their routes, their listeners, their background work."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime

        async def publishers(db: AsyncSession, event: NodeEvent) -> None:
            await node_events.on_publisher_event(runtime, db, event)

        # Before presence: whether a gathering is live is judged first.
        runtime.hooks.in_transaction(NodeEvent, publishers)
        self._learning = LearningServices(runtime)

    def install(self, app: FastAPI) -> None:
        """Put all routes on the app."""
        for router in ROUTERS:
            app.include_router(router)
        app.state.trial_door, app.state.echo_connections = TrialDoor(), 0
        self._learning.install(app)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Everything that runs beside requests, for the time of the block. Reconciles before anyone is
        served."""
        if isinstance(self._runtime.wakeup, RedisWakeup):
            await self._runtime.wakeup.start()
        await reconcile(self._runtime)
        lasting = self._runtime.background.lasting
        async with (
            self._learning.running(),
            lasting(node_events.NodeEventIngester(self._runtime).run(), "node-events"),
            lasting(keeper.keep(self._runtime), "gathering-keeper"),
        ):
            yield
