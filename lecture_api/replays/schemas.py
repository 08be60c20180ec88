"""Bodies of the replay endpoints (docs/protocol/http_api.md)."""

import uuid
from typing import Annotated

from pydantic import Field, StringConstraints

from lecture_api.core.wire_types import Instant, WireModel

Milliseconds = Annotated[int, Field(ge=0, le=2**53)]
Reason = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=500)]


class MapPieceOut(WireModel):
    """`[programme_start_ms, programme_end_ms)` is played from `file_start_ms` on."""

    programme_start_ms: int
    programme_end_ms: int
    file_start_ms: int


class ReplayGrantOut(WireModel):
    """Leave to play; the URL needs neither cookie nor header until it expires."""

    playlist_url: str
    poster_url: str | None
    expires_at: Instant
    duration_ms: int
    live: bool
    map: list[MapPieceOut]
    resume_position_ms: int
    watch_id: uuid.UUID


class ReplayProgressIn(WireModel):
    """What a player played since its last report; segments in the order played, on the file clock."""

    watch_id: uuid.UUID
    seq: Annotated[int, Field(ge=0, le=2**31 - 1)]
    position_ms: Milliseconds
    rate: Annotated[float, Field(ge=0, le=16)] = 1.0
    segments: Annotated[list[tuple[Milliseconds, Milliseconds]], Field(max_length=1000)]


class WithdrawIn(WireModel):
    """Why a replay is taken away."""

    reason: Reason
