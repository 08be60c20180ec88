"""Control tokens: EdDSA JWT verified with the API's public key (docs/protocol/media_node.md "Tokens").

Never minted here.
"""

import warnings
from collections.abc import Callable
from pathlib import Path

from joserfc import jwt
from joserfc.errors import ExpiredTokenError, JoseError, SecurityWarning
from joserfc.jwk import OKPKey

from recordings.errors import GrantMissing, TokenExpired, TokenInvalid, TokenMissing

TokenVerifier = Callable[[str | None], None]

_CLAIMS = jwt.JWTClaimsRegistry(
    leeway=30,
    iss={"essential": True, "value": "zhijian"},
    aud={"essential": True, "value": "media"},
    exp={"essential": True},
)


class ControlTokenVerifier:
    """Checks the Authorization header of a control request. The key file is read anew when it changes."""

    def __init__(self, public_key: Path) -> None:
        self._path = public_key
        self._loaded: tuple[int, OKPKey] | None = None

    def _key(self) -> OKPKey:
        try:
            changed = self._path.stat().st_mtime_ns
            if self._loaded is None or self._loaded[0] != changed:
                self._loaded = (changed, OKPKey.import_key(self._path.read_bytes()))
        except (OSError, ValueError, JoseError) as error:
            raise TokenInvalid("no usable public key") from error
        return self._loaded[1]

    def __call__(self, authorization: str | None) -> None:
        """Raises: TokenMissing, TokenInvalid, TokenExpired, GrantMissing."""
        scheme, _, text = (authorization or "").partition(" ")
        if scheme.lower() != "bearer" or not text:
            raise TokenMissing("bearer token missing")
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", SecurityWarning)  # "EdDSA" is only its older name (RFC 9864).
                token = jwt.decode(text.strip(), self._key(), algorithms=["Ed25519", "EdDSA"])
            _CLAIMS.validate(token.claims)
        except ExpiredTokenError as error:
            raise TokenExpired("token expired") from error
        except (JoseError, ValueError, TypeError) as error:
            raise TokenInvalid("token does not verify") from error
        grants = token.claims.get("grants")
        if not isinstance(grants, list) or "control" not in grants or token.claims.get("room") != "*":
            raise GrantMissing("token lacks grant: control")
