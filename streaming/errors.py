"""The error tree of the relay: one class a stable code, with its HTTP status.

What lives here: everything a caller outside this package can be told. What must not: HTTP responses (see
`streaming.signalling.problem`) and packet errors, which the engine counts and reports in its statistics.
"""

from collections.abc import Mapping
from typing import ClassVar


class StreamingError(Exception):
    """Base of every error the relay reports; `str(error)` is the human-readable detail."""

    code: ClassVar[str] = "internal_error"
    status: ClassVar[int] = 500
    title: ClassVar[str] = "Internal error"

    @property
    def headers(self) -> Mapping[str, str]:
        """HTTP header fields that belong to this error."""
        return {}


class TokenError(StreamingError):
    """The bearer token does not let the caller in (RFC 6750 §3)."""

    status = 401

    @property
    def headers(self) -> Mapping[str, str]:
        """The challenge that every 401 carries (RFC 9110 §11.6.1)."""
        return {"WWW-Authenticate": 'Bearer realm="media"'} if self.status == 401 else {}


class TokenMissing(TokenError):
    """No `Authorization: Bearer` header."""

    code, title = "token_missing", "Token missing"


class TokenInvalid(TokenError):
    """Not a token of ours: bad signature, unknown key, wrong issuer or audience, missing claim."""

    code, title = "token_invalid", "Token invalid"


class TokenExpired(TokenError):
    """The token's time is over."""

    code, title = "token_expired", "Token expired"


class KeyRevoked(TokenError):
    """A stream key of an earlier generation than the room's, or for a room whose generation is unknown."""

    code, title = "key_revoked", "Stream key revoked"


class GrantMissing(TokenError):
    """The token is good but does not allow this."""

    code, status, title = "grant_missing", 403, "Grant missing"


class RoomMismatch(TokenError):
    """The token is for another room."""

    code, status, title = "room_mismatch", 403, "Token is for another room"


class UnsupportedMediaType(StreamingError):
    """The request body has a content type this address does not take."""

    code, status, title = "unsupported_media_type", 415, "Unsupported media type"


class BodyTooLarge(StreamingError):
    """The request body is longer than the limit."""

    code, status, title = "body_too_large", 413, "Body too large"


class BodyMalformed(StreamingError):
    """A JSON body or a query parameter of the control interface is not what the contract says."""

    code, status, title = "body_malformed", 400, "Body malformed"


class SdpMalformed(StreamingError):
    """The text is not a session description (RFC 8866) or not a fragment (RFC 8840)."""

    code, status, title = "sdp_malformed", 400, "Session description malformed"


class SdpUnsupported(StreamingError):
    """A well-formed offer this relay cannot answer; the detail names what is missing."""

    code, status, title = "sdp_unsupported", 422, "Offer not supported"


class CodecNotAccepted(StreamingError):
    """The room's codec is not in the offer."""

    code, status, title = "codec_not_accepted", 422, "Codec not accepted"


class SessionNotFound(StreamingError):
    """No such WHIP or WHEP session (any more), or it belongs to somebody else."""

    code, status, title = "session_not_found", 404, "Session not found"


class RoomNotFound(StreamingError):
    """No such room on this node, or not a possible room name."""

    code, status, title = "room_not_found", 404, "Room not found"


class EtagMissing(StreamingError):
    """PATCH without If-Match (RFC 9725 §4.3.1)."""

    code, status, title = "etag_missing", 428, "If-Match is required"


class EtagMismatch(StreamingError):
    """If-Match names an earlier ICE session (RFC 9725 §4.3.1)."""

    code, status, title = "etag_mismatch", 412, "If-Match does not match"


class SourceTaken(StreamingError):
    """Another participant publishes this source in the room."""

    code, status, title = "source_taken", 409, "Source is taken"


class ComeBackLater(StreamingError):
    """Base of the errors that time heals; Retry-After says how long (RFC 9110 §10.2.3)."""

    def __init__(self, detail: str, retry_after_s: int) -> None:
        super().__init__(detail)
        self.retry_after_s = retry_after_s

    @property
    def headers(self) -> Mapping[str, str]:
        """When to ask again."""
        return {"Retry-After": str(self.retry_after_s)}


class NodeFull(ComeBackLater):
    """No place for one more session just now."""

    code, status, title = "node_full", 503, "Media node is full"


class RoomFull(ComeBackLater):
    """The room has as many sessions, or publications, as it may have."""

    code, status, title = "room_full", 503, "Room is full"


class TooManySessions(ComeBackLater):
    """One participant has more sessions in use than a person with two devices needs."""

    code, status, title = "too_many_sessions", 429, "Too many sessions"


class TooManyRequests(ComeBackLater):
    """More offers, PATCH requests, or guesses at session URLs, than an honest client sends (RFC 9725 §5)."""

    code, status, title = "too_many_requests", 429, "Too many requests"


class DtlsFailed(StreamingError):
    """The DTLS handshake with a peer did not succeed; never leaves the package as a response."""

    code, title = "dtls_failed", "DTLS handshake failed"
