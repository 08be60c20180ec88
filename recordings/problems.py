"""Errors as RFC 9457 problem+json, the same form as everywhere in the product."""

from http import HTTPStatus

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from recordings.errors import RecordingsError


def problem(status: int, code: str, detail: str) -> Response:
    """Return a problem response with a stable code."""
    body = {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "code": code,
        "detail": detail,
    }
    headers = {"WWW-Authenticate": "Bearer"} if status == HTTPStatus.UNAUTHORIZED else None
    return JSONResponse(body, status, headers, media_type="application/problem+json")


async def on_error(_request: Request, error: Exception) -> Response:
    """Exception handler for this package's tree."""
    assert isinstance(error, RecordingsError)
    return problem(error.status, error.code, str(error))
