"""`/control/events` and `/control/status`: what happened on this node and how it is
(docs/protocol/media_node.md)."""

import asyncio
import json

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from streaming.control.rooms import CONTROL_ROOM
from streaming.errors import BodyMalformed
from streaming.signalling.exchange import authorise, read_body, require_content_type
from streaming.signalling.services import NodeServices

WAIT_S_MAX = 20.0


class EventQuery(BaseModel):
    """Query of GET /control/events. Without `epoch`: everything unacknowledged."""

    after: int = Field(0, ge=0)
    epoch: str | None = None
    wait: float = Field(0.0, ge=0)


class Acknowledgement(BaseModel):
    """Body of POST /control/events/ack: this event and all before it are committed over there."""

    model_config = ConfigDict(extra="forbid", strict=True)

    node_epoch: str
    seq: int = Field(ge=0)


class NodeControl:
    """The handlers; each needs a control token."""

    def __init__(self, services: NodeServices) -> None:
        self._services = services

    def routes(self) -> list[Route]:
        """Return the routes."""
        return [
            Route("/control/events", self.events, methods=["GET"]),
            Route("/control/events/ack", self.acknowledge, methods=["POST"]),
            Route("/control/status", self.status, methods=["GET"]),
        ]

    async def events(self, request: Request) -> Response:
        """Long-poll for events, at most 20 s; an empty list means nothing happened."""
        authorise(request, self._services.verifier, "control", CONTROL_ROOM)
        try:
            query = EventQuery.model_validate(dict(request.query_params))
        except ValidationError as error:
            raise BodyMalformed(f"bad query: {error.error_count()} errors") from error
        found = await self._services.events.wait_after(query.epoch, query.after, min(query.wait, WAIT_S_MAX))
        # The events are kept as JSON text; they need not be parsed to be sent.
        body = f'{{"node_epoch":{json.dumps(self._services.node_epoch)},"events":[{",".join(found)}]}}'
        return Response(body, media_type="application/json")

    async def acknowledge(self, request: Request) -> Response:
        """Forget events up to a position."""
        authorise(request, self._services.verifier, "control", CONTROL_ROOM)
        require_content_type(request, "application/json")
        try:
            position = Acknowledgement.model_validate_json(await read_body(request))
        except ValidationError as error:
            raise BodyMalformed(f"not an acknowledgement: {error.error_count()} errors") from error
        self._services.events.acknowledge(position.node_epoch, position.seq)
        return Response(status_code=204)

    async def status(self, request: Request) -> Response:
        """Show the node."""
        authorise(request, self._services.verifier, "control", CONTROL_ROOM)
        services = self._services
        return JSONResponse(
            {
                "media_epoch": services.node_epoch,
                "started_at": services.started_at_ms,
                "addresses": [
                    f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
                    for host, port in services.announced
                ],
                "sessions": len(services.registry),
                # Of the whole process; a soak watches that they do not pile up.
                "tasks": len(asyncio.all_tasks()),
                "engine": json.loads(services.engine.stats()),
            }
        )
