"""Verifies the bearer tokens of the media node; never mints one and never logs one.

JWT (RFC 7519) signed with Ed25519 (RFC 8037), claims by docs/protocol/media_node.md. The node holds public
keys only.
"""

import re
import warnings
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from time import time as unix_seconds
from typing import Literal, Protocol

from joserfc import jwt
from joserfc.errors import ExpiredTokenError, JoseError, SecurityWarning
from joserfc.jwk import KeySet, OKPKey

from streaming.errors import GrantMissing, RoomMismatch, TokenExpired, TokenInvalid

Grant = Literal["publish", "watch", "control", "trial"]

TRIAL_STANDS_FOR = ("publish", "watch")
ISSUER = "zhijian"
AUDIENCE = "media"
LEEWAY_S = 30
PARTICIPANT_LENGTH_MAX = 128
# RFC 9864 renamed "EdDSA" to "Ed25519"; both names mean the same signature under an Ed25519 key.
ALGORITHMS = ["Ed25519", "EdDSA"]
PEM_BLOCK = re.compile(rb"-----BEGIN PUBLIC KEY-----.*?-----END PUBLIC KEY-----", re.DOTALL)


@dataclass(frozen=True, slots=True)
class AccessToken:
    """What a verified token says. `room` is "*" in control tokens.

    A stream key (for OBS, ffmpeg) carries `key_generation`; see `streaming.rooms.entry` for keys and trials.
    """

    participant: str
    room: str
    grants: frozenset[str]
    expires_at_s: int
    key_generation: int | None = None

    @property
    def is_trial(self) -> bool:
        """Return whether what it opens only tries out the path: never counted, ended after a moment."""
        return "trial" in self.grants

    def require(self, grant: Grant, room: str) -> None:
        """Check that this token allows `grant` in `room`.

        Raises:
            GrantMissing: the token lacks the grant.
            RoomMismatch: the token is for another room.
        """
        if grant not in self.grants and not (self.is_trial and grant in TRIAL_STANDS_FOR):
            raise GrantMissing(f"the token lacks the grant: {grant}")
        if self.room != room:
            raise RoomMismatch("the token is for another room")


class TokenVerifier(Protocol):
    """Turns the text of a bearer token into an `AccessToken`."""

    def verify(self, text: str) -> AccessToken:
        """Return what the token says. Raises TokenInvalid or TokenExpired."""
        ...


class JwtVerifier:
    """Verifies tokens against a fixed set of Ed25519 public keys, found by `kid`."""

    def __init__(self, keys: Iterable[OKPKey]) -> None:
        self._keys = KeySet(list(keys))
        self._claims = jwt.JWTClaimsRegistry(
            now=lambda: int(unix_seconds()),
            leeway=LEEWAY_S,
            iss={"essential": True, "value": ISSUER},
            aud={"essential": True, "value": AUDIENCE},
            sub={"essential": True},
            exp={"essential": True},
            nbf={"essential": False},
        )

    @classmethod
    def from_pem_file(cls, path: Path) -> "JwtVerifier":
        """Read one or more Ed25519 public keys in PEM (SubjectPublicKeyInfo); `kid` is each one's
        thumbprint."""
        return cls.from_pem(path.read_bytes())

    @classmethod
    def from_pem(cls, text: bytes) -> "JwtVerifier":
        """Take the text of `from_pem_file`. Raises ValueError when there is no key in it."""
        blocks = PEM_BLOCK.findall(text)
        if not blocks:
            raise ValueError("no public key in the PEM text")
        # RFC 7638: two keys during a rotation are told apart by what they are.
        return cls(
            OKPKey.import_key(block, {"kid": OKPKey.import_key(block).thumbprint()}) for block in blocks
        )

    def verify(self, text: str) -> AccessToken:
        """Check signature, issuer, audience and times (30 s leeway), then the shape of our own claims.

        Raises:
            TokenExpired: `exp` is over.
            TokenInvalid: anything else is wrong; the detail never repeats the token.
        """
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", SecurityWarning)
                decoded = jwt.decode(text, self._keys, algorithms=ALGORITHMS)
            self._claims.validate(decoded.claims)
        except ExpiredTokenError as error:
            raise TokenExpired("the token has expired") from error
        except (JoseError, ValueError, TypeError, KeyError) as error:
            raise TokenInvalid(f"the token was refused: {type(error).__name__}") from error
        return _access_token(decoded.claims)


def _access_token(claims: dict[str, object]) -> AccessToken:
    participant, room, grants, expires, generation = (
        claims.get(name) for name in ("sub", "room", "grants", "exp", "gen")
    )
    if not isinstance(participant, str) or not 0 < len(participant) <= PARTICIPANT_LENGTH_MAX:
        raise TokenInvalid("claim sub is not a participant id")
    if not isinstance(room, str) or not isinstance(expires, int):
        raise TokenInvalid("claim room or exp has the wrong type")
    if not isinstance(grants, list) or not all(isinstance(grant, str) for grant in grants):
        raise TokenInvalid("claim grants is not a list of strings")
    if generation is not None and (not isinstance(generation, int) or isinstance(generation, bool)):
        raise TokenInvalid("claim gen is not a number")
    return AccessToken(participant, room, frozenset(grants), expires, generation)
