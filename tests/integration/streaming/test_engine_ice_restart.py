"""An ICE restart is a new path of the same session: keys, slots, numbers, counters stay (RFC 8445 §2.4)."""

from tests.support.engine_peer import CAMERA, PATIENCE_S, V0, Harness, Peer, Rtp, camera_packet, running
from tests.support.framed_tcp import FramedTcp


def watched(harness: Harness) -> tuple[Peer, Peer]:
    """A publisher of key frames, and a viewer who has seen one."""
    publisher, viewer = Peer(harness, 1).connect(), Peer(harness, 2).connect()
    publisher.publish(10, CAMERA)
    harness.engine.set_slot("room", "V0", 10)
    viewer.subscribe(V0)
    harness.wait_stats(lambda stats: "10" in stats["publications"])
    return publisher, viewer


def restart(peer: Peer) -> None:
    peer.ufrag, peer.pwd = f"again{peer.ufrag}", f"again-{peer.pwd}"
    peer.harness.engine.restart_ice(peer.session, peer.ufrag, peer.pwd)


def pictures(publisher: Peer, viewer: Peer, numbers: range) -> list[Rtp]:
    """What the viewer gets of these, sent one by one."""
    received = []
    for number in numbers:
        publisher.send(camera_packet(number, is_key=True))
        received.append(viewer.receive_rtp())
    return received


def test_restart_over_another_address_keeps_keys_slots_numbers_and_counters() -> None:
    with running() as harness:
        publisher, viewer = watched(harness)
        first = pictures(publisher, viewer, range(20))
        restart(viewer)
        viewer.socket = viewer.open()
        viewer.check()
        second = pictures(publisher, viewer, range(20, 40))
        assert [packet.payload[-4:] for packet in second] == [
            number.to_bytes(4, "big") for number in range(20, 40)
        ]
        assert second[0].sequence == (first[-1].sequence + 1) & 0xFFFF
        assert {packet.ssrc for packet in first + second} == {V0["ssrc"]}
        harness.wait_stats(lambda stats: stats["sessions"]["2"]["packets_out"] >= 40)


def test_publisher_that_restarts_from_another_address_goes_on_where_it_was() -> None:
    with running() as harness:
        publisher, viewer = watched(harness)
        pictures(publisher, viewer, range(10))
        restart(publisher)
        publisher.socket = publisher.open()
        publisher.check()
        second = pictures(publisher, viewer, range(10, 20))
        assert second[-1].payload[-4:] == (19).to_bytes(4, "big")
        harness.wait_stats(lambda stats: stats["publications"]["10"]["packets"] == 20)


def test_restart_may_lead_from_udp_to_tcp_and_back() -> None:
    with running() as harness:
        publisher, viewer = watched(harness)
        pictures(publisher, viewer, range(5))
        over_udp = viewer.socket
        restart(viewer)
        viewer.socket = FramedTcp(viewer.remote, PATIENCE_S)  # type: ignore[assignment]
        viewer.check()
        pictures(publisher, viewer, range(5, 10))
        restart(viewer)
        viewer.socket.close()
        viewer.socket = over_udp
        viewer.check()
        # The connection went before the new path was there: the last picture may be shown again first.
        received = pictures(publisher, viewer, range(10, 15))
        while received[-1].payload[-4:] != (14).to_bytes(4, "big"):
            received.append(viewer.receive_rtp())
        assert {packet.ssrc for packet in received} == {V0["ssrc"]}


def test_a_restart_that_never_happens_costs_nothing() -> None:
    with running() as harness:
        publisher, viewer = watched(harness)
        pictures(publisher, viewer, range(5))
        old = viewer.ufrag, viewer.pwd
        restart(viewer)
        viewer.ufrag, viewer.pwd = old
        viewer.check()
        assert pictures(publisher, viewer, range(5, 10))[-1].payload[-4:] == (9).to_bytes(4, "big")
