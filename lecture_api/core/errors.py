"""The root of the API's error tree. Features derive from these; `problem_details` turns them into RFC 9457
answers."""

from collections.abc import Mapping
from typing import Any, ClassVar


class LectureApiError(Exception):
    """Something the caller can be told: a stable code, an HTTP status, a sentence.

    Attributes:
        code: stable identifier, also the key of the translated text.
        status: HTTP status of the answer.
        title: short English sentence, the same for every occurrence.
        extra: further members of the problem document.
        headers: further headers of the answer.
    """

    code: ClassVar[str] = "internal_error"
    status: ClassVar[int] = 500
    title: ClassVar[str] = "Something went wrong on our side."

    def __init__(
        self,
        detail: str | None = None,
        *,
        extra: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(detail or self.title)
        self.detail = detail
        self.extra = dict(extra or {})
        self.headers = dict(headers or {})


class NotFoundError(LectureApiError):
    """There is no such thing, or the caller may not know that there is."""

    code = "not_found"
    status = 404
    title = "There is no such thing."


class ConflictError(LectureApiError):
    """The request does not fit what is."""

    code = "conflict"
    status = 409
    title = "The request does not fit the present state."


class InvalidError(LectureApiError):
    """The request is well-formed but says something impossible."""

    code = "validation_failed"
    status = 422
    title = "The request is not valid."


class NotSignedInError(LectureApiError):
    """No valid login came with the request."""

    code = "not_signed_in"
    status = 401
    title = "Sign in first."


class NotAuthorisedError(LectureApiError):
    """The caller is known and may not do this."""

    code = "not_authorised"
    status = 403
    title = "You may not do this."


class CrossSiteError(LectureApiError):
    """An unsafe request came from another site."""

    code = "cross_site_request"
    status = 403
    title = "The request came from another site."


class TooManyAttemptsError(LectureApiError):
    """Throttled; `Retry-After` says for how long."""

    code = "too_many_attempts"
    status = 429
    title = "Too many attempts. Wait a moment."


class ServiceUnavailableError(LectureApiError):
    """A part that this request needs does not answer."""

    code = "service_unavailable"
    status = 503
    title = "A part of the service does not answer at the moment."
