"""Shapes that every feature's schemas share (docs/protocol/http_api.md)."""

import uuid
from datetime import datetime
from typing import Annotated, Generic, TypeVar

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, StringConstraints

from lecture_api.core.clock import to_utc

T = TypeVar("T")

#: ISO 8601 in, any offset; UTC with `Z` out.
Instant = Annotated[AwareDatetime, AfterValidator(to_utc)]

#: One line a person typed: no control characters, no lone surrogates, outer spaces gone.
Line = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f]*$"),
]


class WireModel(BaseModel):
    """Base of request and response bodies: unknown members of a request are refused."""

    model_config = ConfigDict(extra="forbid", from_attributes=True)


class Ref(WireModel):
    """Something with a name that lives elsewhere."""

    id: uuid.UUID
    name: str


class Page(WireModel, Generic[T]):
    """A list, or a part of one: `next_cursor` is None at the end."""

    items: list[T]
    next_cursor: str | None = None


def instant_text(instant: datetime) -> str:
    """ISO 8601 with `Z`, for places that pydantic does not serialise."""
    return to_utc(instant).isoformat().replace("+00:00", "Z")
