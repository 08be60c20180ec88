"""Mints media tokens for tests, with a key pair of its own (docs/protocol/media_node.md)."""

import time
from collections.abc import Mapping, Sequence
from uuid import uuid4

from joserfc import jwt
from joserfc.jwk import OKPKey

from streaming.tokens import JwtVerifier


class TokenMint:
    """One issuer: `verifier` knows its public key, `public_pem` is that key as the installation keeps it."""

    def __init__(self) -> None:
        self._key = OKPKey.generate_key("Ed25519")
        self.public_pem = self._key.as_pem(private=False)
        self.verifier = JwtVerifier.from_pem(self.public_pem)

    def mint(
        self,
        participant: str = "p1",
        room: str = "room",
        grants: Sequence[str] = ("publish", "watch"),
        ttl_s: int = 600,
        claims: Mapping[str, object] | None = None,
    ) -> str:
        """A token; `claims` overrides or adds, None leaves a claim out."""
        now = int(time.time())
        everything = {
            "iss": "zhijian",
            "aud": "media",
            "sub": participant,
            "room": room,
            "grants": list(grants),
            "iat": now,
            "nbf": now,
            "exp": now + ttl_s,
            "jti": uuid4().hex,
        } | dict(claims or {})
        kept = {name: value for name, value in everything.items() if value is not None}
        return jwt.encode(
            {"alg": "Ed25519", "kid": self._key.thumbprint()}, kept, self._key, algorithms=["Ed25519"]
        )

    def control(self) -> str:
        """A token of the API."""
        return self.mint("api", "*", ["control"])


def bearer(token: str) -> dict[str, str]:
    """The header that carries a token."""
    return {"Authorization": f"Bearer {token}"}
