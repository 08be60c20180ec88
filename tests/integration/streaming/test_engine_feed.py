"""The recorder feed of the engine over its real socket: docs/protocol/recorder_feed.md, point by point."""

import stat
import struct
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.engine_peer import CAMERA, Harness, Peer, camera_packet, rtcp_packet, running
from tests.support.feed_peer import Recorder


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "feed.sock"


@pytest.fixture
def harness(path: Path) -> Iterator[Harness]:
    with running(feed_path=str(path)) as harness:
        yield harness


def recorded_camera(harness: Harness) -> Peer:
    """A camera in V0 of a room that is recorded as "r1"."""
    publisher = Peer(harness, 1, publishes=True)
    publisher.publish(10, CAMERA)
    publisher.connect()
    harness.engine.set_recording("room", "r1")
    harness.engine.set_slot("room", "V0", 10)
    harness.wait_stats(lambda stats: "r1" in stats["recordings"])
    return publisher


def test_the_socket_belongs_to_its_owner_alone_and_goes_with_the_engine(path: Path) -> None:
    with running(feed_path=str(path)):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert not path.exists()


@pytest.mark.parametrize("recording", ["r2", ""])
def test_only_a_recording_the_api_switched_on_is_fed(harness: Harness, path: Path, recording: str) -> None:
    recorded_camera(harness)
    assert Recorder(path).hello(recording).is_closed()


def test_another_version_an_absurd_length_and_a_missing_hello_end_the_connection(
    harness: Harness, path: Path
) -> None:
    recorded_camera(harness)
    for attempt in (
        lambda recorder: recorder.send(16, b"{}", version=2),
        lambda recorder: recorder.socket.sendall(struct.pack("!I", 65_537)),
        lambda recorder: recorder.ack(1),
        lambda recorder: recorder.send(16, b"not json"),
        lambda recorder: recorder.send(99),
    ):
        recorder = Recorder(path)
        attempt(recorder)
        assert recorder.is_closed()


def test_packets_arrive_decrypted_as_the_publisher_sent_them(harness: Harness, path: Path) -> None:
    publisher = recorded_camera(harness)
    recorder = Recorder(path).hello("r1")
    attached = recorder.receive()
    assert attached.control == {"event": "attached", "node_epoch": "epoch-1", "first_seq": 1}
    assert (attached.feed_seq, attached.slot) == (0, 255)
    harness.wait("recorder_attached", text="r1")
    empty = [recorder.receive() for _ in range(10)]
    assert [frame.control["publication"] for frame in empty] == [None] * 10
    source = recorder.receive()
    assert source.control == {
        "event": "source", "slot": "V0", "publication": 10, "codec": "H264", "clock_rate": 90000, "pt": 102,
        "kind": "video", "source": "camera",
    }  # fmt: skip
    assert (source.feed_seq, source.slot, source.publication) == (11, 0, 10)
    report = struct.pack("!IIIIII", 1000, 1, 2, 3, 4, 5)
    publisher.send_rtcp(rtcp_packet(0, 200, report))
    publisher.send(camera_packet(0, is_key=True))
    publisher.send(camera_packet(1), padding=4)
    frames = [recorder.receive() for _ in range(3)]
    assert [(frame.kind, frame.slot, frame.publication, frame.feed_seq) for frame in frames] == [
        (1, 0, 10, 12), (0, 0, 10, 13), (0, 0, 10, 14),
    ]  # fmt: skip
    assert report in frames[0].payload
    assert frames[1].payload == camera_packet(0, is_key=True).to_bytes()
    assert frames[2].payload == camera_packet(1).to_bytes(padding=4)
    assert frames[0].room == frames[1].room != 0
    assert abs(frames[1].wall_ns / 1e9 - time.time()) < 5
    assert 0 <= time.monotonic_ns() - frames[1].monotonic_ns < 5_000_000_000
    harness.engine.set_slot("room", "V0", None)
    assert recorder.receive().control == {"event": "source", "slot": "V0", "publication": None}


def test_a_recorder_resumes_behind_what_it_had_or_what_it_acknowledged(harness: Harness, path: Path) -> None:
    publisher = recorded_camera(harness)
    for number in range(5):
        publisher.send(camera_packet(number, is_key=number == 0))
    recorder = Recorder(path).hello("r1")
    frames = [recorder.receive() for _ in range(1 + 11 + 5)]
    assert [frame.feed_seq for frame in frames] == list(range(17))
    recorder.ack(13)
    harness.wait_stats(lambda stats: stats["recordings"]["r1"]["acked_seq"] == 13)
    recorder.close()
    harness.wait("recorder_detached", text="r1")
    publisher.send(camera_packet(5))
    resumed = Recorder(path).hello("r1", node_epoch="epoch-1", after=14)
    assert resumed.receive().control["first_seq"] == 15
    state = {
        frame.control["slot"]: frame.control["publication"]
        for frame in (resumed.receive() for _ in range(10))
    }
    assert state.pop("V0") == 10
    assert set(state.values()) == {None}
    assert [resumed.receive().feed_seq for _ in range(3)] == [15, 16, 17]
    stranger = Recorder(path).hello("r1", node_epoch="another epoch", after=16)
    assert stranger.receive().control["first_seq"] == 14, "from the start of the ring"
    assert resumed.is_closed(), "the newer connection replaces it"
    stats = harness.wait_stats(lambda stats: stats["recordings"]["r1"]["attached"])
    assert stats["recordings"]["r1"]["next_seq"] == 18


def test_repairs_and_probes_arrive_in_the_publishers_numbering(harness: Harness, path: Path) -> None:
    publisher = recorded_camera(harness)
    recorder = Recorder(path).hello("r1")
    probe = camera_packet(1)
    probe.payload = b""
    repair = camera_packet(2)
    repair.payload, repair.payload_type, repair.ssrc = (
        struct.pack("!H", repair.sequence) + repair.payload,
        103,
        1001,
    )
    publisher.send(camera_packet(0, is_key=True))
    publisher.send(probe, padding=100)
    publisher.send(camera_packet(3))
    publisher.send(repair)
    publisher.send(repair_again := camera_packet(2))
    publisher.send(camera_packet(4))
    frames = [recorder.receive() for _ in range(1 + 11 + 5)][12:]
    expected = [camera_packet(0, is_key=True), probe, camera_packet(3), repair_again, camera_packet(4)]
    assert [frame.payload[:12] for frame in frames[2:]] == [packet.to_bytes()[:12] for packet in expected[2:]]
    assert frames[1].payload == probe.to_bytes(padding=100)
    assert frames[3].payload == camera_packet(2).to_bytes()


def test_a_key_frame_request_reaches_the_publisher(harness: Harness, path: Path) -> None:
    publisher = recorded_camera(harness)
    publisher.receive_rtcp(206, 1)
    publisher.send(camera_packet(0, is_key=True))
    recorder = Recorder(path).hello("r1")
    recorder.receive()
    recorder.send(18, slot=0)
    assert struct.unpack("!II", publisher.receive_rtcp(206, 1))[1] == 1000


def test_overflow_drops_whole_gops_as_one_marked_gap(path: Path) -> None:
    with running(feed_path=str(path), feed_ring_bytes=20_000) as harness:
        publisher = recorded_camera(harness)
        for number in range(400):
            publisher.send(camera_packet(number, is_key=number % 20 == 0))
            if number % 50 == 49:
                publisher.check()
        harness.wait("recording_overflow", text="r1")
        stats = harness.wait_stats(lambda stats: stats["recordings"]["r1"]["next_seq"] == 412)
        recorder = Recorder(path).hello("r1")
        frames = [recorder.receive()]
        while frames[-1].feed_seq < 411:
            frames.append(recorder.receive())
        overflow = [frame for frame in frames if frame.kind == 2 and frame.control["event"] == "overflow"]
        media = [frame for frame in frames if frame.kind == 0]
        assert len(overflow) == 1
        assert overflow[0].feed_seq == 12
        assert overflow[0].control["dropped"] == 400 - len(media) == stats["recordings"]["r1"]["overflow"]
        assert media[0].payload == camera_packet(400 - len(media), is_key=True).to_bytes()
        assert len(media) % 20 == 0


def test_switching_off_ends_the_feed_after_the_last_frame(harness: Harness, path: Path) -> None:
    publisher = recorded_camera(harness)
    recorder = Recorder(path).hello("r1")
    publisher.send(camera_packet(0, is_key=True))
    frames = [recorder.receive() for _ in range(1 + 11 + 1)]
    harness.engine.set_recording("room", None)
    publisher.send(camera_packet(1))
    last = recorder.receive()
    assert (last.control, last.feed_seq) == ({"event": "end"}, frames[-1].feed_seq + 1)
    recorder.ack(last.feed_seq)
    assert recorder.is_closed(), "everything is acknowledged"
    harness.wait("recorder_detached", text="r1")
    harness.engine.set_recording("room", "r1")
    harness.wait_stats(lambda stats: "r1" in stats["recordings"])
    again = Recorder(path).hello("r1", node_epoch="epoch-1", after=last.feed_seq)
    assert again.receive().control["first_seq"] == last.feed_seq + 1, "the sequence goes on within the epoch"
