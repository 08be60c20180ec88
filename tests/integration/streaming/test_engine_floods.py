"""Floods over real sockets: strangers are told nothing, members no more than they asked, and those who
watch lose nothing."""

import os
import select
import socket

from aioice import stun

from tests.support.engine_peer import CAMERA, V0, Harness, Peer, camera_packet, running

STRANGER = "127.0.0.2"
EXAMINED_AT_MOST = 1024


def stranger() -> socket.socket:
    """A socket at an address nobody else has."""
    opened = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    opened.bind((STRANGER, 0))
    opened.settimeout(10)
    return opened


def lecture(harness: Harness) -> tuple[Peer, Peer]:
    """A publisher and a viewer who has its first packet."""
    publisher, viewer = Peer(harness, 1).connect(), Peer(harness, 2).connect()
    publisher.publish(7, CAMERA)
    harness.engine.set_slot("room", "V0", 7)
    viewer.subscribe(V0)
    harness.wait_stats(lambda stats: len(stats["sessions"]) == 2)
    publisher.send(camera_packet(0, is_key=True))
    viewer.receive_rtp()
    return publisher, viewer


def answered(flooder: socket.socket) -> int:
    """Octets that came back so far."""
    octets = 0
    while select.select([flooder], [], [], 0.2)[0]:
        octets += len(flooder.recv(2048))
    return octets


def test_flood_of_checks_is_cut_while_a_viewer_gets_everything_and_newcomers_come_in() -> None:
    with running() as harness, stranger() as flooder:
        publisher, viewer = lecture(harness)
        sent = 0
        for count in range(1, 101):
            for _ in range(100):
                wrong = bytes(viewer.request(pwd="guess"))
                sent += flooder.sendto(wrong, harness.address)
            publisher.send(camera_packet(count))
            assert viewer.receive_rtp().payload[-4:] == count.to_bytes(4, "big")
        dropped = harness.wait_stats(lambda stats: stats["dropped"]["stun_excess"] > 0)["dropped"]
        assert dropped["bad_integrity"] + dropped["unknown_ufrag"] >= EXAMINED_AT_MOST
        assert answered(flooder) == 0
        newcomer = Peer(harness, 3).connect()
        newcomer.subscribe(V0)
        harness.wait_stats(lambda stats: len(stats["sessions"]) == 3)
        publisher.send(camera_packet(101, is_key=True))
        assert newcomer.receive_rtp().payload


def test_unverified_addresses_get_no_more_than_they_sent() -> None:
    with running() as harness, stranger() as flooder:
        _, viewer = lecture(harness)
        hello = bytes([22, 254, 253]) + os.urandom(200)
        for datagram in (
            hello,
            bytes(viewer.request(ufrag="nobody")),
            bytes(viewer.request(pwd="guess")),
            hello,
        ):
            flooder.sendto(datagram, harness.address)
        assert answered(flooder) == 0
        # Authentic, but as short as can be: no PRIORITY, no role, no FINGERPRINT.
        bare = stun.Message(stun.Method.BINDING, stun.Class.REQUEST)
        bare.attributes["USERNAME"] = f"{viewer.ufrag}:r"
        bare.add_message_integrity(viewer.pwd.encode())
        request = bytes(bare)[:-8]
        request = request[:2] + (len(request) - 20).to_bytes(2, "big") + request[4:]
        sent = flooder.sendto(request, harness.address)
        assert answered(flooder) <= sent
        flooder.sendto(hello, harness.address)
        harness.wait("dtls", 2)


def test_handshake_of_a_member_who_does_not_listen_is_not_sent_without_end() -> None:
    with running() as harness:
        peer = Peer(harness, 1)
        peer.check()
        hello = bytes([22, 254, 253]) + bytes(200)
        peer.socket.sendto(hello, harness.address)
        harness.wait("dtls", 1)
        for _ in range(50):
            harness.engine.send_dtls(1, bytes([22]) + bytes(899))
        stats = harness.wait_stats(lambda stats: stats["dropped"]["dtls_excess"] >= 45)
        assert stats["dropped"]["dtls_excess"] < 50, "the first flight went out"
        check = len(bytes(peer.request()))
        assert answered(peer.socket) <= 5 * (check + len(hello))
        peer.set_keys()
        before = harness.stats()["dropped"]["dtls_excess"]
        for _ in range(20):
            harness.engine.send_dtls(1, bytes([22]) + bytes(899))
        assert answered(peer.socket) >= 20 * 900
        assert harness.stats()["dropped"]["dtls_excess"] == before
