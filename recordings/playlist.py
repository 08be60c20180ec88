"""Catalogue to HLS playlists (RFC 8216). Pure text.

URIs are relative, so the signed path prefix carries over.
"""

from datetime import UTC, datetime

from recordings.catalogue import Catalogue, Segment
from recordings.clock.pieces import TICKS_PER_S, Piece

TARGET_DURATION_S = 8  # The longest segment; an EVENT playlist must never change it (RFC 8216 §6.2.1).
PROGRAM = "V0"


def media_playlist(catalogue: Catalogue, rendition: str) -> str:
    """Return the media playlist of a rendition: EVENT while it may grow, VOD with ENDLIST after."""
    segments = [segment for segment in catalogue.renditions.get(rendition, []) if segment.is_complete]
    lines = [
        "#EXTM3U",
        "#EXT-X-VERSION:7",  # §7: EXT-X-MAP in a playlist that is not I-frames only needs 6, fMP4 7.
        f"#EXT-X-TARGETDURATION:{TARGET_DURATION_S}",
        "#EXT-X-MEDIA-SEQUENCE:0",
        f"#EXT-X-PLAYLIST-TYPE:{'VOD' if catalogue.is_finished else 'EVENT'}",
    ]
    if catalogue.is_finished and all(segment.is_independent for segment in segments):
        lines.append("#EXT-X-INDEPENDENT-SEGMENTS")
    previous: Segment | None = None
    for index, segment in enumerate(segments):
        following = segments[index + 1] if index + 1 < len(segments) else None
        lines += _segment_lines(catalogue, rendition, previous, segment, following)
        previous = segment
    if catalogue.is_finished:
        lines.append("#EXT-X-ENDLIST")
    return "\n".join(lines) + "\n"


def _segment_lines(
    catalogue: Catalogue,
    rendition: str,
    previous: Segment | None,
    segment: Segment,
    following: Segment | None,
) -> list[str]:
    lines: list[str] = []
    if previous and (segment.is_discontinuous or segment.init != previous.init):
        lines.append("#EXT-X-DISCONTINUITY")
    if not previous or segment.init != previous.init:
        lines.append(f'#EXT-X-MAP:URI="{segment.init}"')
    record = catalogue.pieces[segment.piece]
    wall_ns = Piece(0, 0, record.wall_start_ns, record.start).wall_ns(segment.start)
    at = datetime.fromtimestamp(wall_ns // 1_000_000 / 1000, UTC)
    lines.append(f"#EXT-X-PROGRAM-DATE-TIME:{at.isoformat(timespec='milliseconds').replace('+00:00', 'Z')}")
    duration = _duration(record.end, rendition, segment, following)
    lines += [f"#EXTINF:{duration / TICKS_PER_S:.6f},", segment.file]
    return lines


def _duration(piece_end: int | None, rendition: str, segment: Segment, following: Segment | None) -> int:
    """Ticks to the next segment: the program has no holes, so its durations add up to file time exactly."""
    if rendition != PROGRAM:
        return segment.duration
    if following and following.piece == segment.piece:
        return following.start - segment.start
    return (piece_end or segment.start + segment.duration) - segment.start


def master_playlist(catalogue: Catalogue) -> str:
    """Return the multivariant playlist: the program with its sound."""
    lines = ["#EXTM3U", "#EXT-X-VERSION:7"]
    segments = [segment for segment in catalogue.renditions.get(PROGRAM, []) if segment.is_complete]
    if segments:
        shown = [catalogue.inits[segment.init] for segment in segments if not segment.is_slate]
        init = max(shown or [catalogue.inits[segments[0].init]], key=lambda init: init.width * init.height)
        rates = [
            segment.length * 8 * TICKS_PER_S // segment.duration for segment in segments if segment.duration
        ]
        total = sum(segment.duration for segment in segments)
        average = sum(segment.length for segment in segments) * 8 * TICKS_PER_S // max(1, total)
        lines.append(
            f"#EXT-X-STREAM-INF:BANDWIDTH={max(rates, default=average)},AVERAGE-BANDWIDTH={average},"
            f'CODECS="{init.codecs}",RESOLUTION={init.width}x{init.height}'
        )
    else:
        lines.append('#EXT-X-STREAM-INF:BANDWIDTH=2500000,CODECS="avc1.42e01f,mp4a.40.2"')
    lines.append(f"{PROGRAM}.m3u8")
    return "\n".join(lines) + "\n"
