"""The API's only way to the recordings service: control calls of docs/protocol/recordings.md over HTTP."""

from typing import Any

import httpx

from lecture_api.core.errors import ServiceUnavailableError
from lecture_api.core.room_tokens import RoomTokenMinter

_TIMEOUT = httpx.Timeout(10.0)


class RecordingsError(ServiceUnavailableError):
    """The recordings service does not answer, or not as agreed."""

    code = "recordings_unavailable"
    title = "The recording service does not answer at the moment."


class RecordingsClient:
    """Typed calls to the recordings service; every failure is a RecordingsError."""

    def __init__(self, http: httpx.AsyncClient, tokens: RoomTokenMinter) -> None:
        self._http = http
        self._tokens = tokens

    async def start(self, recording_id: str, *, room: str, feed_socket: str) -> dict[str, Any]:
        """Start or continue a recording; idempotent."""
        body = {"room": room, "feed_socket": feed_socket}
        answer = await self._call("PUT", f"/control/recordings/{recording_id}", json=body)
        assert answer is not None
        return answer

    async def recording(self, recording_id: str) -> dict[str, Any] | None:
        """Status of a recording (state, duration_ms, gaps, pieces, renditions, …), None when unknown."""
        return await self._call("GET", f"/control/recordings/{recording_id}", none_on_404=True)

    async def finish(self, recording_id: str) -> dict[str, Any] | None:
        """Finish a recording: the final status, None when unknown. Idempotent."""
        return await self._call("POST", f"/control/recordings/{recording_id}/finish", none_on_404=True)

    async def delete(self, recording_id: str) -> None:
        """Really delete a recording."""
        await self._call("DELETE", f"/control/recordings/{recording_id}", none_on_404=True)

    async def status(self) -> dict[str, Any]:
        """`{"recorders", "disk_free_ratio", "state"}`."""
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
        try:
            response = await self._http.request(method, path, headers=headers, timeout=_TIMEOUT, **arguments)
            if response.status_code == 404 and none_on_404:
                return None
            response.raise_for_status()
            body: dict[str, Any] = response.json() if response.content else {}
        except (httpx.HTTPError, ValueError) as error:
            raise RecordingsError(f"{method} {path}: {error}") from error
        return body
