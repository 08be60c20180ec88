"""The engine's ICE-lite side over real sockets: checks, addresses, consent, handshake packets. aioice is the
witness."""

import errno
import select
import socket

import pytest

from streaming._relay import Engine  # noqa: TID251 - the test is about the native engine itself
from tests.support.engine_peer import PATIENCE_S, Peer, camera_packet, running


def test_a_check_is_answered_from_the_socket_it_came_to() -> None:
    with running(addresses=["127.0.0.1", "127.0.0.2", "::1"]) as harness:
        for session, address in enumerate(harness.engine.local_addresses(), start=1):
            peer = Peer(harness, session, address=address)
            answer = peer.check()
            assert answer.attributes["XOR-MAPPED-ADDRESS"] == peer.socket.getsockname()[:2]
            host, port = peer.socket.getsockname()[:2]
            expected = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
            harness.wait("selected", session, expected)


def test_a_taken_port_is_an_os_error_that_names_the_address() -> None:
    with running() as harness:
        host, port = harness.address
        with pytest.raises(OSError, match=f"{host}:{port}") as caught:
            Engine(addresses=[host], port=port, node_epoch="e", feed_path=None)
        assert caught.value.errno == errno.EADDRINUSE


def test_bad_integrity_and_unknown_ufrag_are_counted_and_not_answered() -> None:
    with running() as harness:
        peer = Peer(harness, 1)
        peer.socket.sendto(bytes(peer.request(pwd="wrong-password-wrong")), peer.remote)
        peer.socket.sendto(bytes(peer.request(ufrag="nobody")), peer.remote)
        peer.socket.sendto(b"\x00\x01\x00\x00garbage-garbage-garbage", peer.remote)
        dropped = harness.wait_stats(lambda stats: stats["dropped"]["malformed_stun"] == 1)["dropped"]
        assert (dropped["bad_integrity"], dropped["unknown_ufrag"]) == (1, 1)
        assert not select.select([peer.socket], [], [], 0)[0]
        peer.check()


def test_handshake_packets_pass_both_ways_only_after_a_check() -> None:
    with running() as harness:
        peer = Peer(harness, 7)
        peer.socket.sendto(b"\x16\xfe\xfdearly", peer.remote)
        harness.wait_stats(lambda stats: stats["dropped"]["unknown_source"] == 1)
        peer.check()
        peer.socket.sendto(b"\x16\xfe\xfdclient hello", peer.remote)
        assert harness.wait("dtls", 7)[3] == b"\x16\xfe\xfdclient hello"
        harness.engine.send_dtls(7, b"\x16\xfe\xfdserver hello")
        assert peer.receive() == b"\x16\xfe\xfdserver hello"


def test_at_most_32_handshake_packets_of_a_session_wait() -> None:
    with running() as harness:
        flooder, other = Peer(harness, 1), Peer(harness, 2)
        flooder.check()
        other.check()
        for number in range(100):
            flooder.socket.sendto(b"\x16" + bytes([number]), flooder.remote)
        flooder.check()
        other.socket.sendto(b"\x16other", other.remote)
        other.check()
        harness.wait("dtls", 2)
        harness.events.extend(harness.engine.drain())
        assert sum(event[:2] == ("dtls", 1) for event in harness.events) == 32


def test_the_selected_address_moves_only_with_a_nominated_check() -> None:
    with running() as harness:
        peer = Peer(harness, 1)
        peer.check()
        elsewhere = peer.open()
        peer.check(nominate=False, via=elsewhere)
        harness.engine.send_dtls(1, b"\x16first")
        assert peer.receive() == b"\x16first"
        stranger = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        stranger.bind(("127.0.0.1", 0))
        stranger.sendto(bytes(peer.request(pwd="wrong-password-wrong")), peer.remote)
        harness.wait_stats(lambda stats: stats["dropped"]["bad_integrity"] == 1)
        peer.check(via=elsewhere)
        harness.wait("selected", 1, "{}:{}".format(*elsewhere.getsockname()))
        harness.engine.send_dtls(1, b"\x16second")
        assert elsewhere.recv(100) == b"\x16second"
        stranger.close()


def test_old_credentials_count_until_the_new_ones_were_used() -> None:
    with running() as harness:
        peer = Peer(harness, 1)
        peer.check()
        old = peer.ufrag, peer.pwd
        harness.engine.restart_ice(1, "newufrag", "new-password-new-password")
        peer.check()
        peer.ufrag, peer.pwd = "newufrag", "new-password-new-password"
        peer.check()
        peer.socket.sendto(bytes(peer.request(ufrag=old[0], pwd=old[1])), peer.remote)
        harness.wait_stats(lambda stats: stats["dropped"]["unknown_ufrag"] == 1)


def test_consent_is_lost_regained_and_expires() -> None:
    with running(consent_ms=1500, expire_ms=4000) as harness:
        peer = Peer(harness, 1)
        peer.check()
        harness.wait("consent_lost", 1)
        harness.engine.send_dtls(1, b"\x16lost")
        peer.check()
        harness.wait("consent_regained", 1)
        harness.engine.send_dtls(1, b"\x16back")
        assert peer.receive() == b"\x16back", "nothing was sent in between"
        harness.wait("consent_lost", 1)
        harness.wait("expired", 1)


def test_a_session_that_never_checks_expires() -> None:
    with running(expire_ms=200) as harness:
        Peer(harness, 1)
        harness.wait("expired", 1)


def test_media_of_strangers_and_media_before_keys_are_counted() -> None:
    with running() as harness:
        peer = Peer(harness, 1)
        media = camera_packet(1).to_bytes() + bytes(16)
        peer.socket.sendto(media, peer.remote)
        harness.wait_stats(lambda stats: stats["dropped"]["unknown_source"] == 1)
        peer.check()
        peer.socket.sendto(media, peer.remote)
        harness.wait_stats(lambda stats: stats["dropped"]["srtp_before_keys"] == 1)


def test_a_closed_session_is_forgotten() -> None:
    with running() as harness:
        peer = Peer(harness, 1)
        peer.check()
        harness.engine.close_session(1)
        peer.socket.sendto(bytes(peer.request()), peer.remote)
        peer.socket.sendto(b"\x16late", peer.remote)
        dropped = harness.wait_stats(lambda stats: stats["dropped"]["unknown_source"] == 1)
        assert dropped["dropped"]["unknown_ufrag"] == 1
        assert dropped["sessions"] == {}


def test_a_shut_down_engine_says_so_at_the_next_call() -> None:
    with running() as harness:
        harness.engine.shutdown()
        harness.engine.shutdown()
        for call in (lambda: harness.engine.close_session(1), harness.engine.stats):
            with pytest.raises(RuntimeError, match="shut down"):
                call()


@pytest.mark.parametrize(
    ("call", "reason"),
    [
        (lambda engine: engine.publish(1, 1, "{"), "malformed publication spec"),
        (
            lambda engine: engine.subscribe(1, '{"outputs":[{"slot":"V9","mid":"0","ssrc":1,"pt":{}}]}'),
            "unknown slot: V9",
        ),
        (lambda engine: engine.set_slot("room", "X0", 1), "unknown slot: X0"),
        (lambda engine: engine.set_keys(1, "SRTP_NULL", b"", b""), "unknown srtp profile"),
        (lambda engine: engine.set_keys(1, "SRTP_AEAD_AES_128_GCM", b"short", b"short"), "wrong length"),
    ],
)
def test_malformed_arguments_are_value_errors(call, reason) -> None:
    with running() as harness, pytest.raises(ValueError, match=reason):
        call(harness.engine)


def test_the_event_descriptor_is_readable_exactly_while_events_wait() -> None:
    with running() as harness:
        descriptor = harness.engine.event_fd()
        assert not select.select([descriptor], [], [], 0)[0]
        peer = Peer(harness, 1)
        peer.check()
        assert select.select([descriptor], [], [], PATIENCE_S)[0]
        assert harness.engine.drain(0) == []
        assert select.select([descriptor], [], [], 0)[0]
        assert harness.engine.drain()[0][0] == "selected"
        assert not select.select([descriptor], [], [], 0)[0]
