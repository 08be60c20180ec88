"""ICE user name fragments and passwords (RFC 8445 §5.3). Made here, never parsed here."""

import secrets
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class IceCredentials:
    """Local credentials of one ICE session: 64 and 192 random bits in ice-char (RFC 8839 §5.4)."""

    ufrag: str
    pwd: str = field(repr=False)

    @classmethod
    def generate(cls) -> "IceCredentials":
        """Return new credentials; the engine finds a session by `ufrag`, so it must not repeat on this
        node."""
        return cls(secrets.token_hex(8), secrets.token_hex(24))
