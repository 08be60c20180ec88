"""No request body is read beyond what any of ours needs: one that is too large never fills the memory."""

from fastapi import HTTPException
from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from lecture_api.core.problem_details import problem_response

#: The largest real one convenes four thousand people and organisations by id: 160 kB.
LARGEST_BODY = 1 << 20
_CODE = 413
_TITLE = "The request is too large."


class BodyLimitMiddleware:
    """Refuses bodies over `LARGEST_BODY` with 413 `body_too_large`."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on with its body counted."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        announced = HTTPConnection(scope).headers.get("content-length", "0")
        if not announced.isdecimal() or int(announced) > LARGEST_BODY:
            answer = problem_response(status=_CODE, code="body_too_large", title=_TITLE)
            await answer(scope, receive, send)
            return
        seen = 0

        async def counted() -> Message:
            nonlocal seen
            message = await receive()
            seen += len(message.get("body", b""))
            if seen > LARGEST_BODY:
                raise HTTPException(_CODE, _TITLE)
            return message

        await self._app(scope, counted, send)
