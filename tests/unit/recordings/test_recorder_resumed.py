"""A recorder killed at any moment and started again: the recording does not show it.

The killed one is a pipeline that is simply left; the next one gets the whole feed again, as after a restart.
"""

from itertools import pairwise
from operator import itemgetter
from pathlib import Path

import pytest

from recordings.catalogue import Catalogue
from recordings.playlist import media_playlist
from tests.support.recording_checks import DirectFeed, decode, read_catalogue, read_playlist
from tests.support.synthetic_media import MediaEvent, Publisher, encoded_b_frames, packetize, rtp_packet

START_S = 100.0


def record(directory: Path, events: list[MediaEvent], killed_at_s: list[float]) -> Catalogue:
    for at_s in killed_at_s:
        feed = DirectFeed(directory)
        for event in events:
            if event[0] < (START_S + at_s) * 1e9:
                feed.put(event)
        feed.archive.close()
    feed = DirectFeed(directory)
    for event in events:
        feed.put(event)
    feed.finish()
    return read_catalogue(directory)


def frames_of(directory: Path, catalogue: Catalogue) -> list[float]:
    segments = read_playlist(media_playlist(catalogue, "V0"))
    return [at for segment in segments for at in decode(directory, segment.init, [segment.file]).frames]


def segments_of(catalogue: Catalogue) -> list[tuple[int, int, str]]:
    return [(segment.start, segment.duration, segment.init) for segment in catalogue.renditions["V0"]]


def renumbered(events: list[MediaEvent]) -> list[MediaEvent]:
    """The pictures' packets with consecutive sequence numbers."""
    count = 0
    found: list[MediaEvent] = []
    for at_ns, slot, kind, publication, packet in events:
        if slot == "V0" and kind == "rtp":
            count += 1
            sent = packet[:2] + count.to_bytes(2, "big") + packet[4:]
        else:
            sent = packet
        found.append((at_ns, slot, kind, publication, sent))
    return found


def b_frames(fps: int, seconds: int, jitter_ticks: int = 0) -> list[MediaEvent]:
    """Pictures in decode order, every second one shown late by so much."""
    events: list[MediaEvent] = []
    sequence = 0
    for order, (index, nalus) in enumerate(encoded_b_frames(fps, seconds)):
        payloads = packetize(nalus)
        timestamp = index * 90_000 // fps + index % 2 * jitter_ticks
        for part, payload in enumerate(payloads):
            sequence += 1
            is_last = part == len(payloads) - 1
            packet = rtp_packet(payload, pt=102, seq=sequence, timestamp=timestamp, ssrc=9, marker=is_last)
            arrival_ns = round((START_S + 0.1 + order / fps) * 1e9) + part
            events.append((arrival_ns, "V0", "rtp", 10, packet))
    return events


@pytest.mark.parametrize("killed_at_s", [[6.3], [6.3, 6.4], [4.1, 6.3, 8.7]])
@pytest.mark.parametrize("sound_late_s", [0.02, 0.2, 0.5])
def test_pictures_given_again_after_a_kill_are_no_b_frames(
    tmp_path: Path, killed_at_s: list[float], sound_late_s: float
) -> None:
    # Pictures wait for the sound before them: the later it comes, the more of them were seen and not written.
    publisher = Publisher(START_S, fps=25, packet_ms=20, audio_delay_s=sound_late_s)
    catalogue = record(tmp_path / "r", list(publisher.events(20)), killed_at_s)
    assert catalogue.warnings == []
    assert len(catalogue.pieces) == 1
    assert not any(segment.is_slate for segment in catalogue.renditions["V0"])
    frames = frames_of(tmp_path / "r", catalogue)
    assert len(frames) == 500
    # The first sender report, after 0.6 s, corrects what was placed by arrival.
    assert [b - a for a, b in pairwise(frames[25:])] == pytest.approx([0.04] * 474, abs=0.005)


def test_two_kills_between_two_pictures_lose_neither(tmp_path: Path) -> None:
    publisher = Publisher(START_S, fps=1, packet_ms=20, is_key_frame_once=True)
    events = list(publisher.events(12))
    whole = record(tmp_path / "whole", events, [])
    killed = record(tmp_path / "killed", events, [5.0, 5.3])  # Between them only sound was written.
    assert segments_of(killed) == segments_of(whole)


@pytest.mark.parametrize("killed_at_s", [6.2, 6.4, 6.6, 6.8])
def test_pictures_before_a_change_of_size_keep_theirs_over_a_kill(tmp_path: Path, killed_at_s: float) -> None:
    small, large = (
        Publisher(START_S, fps=25, packet_ms=20, audio_delay_s=0.5, width=width) for width in (64, 96)
    )
    events = [event for event in small.events(12) if event[1] != "V0" or event[0] < (START_S + 6) * 1e9]
    events += [event for event in large.events(12) if event[1] == "V0" and event[0] >= (START_S + 6) * 1e9]
    events = renumbered(sorted(events, key=itemgetter(0)))
    whole = record(tmp_path / "whole", events, [])
    killed = record(tmp_path / "killed", events, [killed_at_s])
    assert {init.width for init in killed.inits.values()} == {64, 96}
    assert segments_of(killed) == segments_of(whole)
    assert len(frames_of(tmp_path / "killed", killed)) == 300


def test_b_frames_over_a_kill_stay_complete_and_nearly_even(tmp_path: Path) -> None:
    catalogue = record(tmp_path / "r", b_frames(25, 12), [6.3])
    frames = frames_of(tmp_path / "r", catalogue)
    assert len(frames) == 300
    assert not any(segment.is_slate for segment in catalogue.renditions["V0"])
    assert max(b - a for a, b in pairwise(frames[10:])) < 0.2


def test_b_frames_of_an_unsteady_sender_keep_their_times_for_minutes(tmp_path: Path) -> None:
    catalogue = record(tmp_path / "r", b_frames(25, 120, jitter_ticks=900), [])
    assert not any(segment.is_slate for segment in catalogue.renditions["V0"])
    frames = frames_of(tmp_path / "r", catalogue)
    assert len(frames) == 3000
    apart = [b - a for a, b in pairwise(frames[10:])]
    assert apart == pytest.approx([0.05, 0.03] * (len(apart) // 2) + [0.05], abs=0.002)
