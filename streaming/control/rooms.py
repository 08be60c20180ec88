"""`/control/rooms…`: what a room is, switched and shown (docs/protocol/media_node.md). Recording is switched
on nowhere else."""

import json
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from streaming.errors import BodyMalformed
from streaming.rooms.room import Room
from streaming.rooms.room_report import room_report
from streaming.rooms.room_statistics import room_statistics
from streaming.rooms.session_states import Signal
from streaming.signalling.exchange import authorise, read_body, require_content_type
from streaming.signalling.services import NodeServices

CONTROL_ROOM = "*"


class RoomSettings(BaseModel):
    """Body of PUT: all is said each time; null means none, or not decided by the API."""

    model_config = ConfigDict(extra="forbid", strict=True)

    recording_id: str | None = Field(None, pattern=r"^[A-Za-z0-9_-]{1,64}$")
    codec: Literal["H264", "VP8"] | None = None
    key_generation: int | None = Field(None, ge=1)


class RoomControl:
    """The handlers; each needs a control token."""

    def __init__(self, services: NodeServices) -> None:
        self._services = services

    def routes(self) -> list[Route]:
        """Return the routes."""
        room, participant = "/control/rooms/{room}", "/control/rooms/{room}/participants/{participant}"
        return [
            Route(f"{room}/statistics", self.statistics, methods=["GET"]),
            Route(room, self.put, methods=["PUT"]),
            Route(room, self.get, methods=["GET"]),
            Route(room, self.delete, methods=["DELETE"]),
            Route(participant, self.delete_participant, methods=["DELETE"]),
        ]

    async def put(self, request: Request) -> Response:
        """Make or change a room. Idempotent."""
        authorise(request, self._services.verifier, "control", CONTROL_ROOM)
        require_content_type(request, "application/json")
        try:
            wanted = RoomSettings.model_validate_json(await read_body(request))
        except ValidationError as error:
            raise BodyMalformed(f"not the settings of a room: {error.error_count()} errors") from error
        name, registry = request.path_params["room"], self._services.registry
        other = registry.room_by_recording(wanted.recording_id) if wanted.recording_id else None
        if other and other.name != name:
            raise BodyMalformed("this recording belongs to another room")
        room = registry.room_or_new(name)
        before = room.recording_id
        room.configure(wanted.recording_id, wanted.codec)
        if room.recording_id != before:
            self._services.engine.set_recording(room.name, room.recording_id)
        for media_session in room.raise_keys(wanted.key_generation):
            self._services.life_cycle.signal(media_session, Signal.KEY_REVOKED)
        return self._report(room)

    async def get(self, request: Request) -> Response:
        """Show a room."""
        authorise(request, self._services.verifier, "control", CONTROL_ROOM)
        return self._report(self._services.registry.room(request.path_params["room"]))

    async def statistics(self, request: Request) -> Response:
        """Show the numbers of a room, by slot and by participant."""
        authorise(request, self._services.verifier, "control", CONTROL_ROOM)
        room = self._services.registry.room(request.path_params["room"])
        now_ms, numbers = self._services.clock.now_ms(), json.loads(self._services.engine.stats())
        return JSONResponse(room_statistics(room, self._services.node_epoch, now_ms, numbers))

    async def delete(self, request: Request) -> Response:
        """Close all sessions of a room and drop it."""
        authorise(request, self._services.verifier, "control", CONTROL_ROOM)
        self._services.life_cycle.close_room(self._services.registry.room(request.path_params["room"]))
        return Response(status_code=204)

    async def delete_participant(self, request: Request) -> Response:
        """Close all sessions of one participant in a room; none is fine too."""
        authorise(request, self._services.verifier, "control", CONTROL_ROOM)
        room = self._services.registry.room(request.path_params["room"])
        for media_session in list(room.sessions.values()):
            if media_session.participant == request.path_params["participant"]:
                self._services.life_cycle.signal(media_session, Signal.DELETED)
        return Response(status_code=204)

    def _report(self, room: Room) -> Response:
        numbers = json.loads(self._services.engine.stats())
        return JSONResponse(room_report(room, self._services.node_epoch, numbers))
