"""Errors as RFC 9457 problem details with our stable codes."""

from http import HTTPStatus

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from streaming.errors import StreamingError

MEDIA_TYPE = "application/problem+json"


def on_streaming_error(_: Request, error: Exception) -> Response:
    """Answer with the error's status, code and header fields."""
    assert isinstance(error, StreamingError)
    return _problem(error.status, error.code, error.title, str(error), dict(error.headers))


def on_http_exception(_: Request, error: Exception) -> Response:
    """Answer what the router itself refuses (404, 405) in the same form."""
    assert isinstance(error, HTTPException)
    title = HTTPStatus(error.status_code).phrase
    code = title.lower().replace(" ", "_")
    return _problem(error.status_code, code, title, error.detail, dict(error.headers or {}))


def on_unexpected(_: Request, __: Exception) -> Response:
    """Answer 500 without telling more; the server logs the error itself."""
    return _problem(500, StreamingError.code, StreamingError.title, "unexpected error", {})


def _problem(status: int, code: str, title: str, detail: str, headers: dict[str, str]) -> Response:
    content = {"type": "about:blank", "title": title, "status": status, "code": code, "detail": detail}
    return JSONResponse(content, status, headers, MEDIA_TYPE)
