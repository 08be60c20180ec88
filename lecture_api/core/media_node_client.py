"""The API's only way to a media node: `/control` of docs/protocol/media_node.md over HTTP, in-process when
embedded."""

from typing import Any

import httpx

from lecture_api.core.errors import ServiceUnavailableError
from lecture_api.core.room_tokens import RoomTokenMinter

_TIMEOUT = httpx.Timeout(5.0)


class MediaNodeError(ServiceUnavailableError):
    """The media node does not answer, or not as agreed."""

    code = "media_unavailable"
    title = "The media service does not answer at the moment."


class MediaNodeClient:
    """Typed calls to one media node; every failure is a MediaNodeError."""

    def __init__(self, http: httpx.AsyncClient, tokens: RoomTokenMinter) -> None:
        self._http = http
        self._tokens = tokens

    async def put_room(
        self, room: str, *, recording_id: str | None, codec: str | None, key_generation: int
    ) -> dict[str, Any]:
        """Set what a room records (None: nothing), its codec and the generation of its stream keys; the only
        switch for recording."""
        body = {"recording_id": recording_id, "codec": codec, "key_generation": key_generation}
        answer = await self._call("PUT", f"/control/rooms/{room}", json=body)
        assert answer is not None
        return answer

    async def room(self, room: str) -> dict[str, Any] | None:
        """State of a room, None when the node does not know it."""
        return await self._call("GET", f"/control/rooms/{room}", none_on_404=True)

    async def delete_room(self, room: str) -> None:
        """Close all sessions of a room and forget it."""
        await self._call("DELETE", f"/control/rooms/{room}", none_on_404=True)

    async def delete_participant(self, room: str, participant: str) -> None:
        """Close the sessions of one participant."""
        await self._call("DELETE", f"/control/rooms/{room}/participants/{participant}", none_on_404=True)

    async def events(self, *, after: int, epoch: str | None, wait_s: float) -> dict[str, Any]:
        """`{"node_epoch", "events": […]}`: events not yet acknowledged; waits up to `wait_s` for the
        first."""
        query: dict[str, str | int | float] = {"after": after, "wait": wait_s}
        if epoch is not None:
            query["epoch"] = epoch
        answer = await self._call("GET", "/control/events", params=query, timeout=wait_s + 10)
        assert answer is not None
        return answer

    async def acknowledge(self, *, node_epoch: str, seq: int) -> None:
        """Everything of this epoch up to `seq` is committed here; the node may forget it."""
        await self._call("POST", "/control/events/ack", json={"node_epoch": node_epoch, "seq": seq})

    async def status(self) -> dict[str, Any]:
        """`{"media_epoch", "addresses", "sessions", …}`."""
        answer = await self._call("GET", "/control/status")
        assert answer is not None
        return answer

    async def close(self) -> None:
        """Let go of connections."""
        await self._http.aclose()

    async def _call(
        self, method: str, path: str, *, none_on_404: bool = False, **arguments: Any
    ) -> dict[str, Any] | None:
        headers = {"Authorization": f"Bearer {self._tokens.control_token()}"}
        arguments.setdefault("timeout", _TIMEOUT)
        try:
            response = await self._http.request(method, path, headers=headers, **arguments)
            if response.status_code == 404 and none_on_404:
                return None
            response.raise_for_status()
            body: dict[str, Any] = response.json() if response.content else {}
        except (httpx.HTTPError, ValueError) as error:
            raise MediaNodeError(f"{method} {path}: {error}") from error
        return body
