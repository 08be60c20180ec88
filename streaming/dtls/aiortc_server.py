"""DTLS through aiortc's RTCDtlsTransport: the one adapter over its private names (a test asserts that they
exist).

The relay is the DTLS server, so that our preference of AEAD_AES_128_GCM decides, except towards peers that
can only be server themselves (the WHIP muxer of FFmpeg 8). All associations share one certificate, made per
process, and one SSL context: a context each would cost 100 KiB and 160 µs a peer.
"""

import asyncio
import logging
from collections.abc import Sequence

from aiortc import rtcdtlstransport as aiortc_dtls
from OpenSSL import SSL

from streaming.dtls.association import DtlsRole, SendDatagram, SrtpKeys
from streaming.errors import DtlsFailed

logger = logging.getLogger(__name__)

DTLS_1_2 = 0xFEFD
EXPORTER_LABEL = b"EXTRACTOR-dtls_srtp"  # RFC 5764 §4.2
PROFILES = [aiortc_dtls.SRTP_AEAD_AES_128_GCM, aiortc_dtls.SRTP_AES128_CM_SHA1_80]
DATAGRAMS_WAITING_MAX = 32
# After its handshake an association waits for hours; its record buffers (14 KB resident) need not.
SSL_MODE_RELEASE_BUFFERS = 0x10


class _SharedContextCertificate(aiortc_dtls.RTCCertificate):
    """A certificate that hands every association the same SSL context."""

    _shared_context: SSL.Context | None = None

    def _create_ssl_context(self, srtp_profiles: list[aiortc_dtls.SRTPProtectionProfile]) -> SSL.Context:
        if self._shared_context is None:
            context = super()._create_ssl_context(srtp_profiles)
            # 1.3 is offered by browsers; its exporter and retransmission rules are untried here.
            context.set_min_proto_version(DTLS_1_2)
            context.set_max_proto_version(DTLS_1_2)
            context.set_session_cache_mode(SSL.SESS_CACHE_OFF)
            context.set_options(SSL.OP_NO_TICKET)
            context.set_mode(SSL_MODE_RELEASE_BUFFERS)
            self._shared_context = context
        return self._shared_context


class _DatagramQueue:
    """The three members RTCDtlsTransport needs of an ICE transport."""

    role = "controlled"

    def __init__(self, send: SendDatagram) -> None:
        self._send_datagram = send
        self._waiting: asyncio.Queue[bytes | None] = asyncio.Queue()

    def put(self, datagram: bytes) -> None:
        if self._waiting.qsize() < DATAGRAMS_WAITING_MAX:
            self._waiting.put_nowait(datagram)

    def end(self) -> None:
        self._waiting.put_nowait(None)

    async def _recv(self) -> bytes:
        datagram = await self._waiting.get()
        if datagram is None:
            self._waiting.put_nowait(None)  # Every later read ends as well.
            raise ConnectionError("the association was closed")
        return datagram

    async def _send(self, data: bytes) -> None:
        self._send_datagram(data)


class _DigestingTransport(aiortc_dtls.RTCDtlsTransport):
    """Compares the fingerprint of the certificate as it came (RFC 8122 §5).

    aiortc has it parsed by cryptography, which is about to refuse serial numbers that are not positive; half
    of those FFmpeg 8 makes are negative.
    """

    def _validate_peer_identity(self, remote: aiortc_dtls.RTCDtlsParameters) -> None:
        certificate = self._ssl.get_peer_certificate() if self._ssl else None
        wanted = {
            entry.algorithm.lower(): entry.value.upper()
            for entry in remote.fingerprints
            if entry.algorithm.lower() in aiortc_dtls.X509_DIGEST_ALGORITHMS
        }
        if (
            certificate is None
            or not wanted
            or any(
                certificate.digest(algorithm.replace("-", "")).decode() != value
                for algorithm, value in wanted.items()
            )
        ):
            self._set_state(aiortc_dtls.State.FAILED)


class AiortcAssociation:
    """Implements `DtlsAssociation` with one RTCDtlsTransport."""

    def __init__(
        self,
        certificate: aiortc_dtls.RTCCertificate,
        fingerprints: Sequence[tuple[str, str]],
        send: SendDatagram,
        role: DtlsRole,
    ) -> None:
        self._role = role
        self._reachable = asyncio.Event()
        self._queue = _DatagramQueue(send)
        self._remote = aiortc_dtls.RTCDtlsParameters(
            fingerprints=[
                aiortc_dtls.RTCDtlsFingerprint(hash_name, value) for hash_name, value in fingerprints
            ]
        )
        self._dtls = _DigestingTransport(self._queue, [certificate])  # type: ignore[arg-type]
        self._dtls._srtp_profiles = PROFILES
        self._dtls._set_role(role)
        self._closed = asyncio.Event()
        self._dtls.on("statechange", self._on_state_change)

    def receive(self, datagram: bytes) -> None:
        """See `DtlsAssociation`."""
        # Anything else would make RTCDtlsTransport decrypt media itself.
        if datagram and 20 <= datagram[0] <= 63:
            self._queue.put(datagram)

    def peer_reachable(self) -> None:
        """See `DtlsAssociation`."""
        self._reachable.set()

    async def handshake(self, timeout_s: float) -> SrtpKeys:
        """See `DtlsAssociation`."""
        try:
            async with asyncio.timeout(timeout_s):
                if self._role == "client":
                    await self._reachable.wait()
                # start() has no time-out of its own before the first ClientHello.
                await self._dtls.start(self._remote)
        except TimeoutError as error:
            raise DtlsFailed("no handshake in time") from error
        if self._dtls.state != "connected":
            raise DtlsFailed(f"the handshake ended in state: {self._dtls.state}")
        return self._export_keys()

    async def wait_closed(self) -> None:
        """See `DtlsAssociation`."""
        await self._closed.wait()

    async def close(self) -> None:
        """See `DtlsAssociation`."""
        self._queue.end()
        await self._dtls.stop()
        self._closed.set()
        # The listener ties a knot: with it OpenSSL's 70 KB wait for the oldest generation of the garbage
        # collector, which in a process of this size runs once in thousands of sessions.
        self._dtls.remove_all_listeners()

    def _on_state_change(self) -> None:
        if self._dtls.state in ("closed", "failed"):
            self._closed.set()

    def _export_keys(self) -> SrtpKeys:
        connection = self._dtls._ssl
        assert connection is not None
        selected = connection.get_selected_srtp_profile()
        profile = next(entry for entry in PROFILES if entry.openssl_profile == selected)
        material = connection.export_keying_material(
            EXPORTER_LABEL, 2 * (profile.key_length + profile.salt_length)
        )
        # The engine does SRTP; aiortc's two libsrtp contexts are only memory.
        self._dtls._rx_srtp = self._dtls._tx_srtp = None  # type: ignore[assignment]
        client, server = (profile.get_key_and_salt(material, index) for index in (0, 1))
        local, remote = (server, client) if self._role == "server" else (client, server)
        return SrtpKeys(profile.openssl_profile.decode(), local=local, remote=remote)


class AiortcDtlsServer:
    """Implements `DtlsServer`; one for the process."""

    def __init__(self) -> None:
        self._certificate = _SharedContextCertificate.generateCertificate()
        # Every answer carries it; aiortc digests the certificate anew, by three algorithms, each time.
        self._fingerprint = next(
            entry.value for entry in self._certificate.getFingerprints() if entry.algorithm == "sha-256"
        )

    @property
    def fingerprint(self) -> str:
        """See `DtlsServer`."""
        return self._fingerprint

    def associate(
        self, fingerprints: Sequence[tuple[str, str]], send: SendDatagram, role: DtlsRole = "server"
    ) -> AiortcAssociation:
        """See `DtlsServer`."""
        return AiortcAssociation(self._certificate, fingerprints, send, role)
