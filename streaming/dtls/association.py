"""What the rest of the relay needs of DTLS-SRTP (RFC 5764), whoever implements it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

SendDatagram = Callable[[bytes], None]
DtlsRole = Literal["server", "client"]


@dataclass(frozen=True, slots=True)
class SrtpKeys:
    """Keying material of one handshake: master key || master salt of each direction (RFC 5764 §4.2).

    `profile` is the IANA name, SRTP_AEAD_AES_128_GCM (16+12 bytes) or SRTP_AES128_CM_SHA1_80 (16+14 bytes).
    """

    profile: str
    local: bytes = field(repr=False)
    remote: bytes = field(repr=False)


class DtlsAssociation(Protocol):
    """One peer's handshake and what follows it, until close_notify."""

    def receive(self, datagram: bytes) -> None:
        """Take one datagram from the peer; anything that is not DTLS (RFC 7983 §7) is ignored."""
        ...

    def peer_reachable(self) -> None:
        """Learn that datagrams get to the peer from now on: a client may begin."""
        ...

    async def handshake(self, timeout_s: float) -> SrtpKeys:
        """Finish the handshake, including the wait for the peer: for its ClientHello as server, for
        `peer_reachable` as client.

        Raises:
            DtlsFailed: time is over, the peer's certificate has another fingerprint, or no common SRTP
            profile.
        """
        ...

    async def wait_closed(self) -> None:
        """Return when the peer has sent close_notify or the association was closed here."""
        ...

    async def close(self) -> None:
        """Send close_notify if connected, and end whatever waits. May be called at any time, twice too."""
        ...


class DtlsServer(Protocol):
    """Makes associations that share one certificate."""

    @property
    def fingerprint(self) -> str:
        """SHA-256 fingerprint of the certificate, colon-separated upper-case hex (RFC 8122 §5)."""
        ...

    def associate(
        self, fingerprints: Sequence[tuple[str, str]], send: SendDatagram, role: DtlsRole = "server"
    ) -> DtlsAssociation:
        """Prepare for one peer, known by (hash, fingerprint) pairs from its offer; `role` is ours."""
        ...
