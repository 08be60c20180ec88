"""Mints what media nodes and the replay accept: room tokens (docs/protocol/media_node.md) and replay
grants (recordings.md).

The API alone holds the private key; nodes verify with `room_token.pub.pem`.
"""

import base64
import hashlib
import hmac
import json
import secrets
from collections.abc import Iterable
from datetime import timedelta
from pathlib import Path

from joserfc import jwt
from joserfc.jwk import OKPKey

from lecture_api.core import key_files
from lecture_api.core.clock import Clock
from lecture_api.core.ids import random_id

CONTROL_TTL = timedelta(minutes=10)
_RENEW_BEFORE = timedelta(minutes=2)


class RoomTokenMinter:
    """Signs room tokens with the installation's Ed25519 key."""

    def __init__(self, folder: Path, clock: Clock) -> None:
        private = key_files.load_or_create(folder / "room_token.pem", _new_private_key)
        self._key = OKPKey.import_key(private)
        self._key_id = self._key.thumbprint()
        self._clock = clock
        self._control: tuple[str, float] | None = None
        key_files.load_or_create(
            folder / "room_token.pub.pem", lambda: self._key.as_pem(private=False), mode=0o644
        )

    def mint(
        self,
        *,
        room: str,
        participant: str,
        grants: Iterable[str],
        ttl: timedelta,
        key_generation: int | None = None,
    ) -> str:
        """A token for one room.

        Args:
            room: room id, `*` only for control tokens.
            participant: who acts: a subject id, or the name given to a foreign tool.
            grants: of `publish`, `watch`, `control`, `trial`.
            ttl: from now; checked when a WHIP or WHEP session is made.
            key_generation: of a stream key; None for tokens that a page asks for anew.
        """
        now = int(self._clock.now().timestamp())
        claims = {
            "iss": "zhijian",
            "aud": "media",
            "sub": participant,
            "room": room,
            "grants": sorted(grants),
            "iat": now,
            # A node whose clock is a little behind must not refuse a fresh token.
            "nbf": now - 5,
            "exp": now + int(ttl.total_seconds()),
            "jti": str(random_id()),
        }
        if key_generation is not None:
            claims["gen"] = key_generation
        header = {"alg": "Ed25519", "kid": self._key_id, "typ": "JWT"}
        return jwt.encode(header, claims, self._key, algorithms=["Ed25519"])

    def control_token(self) -> str:
        """A token for `/control`, the same one until it is about to expire."""
        now = self._clock.now().timestamp()
        if self._control is None or self._control[1] - now < _RENEW_BEFORE.total_seconds():
            token = self.mint(room="*", participant="lecture_api", grants=["control"], ttl=CONTROL_TTL)
            self._control = (token, now + CONTROL_TTL.total_seconds())
        return self._control[0]


class ReplayGrantMinter:
    """Signs the path prefix of a replay with `replay.key`: bound to recording, participant and gathering."""

    def __init__(self, folder: Path) -> None:
        self._key = key_files.load_or_create(folder / "replay.key", lambda: secrets.token_bytes(32))

    def mint(self, *, recording_id: str, participant: str, gathering_id: str, expires_at: int) -> str:
        """`base64url(JSON).base64url(HMAC)`; `expires_at` in unix seconds."""
        claims = {"r": recording_id, "p": participant, "g": gathering_id, "e": expires_at}
        body = _base64url(json.dumps(claims, separators=(",", ":")).encode())
        return f"{body}.{_base64url(hmac.new(self._key, body.encode(), hashlib.sha256).digest())}"


def _base64url(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _new_private_key() -> bytes:
    return OKPKey.generate_key("Ed25519").as_pem(private=True)
