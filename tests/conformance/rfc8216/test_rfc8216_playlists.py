"""The playlists of a recording with gap, slate and switch, against RFC 8216. Test ids carry the section."""

import itertools
import re
from datetime import datetime
from pathlib import Path

import pytest

from recordings.catalogue import Catalogue
from recordings.playlist import master_playlist, media_playlist
from tests.support.recording_checks import DirectFeed, read_playlist
from tests.support.synthetic_media import Publisher

URI = re.compile(r"V0-(init-\d+\.mp4|\d{6}\.m4s)")


@pytest.fixture(scope="module")
def texts(tmp_path_factory: pytest.TempPathFactory) -> tuple[list[str], str, Catalogue]:
    """Every state of the live playlist, the final one, and the catalogue."""
    feed = DirectFeed(tmp_path_factory.mktemp("r") / "r")
    live: list[str] = []
    events = [
        *(
            event
            for event in Publisher(100.0).events(20)
            if event[1] == "A0" or not 8e9 < event[0] - 100e9 < 12e9
        ),
        *Publisher(125.0, number=2, width=128, height=96).events(10),
    ]
    for event in events:
        feed.put(event)
        text = media_playlist(feed.archive.catalogue, "V0")
        if not live or live[-1] != text:
            live.append(text)
    catalogue = feed.finish()
    return live, media_playlist(catalogue, "V0"), catalogue


def test_s4_1_utf8_without_bom_and_newline_ends_each_line(texts: tuple[list[str], str, Catalogue]) -> None:
    for text in (*texts[0], texts[1]):
        assert text.startswith("#EXTM3U\n")
        assert text.endswith("\n")
        assert text.isascii()
        assert "\n\n" not in text


def test_s4_3_1_2_version_covers_map_and_decimal_durations(texts: tuple[list[str], str, Catalogue]) -> None:
    assert texts[1].count("#EXT-X-VERSION:7\n") == 1


def test_s4_3_2_1_rounded_durations_do_not_exceed_the_target(texts: tuple[list[str], str, Catalogue]) -> None:
    target = int(re.search(r"#EXT-X-TARGETDURATION:(\d+)", texts[1])[1])  # type: ignore[index]
    durations = [segment.duration_s for segment in read_playlist(texts[1])]
    assert all(duration > 0 and round(duration) <= target for duration in durations)


def test_s4_3_2_3_discontinuity_where_format_or_time_breaks(texts: tuple[list[str], str, Catalogue]) -> None:
    _, final, catalogue = texts
    segments = read_playlist(final)
    assert not segments[0].is_discontinuous
    for earlier, later in itertools.pairwise(segments):
        if earlier.init != later.init:
            assert later.is_discontinuous
    assert sum(segment.is_discontinuous for segment in segments) == 3, "slate on, slate off, next piece"
    assert catalogue.pieces[1].start == pytest.approx(
        sum(s.duration_s for s in segments if _piece(s, catalogue) == 0) * 90_000, abs=2
    )


def _piece(segment: object, catalogue: Catalogue) -> int:
    file = segment.file  # type: ignore[attr-defined]
    return next(found.piece for found in catalogue.renditions["V0"] if found.file == file)


def test_s4_3_2_5_map_comes_before_the_first_segment_that_needs_it(
    texts: tuple[list[str], str, Catalogue],
) -> None:
    for segment in read_playlist(texts[1]):
        assert URI.fullmatch(segment.init)
        assert URI.fullmatch(segment.file), "relative, so the signed prefix carries over"


def test_s4_3_2_6_program_date_time_advances_with_the_segments(
    texts: tuple[list[str], str, Catalogue],
) -> None:
    times = [
        datetime.fromisoformat(line.removeprefix("#EXT-X-PROGRAM-DATE-TIME:"))
        for line in texts[1].splitlines()
        if line.startswith("#EXT-X-PROGRAM-DATE-TIME:")
    ]
    segments = read_playlist(texts[1])
    assert len(times) == len(segments)
    gaps = 0
    for index in range(1, len(times)):
        passed = (times[index] - times[index - 1]).total_seconds()
        if passed > segments[index - 1].duration_s + 1:
            gaps += 1
        else:
            assert passed == pytest.approx(segments[index - 1].duration_s, abs=0.002)
    assert gaps == 1


def test_s4_3_3_5_event_only_appends_until_it_becomes_vod(texts: tuple[list[str], str, Catalogue]) -> None:
    live, final, _ = texts
    assert len(live) > 5
    for earlier, later in itertools.pairwise(live):
        assert later.startswith(earlier)
    assert "#EXT-X-PLAYLIST-TYPE:EVENT\n" in live[-1]
    assert "#EXT-X-ENDLIST" not in live[-1]
    assert read_playlist(final)[: len(read_playlist(live[-1]))] == read_playlist(live[-1])
    assert "#EXT-X-PLAYLIST-TYPE:VOD\n" in final


def test_s4_3_3_4_endlist_ends_the_finished_playlist_only(texts: tuple[list[str], str, Catalogue]) -> None:
    assert texts[1].endswith("#EXT-X-ENDLIST\n")


def test_s4_3_4_2_master_names_bandwidth_codecs_and_resolution(
    texts: tuple[list[str], str, Catalogue],
) -> None:
    text = master_playlist(texts[2])
    line = re.search(
        r"#EXT-X-STREAM-INF:BANDWIDTH=(\d+),AVERAGE-BANDWIDTH=(\d+),CODECS=\"([^\"]+)\",RESOLUTION=128x96\n",
        text,
    )
    assert line
    assert int(line[1]) >= int(line[2]) > 0
    assert re.fullmatch(r"avc1\.[0-9a-f]{6},mp4a\.40\.2", line[3])
    assert text.endswith("\nV0.m3u8\n")


def test_s4_3_4_2_master_of_a_recording_without_media_is_valid(tmp_path: Path) -> None:
    text = master_playlist(Catalogue())
    assert re.search(r"#EXT-X-STREAM-INF:BANDWIDTH=\d+", text)
    assert media_playlist(Catalogue(), "V0").startswith("#EXTM3U\n")
