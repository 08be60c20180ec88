"""The one adapter over aiortc's DTLS: the names it leans on exist, keys match the peer's, failures are
DtlsFailed."""

import asyncio
import gc
import weakref

import pytest
from aiortc import rtcdtlstransport as aiortc_dtls
from aiortc.rtcdtlstransport import RTCCertificate, RTCDtlsFingerprint, RTCDtlsParameters, RTCDtlsTransport
from cryptography.hazmat.primitives import serialization
from OpenSSL import SSL, crypto

from streaming.dtls.aiortc_server import AiortcAssociation, AiortcDtlsServer
from streaming.dtls.association import SrtpKeys
from streaming.errors import DtlsFailed


class Pipe:
    """The ICE transport of a DTLS client wired to an association."""

    role = "controlling"

    def __init__(self) -> None:
        self.inbox: asyncio.Queue[bytes] = asyncio.Queue()
        self.association: AiortcAssociation | None = None

    async def _recv(self) -> bytes:
        return await self.inbox.get()

    async def _send(self, data: bytes) -> None:
        assert self.association is not None
        self.association.receive(data)


def wire(server: AiortcDtlsServer, profiles: list[aiortc_dtls.SRTPProtectionProfile] | None = None):
    certificate = RTCCertificate.generateCertificate()
    pipe = Pipe()
    association = server.associate(
        [(entry.algorithm, entry.value) for entry in certificate.getFingerprints()], pipe.inbox.put_nowait
    )
    pipe.association = association
    client = RTCDtlsTransport(pipe, [certificate])  # type: ignore[arg-type]
    client._set_role("client")
    if profiles:
        client._srtp_profiles = profiles
    return association, client


async def connect(server: AiortcDtlsServer, association: AiortcAssociation, client: RTCDtlsTransport):
    remote = RTCDtlsParameters([RTCDtlsFingerprint("sha-256", server.fingerprint)])
    keys, _ = await asyncio.gather(association.handshake(20), client.start(remote))
    assert client.state == "connected"
    return keys


def test_private_names_of_aiortc_exist() -> None:
    dtls = RTCDtlsTransport(Pipe(), [RTCCertificate.generateCertificate()])  # type: ignore[arg-type]
    for name in ("_srtp_profiles", "_set_role", "_ssl", "_rx_srtp", "_tx_srtp", "start", "stop", "state"):
        assert hasattr(dtls, name)
    for name in ("_validate_peer_identity", "_set_state"):
        assert hasattr(dtls, name)
    assert set(aiortc_dtls.X509_DIGEST_ALGORITHMS) == {"sha-256", "sha-384", "sha-512"}
    assert aiortc_dtls.State.FAILED.name == "FAILED"
    assert hasattr(RTCCertificate, "_create_ssl_context")


async def test_keys_are_the_peers_keys_in_mirror_image_with_gcm_preferred() -> None:
    server = AiortcDtlsServer()
    association, client = wire(server)
    keys = await connect(server, association, client)
    assert keys.profile == "SRTP_AEAD_AES_128_GCM"
    assert client._ssl is not None
    assert client._ssl.get_protocol_version_name() == "DTLSv1.2"
    material = client._ssl.export_keying_material(b"EXTRACTOR-dtls_srtp", 2 * (16 + 12))
    assert keys.remote == material[0:16] + material[32:44]
    assert keys.local == material[16:32] + material[44:56]
    await client.stop()


async def test_as_client_it_begins_when_the_peer_is_reachable_and_swaps_the_keys() -> None:
    relay = AiortcDtlsServer()
    certificate, pipe = RTCCertificate.generateCertificate(), Pipe()
    fingerprints = [(entry.algorithm, entry.value) for entry in certificate.getFingerprints()]
    association = relay.associate(fingerprints, pipe.inbox.put_nowait, "client")
    pipe.association = association
    foreign = RTCDtlsTransport(pipe, [certificate])  # type: ignore[arg-type]
    foreign._set_role("server")
    handshake = asyncio.create_task(association.handshake(20))
    await asyncio.sleep(0)
    assert pipe.inbox.empty()
    association.peer_reachable()
    await foreign.start(RTCDtlsParameters([RTCDtlsFingerprint("sha-256", relay.fingerprint)]))
    keys = await handshake
    assert foreign._ssl is not None
    material = foreign._ssl.export_keying_material(b"EXTRACTOR-dtls_srtp", 2 * (16 + 12))
    assert keys.local == material[0:16] + material[32:44]
    assert keys.remote == material[16:32] + material[44:56]
    await foreign.stop()


async def test_client_whose_peer_never_gets_reachable_fails_in_time() -> None:
    association = AiortcDtlsServer().associate([("sha-256", "AB")], lambda _: None, "client")
    with pytest.raises(DtlsFailed):
        await association.handshake(0.05)


class NegativeSerialNumber(RTCCertificate):
    """What FFmpeg 8 makes in half of all cases, and what cryptography does not like to read."""

    def __init__(self) -> None:
        whole = RTCCertificate.generateCertificate()
        super().__init__(key=whole._key, cert=whole._cert)
        der = bytearray(whole._cert.public_bytes(serialization.Encoding.DER))
        serial = whole._cert.serial_number.to_bytes(20, "big").lstrip(b"\0")
        der[der.index(serial)] |= 0x80
        self.odd = crypto.load_certificate(crypto.FILETYPE_ASN1, bytes(der))

    def _create_ssl_context(self, srtp_profiles: list[aiortc_dtls.SRTPProtectionProfile]) -> SSL.Context:
        context = super()._create_ssl_context(srtp_profiles)
        with pytest.warns(DeprecationWarning, match="pyOpenSSL X509"):
            context.use_certificate(self.odd)
        return context


@pytest.mark.parametrize("is_right", [True, False])
async def test_certificates_with_a_negative_serial_number_are_judged_by_their_fingerprint(
    is_right: bool,
) -> None:
    certificate, pipe, relay = NegativeSerialNumber(), Pipe(), AiortcDtlsServer()
    digest = certificate.odd.digest("sha256").decode() if is_right else ":".join(["AB"] * 32)
    association = pipe.association = relay.associate([("SHA-256", digest.lower())], pipe.inbox.put_nowait)
    client = RTCDtlsTransport(pipe, [certificate])  # type: ignore[arg-type]
    client._set_role("client")
    remote = RTCDtlsParameters([RTCDtlsFingerprint("sha-256", relay.fingerprint)])
    handshakes = asyncio.gather(association.handshake(20), client.start(remote), return_exceptions=True)
    outcome = (await handshakes)[0]
    assert isinstance(outcome, SrtpKeys) if is_right else isinstance(outcome, DtlsFailed), outcome
    await client.stop()


async def test_cm_sha1_80_is_the_fallback() -> None:
    server = AiortcDtlsServer()
    association, client = wire(server, [aiortc_dtls.SRTP_AES128_CM_SHA1_80])
    keys = await connect(server, association, client)
    assert keys.profile == "SRTP_AES128_CM_SHA1_80"
    assert len(keys.local) == len(keys.remote) == 30
    await client.stop()


async def test_associations_share_one_context_that_resumes_nothing() -> None:
    server = AiortcDtlsServer()
    contexts = []
    for _ in range(2):
        association, client = wire(server)
        await connect(server, association, client)
        assert association._dtls._ssl is not None
        contexts.append(association._dtls._ssl.get_context())
        await client.stop()
    assert contexts[0] is contexts[1]
    assert contexts[0].get_session_cache_mode() == SSL.SESS_CACHE_OFF
    # pyOpenSSL has no getter for options.
    assert SSL._lib.SSL_CTX_get_options(contexts[0]._context) & SSL.OP_NO_TICKET


async def test_close_notify_ends_the_association() -> None:
    server = AiortcDtlsServer()
    association, client = wire(server)
    await connect(server, association, client)
    await client.stop()
    await asyncio.wait_for(association.wait_closed(), 20)


async def test_closing_here_tells_the_peer() -> None:
    server = AiortcDtlsServer()
    association, client = wire(server)
    await connect(server, association, client)
    ended = asyncio.Event()
    client.on("statechange", ended.set)
    await association.close()
    await asyncio.wait_for(ended.wait(), 20)
    assert client.state == "closed"
    await association.close()


async def test_another_certificate_than_offered_fails() -> None:
    server = AiortcDtlsServer()
    association, client = wire(server)
    association._remote.fingerprints[0].value = ":".join(["00"] * 32)
    with pytest.raises(DtlsFailed):
        await asyncio.gather(
            association.handshake(20),
            client.start(RTCDtlsParameters([RTCDtlsFingerprint("sha-256", server.fingerprint)])),
        )
    await client.stop()


async def test_peer_that_never_speaks_fails_in_time() -> None:
    association, _ = wire(AiortcDtlsServer())
    with pytest.raises(DtlsFailed):
        await association.handshake(0.05)


async def test_closing_ends_a_handshake_that_waits() -> None:
    association, _ = wire(AiortcDtlsServer())
    waiting = asyncio.create_task(association.handshake(30))
    await asyncio.sleep(0)
    await association.close()
    with pytest.raises(DtlsFailed):
        await waiting


async def test_what_is_not_dtls_is_ignored() -> None:
    server = AiortcDtlsServer()
    association, client = wire(server)
    for datagram in (b"", b"\x00\x01", b"\x80\x60" + bytes(20), bytes(1500)):
        association.receive(datagram)
    association.receive(b"\x16\xfe\xff" + b"\xff" * 40)
    await connect(server, association, client)
    await client.stop()


@pytest.mark.parametrize("how", ["closed here", "closed by the peer", "failed"])
async def test_an_association_that_ended_is_freed_without_the_garbage_collector(how: str) -> None:
    server = AiortcDtlsServer()
    association, client = wire(server)
    gc.collect()
    gc.disable()
    try:
        if how == "failed":
            association._remote = RTCDtlsParameters([RTCDtlsFingerprint("sha-256", "00")])
            with pytest.raises(DtlsFailed):
                await connect(server, association, client)
        else:
            await connect(server, association, client)
        connection = weakref.ref(association._dtls._ssl)
        if how == "closed by the peer":
            await client.stop()
            await association.wait_closed()
        await association.close()
        client.transport.association = server.associate([], lambda _: None)
        del association
        for _ in range(5):  # The cancelled reader ends in a later turn of the loop.
            await asyncio.sleep(0)
        assert connection() is None
    finally:
        gc.enable()
        await client.stop()
