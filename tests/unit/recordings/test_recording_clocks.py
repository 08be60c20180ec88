"""Clock lines, offsets and the audio servo, as pure arithmetic."""

import random

import pytest

from recordings.audio.mixer import PcmTimeline, mix
from recordings.audio.placement import AudioPlacer, drop_samples, insert_samples
from recordings.clock.pieces import Piece, to_ms
from recordings.clock.source import PublisherClocks, SourceClock
from recordings.clock.tracker import OffsetTracker


@pytest.mark.parametrize("ppm", [-200, 200])
def test_offset_follows_drift_under_jitter(ppm: int) -> None:
    tracker, jitter = OffsetTracker(), random.Random(7)
    for step in range(7200 * 2):
        foreign = step * 500_000_000
        true = round(foreign * (1 + ppm * 1e-6)) + 5_000_000_000
        tracker.observe(foreign, true + jitter.randrange(40_000_000))
        if step > 60:
            assert abs(tracker.offset_ns + foreign - true) < 25_000_000


def test_offset_steps_with_a_clock_that_stepped() -> None:
    tracker = OffsetTracker()
    for step in range(100):
        tracker.observe(step * 10**9, step * 10**9 + 1_000)
    for step in range(100, 120):
        tracker.observe(step * 10**9 + 3_600 * 10**9, step * 10**9 + 1_000)
    assert tracker.offset_ns == 1_000 - 3_600 * 10**9


@pytest.mark.parametrize("ppm", [-200, 200])
def test_picture_and_sound_share_the_line_by_reports(ppm: int) -> None:
    publishers, jitter = PublisherClocks(), random.Random(3)
    video, audio = SourceClock(90_000, publishers), SourceClock(48_000, publishers)
    for second in range(0, 7200, 5):
        ntp_ns = second * 1_000_000_000
        arrival = ntp_ns + 10**15 + 20_000_000 + jitter.randrange(30_000_000)
        audio_timestamp = round(second * 48_000 * (1 + ppm * 1e-6)) + jitter.randrange(96)
        video.on_report(second * 90_000, ntp_ns, arrival, "c")
        audio.on_report(audio_timestamp, ntp_ns, arrival + 1_000, "c")
        at = second + 4
        true_audio = round(at * 48_000 * (1 + ppm * 1e-6))
        video_ns, audio_ns = video.engine_ns(at * 90_000), audio.engine_ns(true_audio)
        assert video_ns is not None
        assert audio_ns is not None
        assert abs(video_ns - audio_ns) < 5_000_000, second


@pytest.mark.parametrize("jump_s", [-7200, -10, 10, 7200])
def test_timestamps_or_wall_clock_set_anew_move_no_picture_far(jump_s: int) -> None:
    publishers = PublisherClocks()
    clock = SourceClock(90_000, publishers)
    for frame in range(30 * 60):
        at_s = frame / 30
        arrival = round((1000 + at_s) * 1e9)
        is_later = at_s >= 20
        timestamp = round((10_000 + at_s + jump_s * is_later) * 90_000)
        clock.on_packet(timestamp, arrival)
        if frame % 150 == 0:
            ntp_ns = round((5_000_000 + at_s + jump_s * 2 * (at_s >= 40)) * 1e9)
            clock.on_report(timestamp, ntp_ns, arrival, "c")
        found = clock.engine_ns(timestamp)
        assert found is not None
        assert abs(found - arrival) < 50_000_000, at_s


def test_report_that_contradicts_the_media_is_not_believed() -> None:
    clock = SourceClock(90_000, PublisherClocks())
    for frame in range(100):
        clock.on_packet(frame * 3000, round(frame / 30 * 1e9))
        clock.on_report(0, 10**18, round(frame / 30 * 1e9), "c")
    assert clock.engine_ns(99 * 3000) == pytest.approx(99 / 30 * 1e9, abs=1e6)


def test_clock_goes_on_from_its_dump() -> None:
    first = SourceClock(48_000, PublisherClocks())
    for second in range(0, 100, 5):
        first.on_report(second * 48_010, second * 10**9, second * 10**9 + 50_000_000, "c")
    second_clock = SourceClock(48_000, PublisherClocks())
    second_clock.load(first.dump())
    for timestamp in (100 * 48_000, 110 * 48_000):
        assert second_clock.engine_ns(timestamp) == pytest.approx(first.engine_ns(timestamp), abs=1000)


@pytest.mark.parametrize("ppm", [-200, 200])
def test_servo_keeps_sound_within_two_milliseconds_of_its_line(ppm: int) -> None:
    placer = AudioPlacer()
    for packet in range(50 * 600):
        target = round(packet * 960 / (1 + ppm * 1e-6))
        position, pcm = placer.place(packet * 960, bytes(1920), target)
        assert abs(position - target) <= 96
        assert abs(len(pcm) // 2 - 960) <= 1
    assert placer.jumps == 0
    assert placer.corrected_samples == pytest.approx(600 * 48_000 * 200e-6, rel=0.05)


def test_lost_packet_is_silence_of_its_length_and_no_correction() -> None:
    placer = AudioPlacer()
    placer.place(0, bytes(1920), 0)
    position, pcm = placer.place(3 * 960, bytes(1920), 3 * 960)
    assert (position, len(pcm)) == (3 * 960, 1920)


def test_far_error_jumps() -> None:
    placer = AudioPlacer()
    for packet in range(40):
        placer.place(packet * 960, bytes(1920), packet * 960 + (4800 if packet > 10 else 0))
    assert placer.jumps == 1
    assert placer.place(40 * 960, bytes(1920), 40 * 960 + 4800)[0] == pytest.approx(40 * 960 + 4800, abs=48)


@pytest.mark.parametrize("count", [1, 5, 9])
def test_stretch_and_drop_change_exactly_so_many_samples(count: int) -> None:
    pcm = bytes(range(240)) * 8
    assert len(insert_samples(pcm, count)) == len(pcm) + 2 * count
    assert len(drop_samples(pcm, count)) == len(pcm) - 2 * count


def test_timeline_fills_holes_and_drops_what_is_late() -> None:
    timeline = PcmTimeline(100)
    timeline.write(102, b"ab" * 2)
    timeline.write(101, b"zz" * 4)
    assert timeline.read(6) == b"\0\0\0\0" + b"abab" + b"zz" + b"\0\0"
    assert timeline.read(3) is None
    timeline.write(105, b"xx")
    assert timeline.late_samples == 4
    timeline.write(10**9, b"xx")
    assert timeline.read(4) is None


def test_mix_clips_and_needs_no_voice() -> None:
    loud = (30_000).to_bytes(2, "little", signed=True) * 4
    low = (-100).to_bytes(2, "little", signed=True) * 4
    assert mix([], 4) == bytes(8)
    assert mix([None, low], 4) == low
    assert mix([loud, loud], 4) == (32_767).to_bytes(2, "little") * 4
    assert mix([loud, low], 4) == (29_900).to_bytes(2, "little") * 4


def test_piece_maps_engine_time_to_ticks_and_back_to_wall() -> None:
    piece = Piece(1, 5_000_000_000, 1_000_000_000_000, 1920 * 10)
    assert piece.ticks(6_000_000_000) == 19_200 + 90_000
    assert piece.ticks(4_000_000_000) == 19_200
    assert piece.samples(6_000_000_000) == 10_240 + 48_000
    assert piece.wall_ns(19_200 + 90_000) == 1_001_000_000_000
    assert to_ms(44) == 0
    assert to_ms(45) == 1
