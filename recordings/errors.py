"""The error tree of this package: stable codes, messages lower-case with the value after a colon."""

from typing import ClassVar


class RecordingsError(Exception):
    """Base of all; `code` is stable and reaches problem+json, `status` is the HTTP status it maps to."""

    code: ClassVar[str] = "internal"
    status: ClassVar[int] = 500


class FeedError(RecordingsError):
    """The feed broke its protocol; the connection ends (docs/protocol/recorder_feed.md)."""

    code = "feed_malformed"


class MalformedPacket(RecordingsError):
    """An RTP or RTCP packet, or a payload in one, that does not parse; it is dropped and counted."""

    code = "packet_malformed"


class JournalError(RecordingsError):
    """The journal is broken in another place than its torn last line."""

    code = "journal_corrupt"


class RecordingLocked(RecordingsError):
    """Another process writes this recording (joints.md §6: one writer)."""

    code = "recording_locked"
    status = 409


class RecordingNotFound(RecordingsError):
    """No such recording, or no such file in it."""

    code = "recording_not_found"
    status = 404


class StorageFailed(RecordingsError):
    """The disk does not take what must be written; nothing recorded is lost, the call may be repeated."""

    code = "storage_failed"
    status = 507


class BadRequest(RecordingsError):
    """The request body or an identifier has not the promised form."""

    code = "request_invalid"
    status = 422


class TokenMissing(RecordingsError):
    """No bearer token came with a control request."""

    code = "token_missing"
    status = 401


class TokenInvalid(RecordingsError):
    """The control token is not signed by the API, or its claims do not fit."""

    code = "token_invalid"
    status = 401


class TokenExpired(TokenInvalid):
    """The control token is past its expiry."""

    code = "token_expired"


class GrantMissing(RecordingsError):
    """The token is good but lacks the `control` grant."""

    code = "grant_missing"
    status = 403


class GrantInvalid(RecordingsError):
    """A replay grant that is forged or belongs to another recording."""

    code = "grant_invalid"
    status = 403


class GrantExpired(GrantInvalid):
    """A replay grant past its expiry; the page fetches a new one."""

    code = "grant_expired"
