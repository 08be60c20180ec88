"""Shapes of `/api/diagnosis`."""

from lecture_api.core.wire_types import Instant, WireModel


class Trial(WireModel):
    """A throw-away room, neither recorded nor counted: POST offers to both addresses with the token."""

    token: str
    whip_url: str
    whep_url: str
    expires_at: Instant
