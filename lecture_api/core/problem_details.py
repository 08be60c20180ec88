"""RFC 9457 problem documents for every error the API answers with. No feature builds an error response
itself."""

from http import HTTPStatus
from typing import Any

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict
from starlette.exceptions import HTTPException

from lecture_api.core.errors import LectureApiError

MEDIA_TYPE = "application/problem+json"
_log = structlog.get_logger(__name__)
_HTTP_CODES = {
    404: "not_found",
    405: "method_not_allowed",
    413: "body_too_large",
    415: "unsupported_media_type",
}


class Problem(BaseModel):
    """The body of every error answer (RFC 9457 §3)."""

    model_config = ConfigDict(extra="allow")

    type: str = "about:blank"
    title: str
    status: int
    code: str
    detail: str | None = None


#: For `APIRouter(responses=…)`: the documented shape of any failure.
PROBLEM_RESPONSES: dict[int | str, dict[str, Any]] = {
    "4XX": {"model": Problem, "description": "The request was refused.", "content": {MEDIA_TYPE: {}}},
    "5XX": {"model": Problem, "description": "The service failed.", "content": {MEDIA_TYPE: {}}},
}


def problem_response(
    *,
    status: int,
    code: str,
    title: str,
    detail: str | None = None,
    extra: dict[str, Any] | None = None,
    headers: dict[str, str] | None = None,
) -> JSONResponse:
    """One problem document as a response."""
    body: dict[str, Any] = {"type": "about:blank", "title": title, "status": status, "code": code}
    if detail is not None:
        body["detail"] = detail
    return JSONResponse({**(extra or {}), **body}, status, headers, MEDIA_TYPE)


def response_to(error: LectureApiError) -> JSONResponse:
    """The problem document of one of our own errors."""
    failed = error.status >= HTTPStatus.INTERNAL_SERVER_ERROR
    if failed:
        _log.warning("request_not_served", code=error.code, detail=error.detail)
    return problem_response(
        status=error.status,
        code=error.code,
        title=error.title,
        # What a part of ours said names inner addresses: for the log, not for the caller.
        detail=None if failed else error.detail,
        extra=error.extra,
        headers=error.headers,
    )


def install_problem_details(app: FastAPI) -> None:
    """Make every failure of `app` a problem document, unforeseen ones included."""

    async def on_our_error(_request: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, LectureApiError)
        return response_to(error)

    async def on_validation(_request: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, RequestValidationError)
        # The input itself is left out: it may hold a password.
        fields = [
            {"at": [str(step) for step in item["loc"]], "message": item["msg"], "kind": item["type"]}
            for item in error.errors()
        ]
        return problem_response(
            status=422, code="validation_failed", title="The request is not valid.", extra={"fields": fields}
        )

    async def on_http(_request: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, HTTPException)
        code = _HTTP_CODES.get(error.status_code, f"http_{error.status_code}")
        return problem_response(
            status=error.status_code, code=code, title=str(error.detail), headers=dict(error.headers or {})
        )

    async def on_unforeseen(request: Request, error: Exception) -> JSONResponse:
        _log.error("request_failed", method=request.method, path=request.url.path, exc_info=error)
        return problem_response(status=500, code="internal_error", title="Something went wrong on our side.")

    app.add_exception_handler(LectureApiError, on_our_error)
    app.add_exception_handler(RequestValidationError, on_validation)
    app.add_exception_handler(HTTPException, on_http)
    app.add_exception_handler(Exception, on_unforeseen)
