"""ICE-TCP, passive side, over real connections (RFC 6544, RFC 4571). aioice and libsrtp are the witnesses."""

import struct
from typing import Any

import pytest

from tests.support.engine_peer import (
    CAMERA,
    PATIENCE_S,
    V0,
    Harness,
    Peer,
    camera_packet,
    rtcp_parts,
    running,
)
from tests.support.framed_tcp import FramedTcp


class TcpPeer(Peer):
    """A session that reaches the engine over TCP; `open()` is one more connection."""

    def open(self) -> Any:
        return FramedTcp(self.remote, PATIENCE_S)


def tcp_stats(harness: Harness, **wanted: int) -> dict[str, Any]:
    return harness.wait_stats(lambda stats: wanted.items() <= stats["tcp"].items())


def test_a_check_over_tcp_is_answered_and_selects_the_connection() -> None:
    with running(addresses=["127.0.0.1", "::1"]) as harness:
        peers = [
            TcpPeer(harness, session, address=address)
            for session, address in enumerate(harness.engine.local_addresses(), start=1)
        ]
        for session, peer in enumerate(peers, start=1):
            answer = peer.check()
            host, port = peer.socket.getsockname()
            assert answer.attributes["XOR-MAPPED-ADDRESS"] == (host, port)
            harness.wait("selected", session, f"[{host}]:{port}" if ":" in host else f"{host}:{port}")
        harness.wait_stats(
            lambda stats: [entry["protocol"] for entry in stats["sessions"].values()] == ["tcp", "tcp"]
        )
        tcp_stats(harness, open=2)


def test_handshake_packets_and_media_pass_over_tcp_as_over_udp() -> None:
    with running() as harness:
        publisher, viewer = TcpPeer(harness, 1), TcpPeer(harness, 2)
        publisher.socket.sendto(b"\x16\xfe\xfdearly", publisher.remote)
        harness.wait_stats(lambda stats: stats["dropped"]["unknown_source"] == 1)
        publisher.check()
        publisher.socket.sendto(b"\x16\xfe\xfdclient hello", publisher.remote)
        assert harness.wait("dtls", 1)[3] == b"\x16\xfe\xfdclient hello"
        publisher.connect().publish(10, CAMERA)
        viewer.connect().subscribe(V0)
        harness.engine.set_slot("room", "V0", 10)
        harness.wait_stats(lambda stats: "10" in stats["publications"])
        for number in range(40):
            publisher.send(camera_packet(number, is_key=number % 5 == 0))
        # Where the viewer comes in is a matter of threads; from there on nothing is missing.
        seen = [int.from_bytes(viewer.receive_rtp().payload[-4:], "big")]
        while seen[-1] != 39:
            seen.append(int.from_bytes(viewer.receive_rtp().payload[-4:], "big"))
        assert seen == list(range(seen[0], 40))
        feedback = publisher.receive()
        assert rtcp_parts(publisher.rx.unprotect_rtcp(feedback))


def test_packets_cut_and_joined_by_the_network_are_the_packets_that_were_sent() -> None:
    with running() as harness:
        peer = TcpPeer(harness, 1)
        request = bytes(peer.request())
        framed = struct.pack("!H", len(request)) + request
        empty = b"\0\0"
        for octet in framed[:-1]:
            peer.socket.send_raw(bytes([octet]))
        peer.socket.send_raw(framed[-1:] + empty + framed + framed)
        for _ in range(3):
            assert peer.socket.recv(0)[:2] == b"\x01\x01"


def test_a_connection_without_an_authenticated_check_is_closed_and_one_with_it_stays() -> None:
    with running(tcp_first_check_ms=600) as harness:
        silent, peer = FramedTcp(harness.address, PATIENCE_S), TcpPeer(harness, 1)
        guesser = FramedTcp(harness.address, PATIENCE_S)
        peer.check()
        guesser.sendto(bytes(peer.request(pwd="wrong-password-wrong")), None)
        assert silent.is_closed_by_peer()
        assert guesser.is_closed_by_peer()
        tcp_stats(harness, silent=2, open=1, unchecked=0)
        peer.check()


def test_a_connection_whose_checks_ended_is_closed() -> None:
    with running(tcp_silence_ms=400) as harness:
        peer = TcpPeer(harness, 1)
        peer.check()
        assert peer.socket.is_closed_by_peer()
        tcp_stats(harness, open=0)


def test_bytes_that_are_no_packets_end_the_connection() -> None:
    with running() as harness:
        web_browser = FramedTcp(harness.address, PATIENCE_S)
        web_browser.send_raw(b"GET / HTTP/1.1\r\nHost: media\r\n\r\n")
        assert web_browser.is_closed_by_peer()
        flooder = FramedTcp(harness.address, PATIENCE_S)
        flooder.send_raw(b"\0\x01x" * 100)
        assert flooder.is_closed_by_peer()


def test_connections_without_a_check_are_few_per_address_and_give_their_place_back() -> None:
    with running(tcp_unchecked_per_address=3, tcp_first_check_ms=60_000) as harness:
        inside = [FramedTcp(harness.address, PATIENCE_S) for _ in range(3)]
        tcp_stats(harness, unchecked=3)
        assert FramedTcp(harness.address, PATIENCE_S).is_closed_by_peer()
        inside[0].close()
        tcp_stats(harness, unchecked=2, refused=1)
        peer = TcpPeer(harness, 1)
        peer.check()
        tcp_stats(harness, unchecked=2, open=3)


def test_a_closed_connection_is_not_sent_to_and_the_next_check_takes_over() -> None:
    with running() as harness:
        peer = TcpPeer(harness, 1)
        peer.check()
        gone = peer.socket
        gone.close()
        harness.wait_stats(lambda stats: stats["sessions"]["1"]["address"] is None)
        harness.engine.send_dtls(1, b"\x16lost")
        peer.socket = peer.open()
        peer.check(nominate=False)
        harness.engine.send_dtls(1, b"\x16found")
        assert peer.receive() == b"\x16found"


def test_a_session_moves_between_udp_and_tcp_with_its_checks() -> None:
    with running() as harness:
        udp = Peer(harness, 1)
        udp.check()
        over_tcp = FramedTcp(harness.address, PATIENCE_S)
        udp.check(via=over_tcp)  # type: ignore[arg-type]
        harness.engine.send_dtls(1, b"\x16over tcp")
        assert over_tcp.recv(0) == b"\x16over tcp"
        udp.check()
        harness.engine.send_dtls(1, b"\x16over udp")
        assert udp.receive() == b"\x16over udp"


@pytest.mark.timeout(120)
def test_a_reader_that_stands_still_loses_packets_and_holds_up_nobody() -> None:
    # Media is sent until the slow reader's kernel buffers and our queue are full.
    with running() as harness:
        publisher, viewer = Peer(harness, 1).connect(), TcpPeer(harness, 2).connect()
        slow = TcpPeer(harness, 3).connect()
        publisher.publish(10, CAMERA)
        harness.engine.set_slot("room", "V0", 10)
        for peer in (viewer, slow):
            peer.subscribe(V0)
        # Threads may hear of the viewers in any order: key frames until the first one arrives.
        for number in range(100):
            publisher.send(camera_packet(number, is_key=True))
            if viewer.socket.has_more(0.3):
                break
        for number in range(101, 40_000):
            packet = camera_packet(number)
            packet.payload += bytes(1100)
            publisher.send(packet)
            while viewer.receive_rtp().payload != packet.payload:
                pass
            if number % 200 == 0 and harness.stats()["tcp"]["dropped"]:
                break
        tcp_stats(harness, open=2)
        assert harness.stats()["tcp"]["dropped"] > 0
        slow.check()


def test_the_tcp_port_taken_by_somebody_else_is_an_os_error_that_names_it() -> None:
    with running() as harness:
        host, port = harness.address
        with pytest.raises(OSError, match=f"{host}:{port}"):
            Harness(addresses=[host], port=port)
