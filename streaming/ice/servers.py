"""ICE servers for clients, as values of the Link header (RFC 9725 §4.6, RFC 8288).

What lives here: time-limited TURN credentials in the REST form coturn knows (`use-auth-secret`): user name
`expiry:participant`, credential base64(HMAC-SHA1(shared secret, user name)). What must not: HTTP.
"""

import base64
import hmac
from collections.abc import Sequence
from dataclasses import dataclass, field
from urllib.parse import quote

#: As long as a long day of lectures: an allocation is refreshed with the credentials it was made with.
LIFETIME_S = 12 * 3600


@dataclass(frozen=True, slots=True)
class IceServers:
    """`plain` need no credentials, or have none of ours; `turn` get some for each participant."""

    plain: Sequence[str] = ()
    turn: Sequence[str] = ()
    turn_secret: str | None = field(default=None, repr=False)

    def links(self, participant: str, now_s: int, lifetime_s: int = LIFETIME_S) -> list[str]:
        """Return the Link values for one participant.

        Args:
            participant: id as in the token; whatever a header cannot carry is percent-encoded.
            now_s: UTC seconds since 1970, as the TURN server's clock counts them.
            lifetime_s: how long TURN credentials are good.
        """
        links = [f'<{url}>; rel="ice-server"' for url in self.plain]
        if self.turn_secret is not None:
            username = f"{now_s + lifetime_s}:{quote(participant, safe='')}"
            credential = turn_credential(self.turn_secret, username)
            links += [
                f'<{url}>; rel="ice-server"; username="{username}"; credential="{credential}";'
                ' credential-type="password"'
                for url in self.turn
            ]
        return links


def turn_credential(secret: str, username: str) -> str:
    """Return what coturn computes for this user name."""
    return base64.b64encode(hmac.digest(secret.encode(), username.encode(), "sha1")).decode()
