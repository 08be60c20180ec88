"""One room on several media threads, over real sockets: what viewers and recorders get does not tell how many
there are."""

import contextlib
import itertools
import struct
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support.engine_peer import (
    A0,
    CAMERA,
    V0,
    Harness,
    Peer,
    Rtp,
    camera_packet,
    nack,
    pli,
    running,
)
from tests.support.feed_peer import Recorder


@pytest.fixture(params=[1, 2, 3])
def harness(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Harness]:
    with running(workers=request.param, feed_path=str(tmp_path / "feed.sock")) as harness:
        yield harness


def lecturer(harness: Harness, session: int = 1, publication: int = 10, *, publishes: bool = True) -> Peer:
    peer = Peer(harness, session, publishes=publishes)
    ssrc = 100 * publication
    peer.publish(publication, CAMERA | {"ssrc": [ssrc], "rtx_ssrc": [ssrc + 1]})
    return peer.connect()


def members(harness: Harness, count: int, *, first: int = 20, room: str = "room") -> list[Peer]:
    peers = [Peer(harness, first + number, room=room) for number in range(count)]
    for peer in peers:
        peer.subscribe(V0, A0)
        peer.connect()
    return peers


def begin(harness: Harness, publisher: Peer) -> None:
    """Send the first key frame once every thread has its sessions: threads hear of each other in their own
    time."""
    publisher.receive_rtcp(206, 1)
    harness.wait_stats(lambda stats: all(peer["address"] for peer in stats["sessions"].values()))
    publisher.send(camera_packet(0, is_key=True))


def soon(viewer: Peer, send: Callable[[], object]) -> Rtp:
    """Send key frames until one came: a thread hears of a change in its own time."""
    viewer.socket.settimeout(0.2)
    for _ in range(50):
        with contextlib.suppress(TimeoutError):
            return viewer.receive_rtp()
        send()
    raise AssertionError("nothing came")


def test_every_viewer_sees_every_frame_whichever_thread_serves_it(harness: Harness) -> None:
    publisher = lecturer(harness)
    harness.engine.set_slot("room", "V0", 10)
    viewers = members(harness, 9)
    begin(harness, publisher)
    firsts = [viewer.receive_rtp() for viewer in viewers]
    for number in range(1, 60):
        publisher.send(camera_packet(number, is_key=number % 30 == 0))
        for viewer, first in zip(viewers, firsts, strict=True):
            got = viewer.receive_rtp()
            assert got.payload == camera_packet(number, is_key=number % 30 == 0).payload
            assert got.sequence == first.sequence + number
            assert (got.timestamp - first.timestamp) & 0xFFFFFFFF == 3000 * number
    stats = harness.wait_stats(lambda stats: sum(worker["sent"] for worker in stats["workers"]) >= 9 * 60)
    held = Counter(worker["sessions"] for worker in stats["workers"])
    assert max(held) - min(held) <= 1, stats["workers"]
    assert all(worker["handover_lost"] == 0 for worker in stats["workers"])
    assert stats["dropped"]["unknown_source"] == 0


def test_losses_are_repaired_and_key_frames_asked_for_wherever_the_viewer_is(harness: Harness) -> None:
    publisher = lecturer(harness)
    harness.engine.set_slot("room", "V0", 10)
    viewers = members(harness, 4)
    begin(harness, publisher)
    for viewer in viewers:
        lost = viewer.receive_rtp()
        viewer.send_rtcp(nack(111, lost.sequence))
        again = viewer.receive_rtp()
        assert (again.ssrc, again.payload[2:]) == (112, lost.payload)
    for number, viewer in enumerate(viewers, 1):
        viewer.send_rtcp(pli(111))
        assert struct.unpack("!II", publisher.receive_rtcp(206, 1))[1] == 1000
        publisher.send(camera_packet(number, is_key=True))
        for other in viewers:
            assert other.receive_rtp().payload == camera_packet(number, is_key=True).payload


def test_a_viewer_that_moves_to_another_address_is_still_heard(harness: Harness) -> None:
    publisher = lecturer(harness)
    harness.engine.set_slot("room", "V0", 10)
    viewers = members(harness, 3)
    begin(harness, publisher)
    for viewer in viewers:
        viewer.receive_rtp()
        viewer.socket = viewer.open()
        viewer.check()
    publisher.send(camera_packet(1))
    for viewer in viewers:
        lost = viewer.receive_rtp()
        assert lost.payload == camera_packet(1).payload
        viewer.send_rtcp(nack(111, lost.sequence))
        assert viewer.receive_rtp().payload[2:] == lost.payload


def test_an_address_that_another_session_proved_is_that_sessions(harness: Harness) -> None:
    publisher = lecturer(harness)
    harness.engine.set_slot("room", "V0", 10)
    viewers = members(harness, 3)
    begin(harness, publisher)
    for viewer in viewers:
        viewer.receive_rtp()
    # The NAT gave the second viewer's address to the third, which is served by another thread.
    old, new = viewers[1], viewers[2]
    new.check(via=old.socket)
    new.socket = old.socket
    harness.engine.close_session(old.session)
    harness.wait_stats(lambda stats: str(old.session) not in stats["sessions"])
    publisher.send(camera_packet(1))
    lost = new.receive_rtp()
    assert lost.payload == camera_packet(1).payload
    new.send_rtcp(nack(111, lost.sequence))
    assert new.receive_rtp().payload[2:] == lost.payload
    harness.wait_stats(lambda stats: stats["sessions"][str(new.session)]["nack"] == 1)


def test_a_publication_that_ends_ends_for_all_and_the_next_one_goes_on(harness: Harness) -> None:
    first, second = lecturer(harness, 1, 10), lecturer(harness, 2, 11)
    harness.engine.set_slot("room", "V0", 10)
    viewers = members(harness, 4)
    begin(harness, first)
    before = [viewer.receive_rtp() for viewer in viewers]
    harness.engine.close_session(1)
    harness.engine.set_slot("room", "V0", 11)
    numbers = itertools.count(7)
    for viewer, last in zip(viewers, before, strict=True):
        got = soon(viewer, lambda: second.send(camera_packet(next(numbers), is_key=True, ssrc=1100)))
        assert got.payload[:-4] == camera_packet(7, is_key=True).payload[:-4]
        assert got.sequence == last.sequence + 1
    harness.wait_stats(lambda stats: set(stats["publications"]) == {"11"})


def test_rooms_stay_apart_on_every_thread(harness: Harness) -> None:
    publisher = lecturer(harness)
    harness.engine.set_slot("room", "V0", 10)
    harness.engine.set_slot("other", "V0", 10)
    here, there = members(harness, 3), members(harness, 3, first=40, room="other")
    begin(harness, publisher)
    for viewer in here:
        viewer.receive_rtp()
    for number in range(1, 5):
        publisher.send(camera_packet(number, is_key=True))
        for viewer in here:
            viewer.receive_rtp()
    stats = harness.wait_stats(lambda stats: stats["sessions"]["20"]["packets_out"] == 5)
    assert [stats["sessions"][str(viewer.session)]["packets_out"] for viewer in there] == [0, 0, 0]


@pytest.mark.parametrize("publishes", [True, False])
def test_the_recorder_is_fed_wherever_the_publisher_was_put(
    harness: Harness, tmp_path: Path, publishes: bool
) -> None:
    publisher = lecturer(harness, publishes=publishes)
    members(harness, 2)
    harness.engine.set_recording("room", "r1")
    harness.engine.set_slot("room", "V0", 10)
    harness.wait_stats(lambda stats: "r1" in stats["recordings"])
    publisher.receive_rtcp(206, 1)
    for number in range(10):
        publisher.send(camera_packet(number, is_key=number == 0))
    harness.wait_stats(lambda stats: stats["publications"]["10"]["packets"] == 10)
    recorder = Recorder(tmp_path / "feed.sock").hello("r1")
    payloads = []
    while len(payloads) < 10:
        frame = recorder.receive()
        if frame.kind == 0:
            payloads.append(frame.payload[-4:])
    assert payloads == [camera_packet(number).payload[-4:] for number in range(10)]
