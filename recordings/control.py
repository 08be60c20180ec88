"""The control calls of docs/protocol/recordings.md: start, status, finish, delete. HTTP only.

Work is the supervisor's.
"""

import asyncio
import time
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from recordings.catalogue import Catalogue
from recordings.errors import BadRequest, RecordingNotFound
from recordings.library import Library
from recordings.settings import RecordingsSettings
from recordings.status import recording_status
from recordings.storage import disk_space
from recordings.supervisor import Supervisor
from recordings.tokens import TokenVerifier

_LARGEST_BODY = 4096


class StartRequest(BaseModel):
    """Body of PUT /control/recordings/{recording_id}."""

    model_config = ConfigDict(extra="forbid")

    room: str = Field(pattern=r"^[A-Za-z0-9_-]{1,64}$")
    feed_socket: str = Field(min_length=1, max_length=107, pattern=r"^/[^\x00]+$")


class Control:
    """Handlers with what they need."""

    def __init__(
        self, settings: RecordingsSettings, supervisor: Supervisor, library: Library, verify: TokenVerifier
    ) -> None:
        self._settings = settings
        self._supervisor = supervisor
        self._library = library
        self._verify = verify

    def routes(self) -> list[Route]:
        """Return the routes below /control."""
        one = "/control/recordings/{recording_id}"
        return [
            Route("/control/status", self._service_status, methods=["GET"]),
            Route(one, self._start, methods=["PUT"]),
            Route(one, self._show, methods=["GET"]),
            Route(one, self._delete, methods=["DELETE"]),
            Route(one + "/finish", self._finish, methods=["POST"]),
        ]

    def _recording_id(self, request: Request) -> str:
        self._verify(request.headers.get("authorization"))
        recording_id = str(request.path_params["recording_id"])
        self._library.path(recording_id)
        return recording_id

    async def _start(self, request: Request) -> Response:
        recording_id = self._recording_id(request)
        body = b""
        async for chunk in request.stream():
            body += chunk
            if len(body) > _LARGEST_BODY:
                raise BadRequest("body too large")
        try:
            wanted = StartRequest.model_validate_json(body)
        except ValidationError as error:
            raise BadRequest(f"body malformed: {error.error_count()} errors") from error
        await self._supervisor.start(recording_id, wanted.room, wanted.feed_socket)
        return JSONResponse(await self._status(recording_id))

    async def _show(self, request: Request) -> Response:
        return JSONResponse(await self._status(self._recording_id(request)))

    async def _finish(self, request: Request) -> Response:
        recording_id = self._recording_id(request)
        if not self._is_known(recording_id):
            raise RecordingNotFound(f"no such recording: {recording_id}")
        await self._supervisor.finish(recording_id)
        return JSONResponse(await self._status(recording_id))

    async def _delete(self, request: Request) -> Response:
        recording_id = self._recording_id(request)
        if not self._is_known(recording_id):
            raise RecordingNotFound(f"no such recording: {recording_id}")
        await self._supervisor.delete(recording_id)
        return Response(status_code=204)

    async def _service_status(self, request: Request) -> Response:
        self._verify(request.headers.get("authorization"))
        ratio, is_low, is_full = self._disk()
        return JSONResponse(
            {
                "recorders": len(self._supervisor),
                "disk_free_ratio": round(ratio, 4),
                "state": "disk_full" if is_full else "disk_low" if is_low else "ok",
            }
        )

    def _is_known(self, recording_id: str) -> bool:
        return self._supervisor.child(recording_id) is not None or self._library.path(recording_id).is_dir()

    def _disk(self) -> tuple[float, bool, bool]:
        free, total = disk_space(self._settings.recordings_dir)
        ratio = free / total if total else 0.0
        is_full = free < self._settings.disk_reserve_mib << 20
        return ratio, ratio < self._settings.disk_low_ratio, is_full

    async def _status(self, recording_id: str) -> dict[str, Any]:
        child = self._supervisor.child(recording_id)
        ratio, is_low, _ = self._disk()
        now_ms = time.time_ns() // 1_000_000
        try:
            catalogue = await asyncio.to_thread(self._library.catalogue, recording_id)
        except RecordingNotFound:
            if child is None:
                raise
            # Its process is still starting.
            catalogue = Catalogue(recording_id=recording_id, room=child.room)
        recorder = child.status if child else None
        return recording_status(catalogue, recorder, now_ms=now_ms, disk_free_ratio=ratio, is_disk_low=is_low)
