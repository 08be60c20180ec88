"""Replay grants: a signed path prefix, as native HLS players send no header.

Format and check live here; minting policy is the API's.
grant = base64url(JSON {"r","p","g","e"}) "." base64url(HMAC-SHA256(key, first part)), without padding.
Source: docs/protocol/recordings.md.
"""

import base64
import binascii
import hashlib
import hmac
import json
import os
import secrets
from dataclasses import dataclass
from pathlib import Path

from recordings.errors import GrantExpired, GrantInvalid

KEY_BYTES = 32


@dataclass(frozen=True, slots=True)
class ReplayGrant:
    """Who may read what until when; `expires` in UNIX seconds."""

    recording_id: str
    participant_id: str
    gathering_id: str
    expires: int


def mint_grant(key: bytes, grant: ReplayGrant) -> str:
    """Return the path prefix for a grant."""
    fields = {
        "r": grant.recording_id,
        "p": grant.participant_id,
        "g": grant.gathering_id,
        "e": grant.expires,
    }
    body = _encode(json.dumps(fields, separators=(",", ":")).encode())
    return f"{body}.{_encode(_sign(key, body))}"


def verify_grant(key: bytes, text: str, recording_id: str, now_s: float) -> ReplayGrant:
    """Return the grant if it is good for this recording now.

    Raises: GrantInvalid when forged, malformed or for another recording; GrantExpired.
    """
    body, _, signature = text.partition(".")
    if not hmac.compare_digest(_decode(signature), _sign(key, body)):
        raise GrantInvalid("grant signature does not fit")
    try:
        fields = json.loads(_decode(body))
        grant = ReplayGrant(str(fields["r"]), str(fields["p"]), str(fields["g"]), int(fields["e"]))
    except (ValueError, KeyError, TypeError) as error:
        raise GrantInvalid("grant body malformed") from error
    if grant.recording_id != recording_id:
        raise GrantInvalid("grant is for another recording")
    if grant.expires <= now_s:
        raise GrantExpired(f"grant expired at: {grant.expires}")
    return grant


def load_or_create_key(path: Path) -> bytes:
    """Return the shared key; the first of API and recordings to need it makes it, mode 0600.

    Raises: GrantInvalid when the file has not 32 bytes.
    """
    try:
        key = path.read_bytes()
    except FileNotFoundError:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(secrets.token_bytes(KEY_BYTES))
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(draft, path)
        except FileExistsError:
            pass  # The other process was first: its key counts.
        finally:
            draft.unlink()
        key = path.read_bytes()
    if len(key) != KEY_BYTES:
        raise GrantInvalid(f"replay key has a wrong length: {len(key)}")
    return key


def _sign(key: bytes, body: str) -> bytes:
    return hmac.digest(key, body.encode(), hashlib.sha256)


def _encode(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _decode(text: str) -> bytes:
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), b"-_", validate=True)
    except (binascii.Error, ValueError) as error:
        raise GrantInvalid("grant is not base64url") from error
