"""The pipeline in one process: synthetic RTP in, segments out, decoded by PyAV."""

from itertools import pairwise
from pathlib import Path

import pytest

from recordings.catalogue import Catalogue
from recordings.playlist import media_playlist
from recordings.status import recording_status
from tests.support.recording_checks import Decoded, DirectFeed, decode, read_playlist
from tests.support.synthetic_media import Publisher, encoded_b_frames, packetize, rtp_packet


def record(directory: Path, publisher: Publisher, seconds: float) -> tuple[DirectFeed, Catalogue]:
    feed = DirectFeed(directory)
    for event in publisher.events(seconds):
        feed.put(event)
    return feed, feed.finish()


def decode_all(directory: Path, catalogue: Catalogue, rendition: str = "V0") -> list[Decoded]:
    segments = read_playlist(media_playlist(catalogue, rendition))
    return [decode(directory, segment.init, [segment.file]) for segment in segments]


def status(catalogue: Catalogue) -> dict:
    return recording_status(catalogue, None, now_ms=0, disk_free_ratio=0.5, is_disk_low=False)


@pytest.mark.parametrize("packet_ms", [20, 60])
def test_picture_and_sound_of_a_minute_stay_together(tmp_path: Path, packet_ms: int) -> None:
    publisher = Publisher(100.0, audio_ppm=200, ntp_ppm=-50, packet_ms=packet_ms)
    _, catalogue = record(tmp_path / "r", publisher, 60)
    played = decode_all(tmp_path / "r", catalogue)
    flashes = [at for segment in played for at in segment.flashes]
    bursts = [at for segment in played for at in segment.bursts]
    assert len(flashes) == len(bursts) == 10
    for index, (flash, burst) in enumerate(zip(flashes, bursts, strict=True)):
        true = publisher.burst_s(index) - publisher.flash_s(index)
        assert abs(burst - flash - true) < 0.030, index
    assert sum(len(segment.frames) for segment in played) == 300


def test_segments_begin_at_key_frames_and_parts_last_at_most_a_second(tmp_path: Path) -> None:
    _, catalogue = record(tmp_path / "r", Publisher(100.0), 30)
    segments = catalogue.renditions["V0"]
    assert all(segment.is_independent for segment in segments)
    assert all(3 <= segment.duration / 90000 <= 8 for segment in segments[:-1])
    assert catalogue.is_finished
    assert status(catalogue)["duration_ms"] == pytest.approx(30_000, abs=150)


def test_late_sound_is_silence_before_it(tmp_path: Path) -> None:
    publisher = Publisher(100.0, audio_from_s=2.5)
    _, catalogue = record(tmp_path / "r", publisher, 12)
    first = decode_all(tmp_path / "r", catalogue)[0]
    assert first.audio_start_s == pytest.approx(0, abs=0.001)
    assert first.bursts[0] - first.flashes[0] == pytest.approx(0, abs=0.030)


def test_missing_picture_becomes_slate_after_a_second_and_comes_back(tmp_path: Path) -> None:
    feed = DirectFeed(tmp_path / "r")
    for event in Publisher(100.0).events(24):
        at_s = event[0] / 1e9 - 100
        if not (event[1] == "V0" and 7 < at_s < 14):
            feed.put(event)
    catalogue = feed.finish()
    assert [segment.is_slate for segment in catalogue.renditions["V0"]].count(True) >= 1
    pieces = status(catalogue)["pieces"]
    assert [piece["slate"] for piece in pieces] == [False, True, False]
    slate_ms = pieces[2]["file_start_ms"] - pieces[1]["file_start_ms"]
    assert 5_500 <= slate_ms <= 6_300
    segments = read_playlist(media_playlist(catalogue, "V0"))
    assert [segment.is_discontinuous for segment in segments].count(True) == 2
    played = decode_all(tmp_path / "r", catalogue)
    bursts = [at for segment in played for at in segment.bursts]
    assert [b - a for a, b in pairwise(bursts)] == pytest.approx([6, 6, 6], abs=0.01)
    total = sum(segment.audio_s for segment in played)
    assert total == pytest.approx(status(catalogue)["duration_ms"] / 1000, abs=0.05)


def test_sound_alone_is_recorded_over_the_slate(tmp_path: Path) -> None:
    feed = DirectFeed(tmp_path / "r")
    for event in Publisher(100.0).events(10):
        if event[1] == "A0":
            feed.put(event)
    catalogue = feed.finish()
    assert all(segment.is_slate for segment in catalogue.renditions["V0"])
    played = decode_all(tmp_path / "r", catalogue)
    assert len([at for segment in played for at in segment.bursts]) == 2


def test_silence_of_everything_ends_the_piece_and_the_next_is_contiguous(tmp_path: Path) -> None:
    feed = DirectFeed(tmp_path / "r")
    for event in Publisher(100.0).events(6):
        feed.put(event)
    feed.pipeline.on_idle(5_000_000_000)
    assert feed.pipeline.acked == feed.seq
    for event in Publisher(130.0, number=2).events(6):
        feed.put(event)
    catalogue = feed.finish()
    found = status(catalogue)
    assert len(found["pieces"]) == 2
    first, second = found["pieces"]
    assert second["file_start_ms"] == pytest.approx(first["wall_end_ms"] - first["wall_start_ms"], abs=1)
    assert found["gaps"] == [
        {
            "wall_start_ms": first["wall_end_ms"],
            "wall_end_ms": second["wall_start_ms"],
            "file_ms": second["file_start_ms"],
            "cause": "no_media",
        }
    ]
    assert found["gaps"][0]["wall_end_ms"] - found["gaps"][0]["wall_start_ms"] == pytest.approx(
        24_000, abs=200
    )


def test_source_switch_in_the_program_makes_a_new_init_and_no_failure(tmp_path: Path) -> None:
    feed = DirectFeed(tmp_path / "r")
    camera, screen = Publisher(100.0), Publisher(106.0, number=2, width=128, height=96)
    for event in camera.events(6):
        feed.put(event)
    feed.control({"event": "source", "slot": "V0", "publication": 20, "codec": "H264", "source": "screen"})
    for event in screen.events(6):
        feed.put(event)
    for event in Publisher(112.0, number=3).events(6):
        feed.put(event)
    catalogue = feed.finish()
    inits = [segment.init for segment in catalogue.renditions["V0"]]
    assert len(set(inits)) == 2, "the third publisher's format is that of the first"
    assert len(status(catalogue)["pieces"]) == 1
    played = decode_all(tmp_path / "r", catalogue)
    flashes = [at for segment in played for at in segment.flashes]
    bursts = [at for segment in played for at in segment.bursts]
    assert len(flashes) == 3
    assert bursts == pytest.approx(flashes, abs=0.030)


def test_camera_beside_the_program_is_its_own_rendition_on_the_same_clock(tmp_path: Path) -> None:
    feed = DirectFeed(tmp_path / "r")
    events = list(Publisher(100.0).events(20))
    events += [event for event in Publisher(105.0, number=2).events(12, "V2") if event[1] == "V2"]
    for event in sorted(events, key=lambda event: event[0]):
        feed.put(event)
    catalogue = feed.finish()
    assert status(catalogue)["renditions"] == ["V0", "V2"]
    played = decode_all(tmp_path / "r", catalogue, "V2")
    assert played[0].frames[0] == pytest.approx(5.0, abs=0.05)
    assert played[0].flashes[0] == pytest.approx(8.0, abs=0.05)
    assert not any(segment.audio_s for segment in played)


def test_lost_packet_freezes_until_the_next_key_frame_and_one_is_asked_for(tmp_path: Path) -> None:
    feed = DirectFeed(tmp_path / "r")
    dropped = 0
    for event in Publisher(100.0, fps=10).events(10):
        at_s = event[0] / 1e9 - 100
        if event[1] == "V0" and event[2] == "rtp" and 4.3 < at_s < 4.4 and not dropped:
            dropped += 1
            continue
        feed.put(event)
    catalogue = feed.finish()
    frames = [at for segment in decode_all(tmp_path / "r", catalogue) for at in segment.frames]
    assert 0 in feed.key_frame_requests
    assert 80 < len(frames) < 99
    assert max(b - a for a, b in pairwise(frames)) <= 2.1


def test_repaired_packet_within_a_second_is_put_in_place(tmp_path: Path) -> None:
    feed = DirectFeed(tmp_path / "r")
    late = None
    for event in Publisher(100.0, fps=10).events(10):
        at_s = event[0] / 1e9 - 100
        if event[1] == "V0" and event[2] == "rtp" and 4.3 < at_s < 4.4 and late is None:
            late = event
            continue
        feed.put(event)
        if late and late[0] and at_s > 4.9:
            feed.put((event[0], *late[1:]))
            late = (0, *late[1:])
    frames = [at for s in decode_all(tmp_path / "r", feed.finish()) for at in s.frames]
    assert len(frames) == 100


def test_two_voices_are_mixed(tmp_path: Path) -> None:
    feed = DirectFeed(tmp_path / "r")
    events = list(Publisher(100.0).events(12))
    events += [event for event in Publisher(102.0, number=2).events(10, "V9", "A1") if event[1] == "A1"]
    for event in sorted(events, key=lambda event: event[0]):
        feed.put(event)
    played = decode_all(tmp_path / "r", feed.finish())
    bursts = [at for segment in played for at in segment.bursts]
    assert bursts == pytest.approx([2.97, 4.97, 8.97, 10.97], abs=0.04)


def test_key_frame_is_asked_for_from_three_seconds_on_for_a_camera_and_six_for_a_screen(
    tmp_path: Path,
) -> None:
    asked: dict[str, float] = {}
    for source in ("camera", "screen"):
        feed = DirectFeed(tmp_path / source)
        event = {"event": "source", "slot": "V0", "publication": 10, "codec": "H264", "source": source}
        feed.control(event)
        for event in Publisher(100.0, is_key_frame_once=True).events(9):
            feed.put(event)
            if feed.key_frame_requests and source not in asked:
                asked[source] = event[0] / 1e9 - 100.05
        lengths = [segment.duration / 90000 for segment in feed.finish().renditions["V0"]]
        assert max(lengths) <= 8
    assert 3 <= asked["camera"] < 3.1
    assert 6 <= asked["screen"] < 6.1


def test_unrecordable_codec_is_a_warning(tmp_path: Path) -> None:
    feed = DirectFeed(tmp_path / "r")
    feed.control({"event": "source", "slot": "V0", "publication": 10, "codec": "VP8", "source": "camera"})
    for event in Publisher(100.0).events(4):
        feed.put(event)
    assert "codec_unsupported" in status(feed.finish())["warnings"]


def test_b_frames_are_recorded_with_a_warning_and_keep_their_presentation_order(tmp_path: Path) -> None:
    feed = DirectFeed(tmp_path / "r")
    sequence = 0
    for order, (index, nalus) in enumerate(encoded_b_frames(25, 8)):
        payloads = packetize(nalus)
        for part, payload in enumerate(payloads):
            sequence += 1
            is_last = part == len(payloads) - 1
            packet = rtp_packet(payload, pt=102, seq=sequence, timestamp=index * 3600, ssrc=9, marker=is_last)
            feed.put((round((100.1 + order / 25) * 1e9), "V0", "rtp", 10, packet))
    catalogue = feed.finish()
    assert "b_frames" in status(catalogue)["warnings"]
    frames = [at for segment in decode_all(tmp_path / "r", catalogue) for at in segment.frames]
    assert len(frames) == 200
    # The first few pictures pass before reordering is known.
    assert [b - a for a, b in pairwise(frames[10:])] == pytest.approx([0.04] * 189, abs=0.001)


def test_screen_that_does_not_change_is_no_missing_picture(tmp_path: Path) -> None:
    feed = DirectFeed(tmp_path / "r")
    feed.control({"event": "source", "slot": "V0", "publication": 10, "codec": "H264", "source": "screen"})
    for event in Publisher(100.0, fps=1).events(20):
        if not (event[1] == "V0" and event[2] == "rtp" and 8 < event[0] / 1e9 - 100 < 9):
            feed.put(event)
    catalogue = feed.finish()
    assert not any(segment.is_slate for segment in catalogue.renditions["V0"])
