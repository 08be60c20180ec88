"""Catalogue and recorder state to the status that the API reads (docs/protocol/recordings.md). Pure."""

from typing import Any

from recordings.catalogue import Catalogue, PieceRecord
from recordings.clock.pieces import Piece, to_ms
from recordings.playlist import PROGRAM


def recording_status(
    catalogue: Catalogue,
    recorder: dict[str, Any] | None,
    *,
    now_ms: int,
    disk_free_ratio: float,
    is_disk_low: bool,
) -> dict[str, Any]:
    """Return the status object.

    Args: recorder: last status line of a running recorder (state, warnings, error), None when none is kept.
    """
    warnings = set(recorder["warnings"] if recorder else catalogue.warnings)
    if is_disk_low and not catalogue.is_finished:
        warnings.add("disk_low")
    if catalogue.is_finished:
        state = "finished"
    else:
        state = recorder["state"] if recorder else "starting"
        state = "starting" if state == "stopped" else state
    return {
        "recording_id": catalogue.recording_id,
        "state": state,
        "duration_ms": catalogue.duration_ms,
        "last_part_age_ms": None
        if catalogue.last_part_ms is None
        else max(0, now_ms - catalogue.last_part_ms),
        "disk_free_ratio": round(disk_free_ratio, 4),
        "warnings": sorted(warnings),
        "gaps": gaps(catalogue),
        "pieces": pieces(catalogue),
        "renditions": sorted(catalogue.renditions),
        "error": recorder.get("error") if recorder and state != "finished" else None,
    }


def pieces(catalogue: Catalogue) -> list[dict[str, Any]]:
    """Half-open wall ranges with their file position, split where the slate begins and ends."""
    segments = catalogue.renditions.get(PROGRAM, [])
    found: list[dict[str, Any]] = []
    for record in catalogue.pieces:
        end = catalogue.end if record.end is None else record.end
        if end <= record.start:
            continue
        cuts = [(record.start, False)]
        for segment in segments:
            if segment.piece == record.number and segment.is_slate != cuts[-1][1]:
                cuts = [*(cut for cut in cuts if cut[0] < segment.start), (segment.start, segment.is_slate)]
        for index, (start, is_slate) in enumerate(cuts):
            stop = cuts[index + 1][0] if index + 1 < len(cuts) else end
            found.append(
                {
                    "wall_start_ms": _wall_ms(record, start),
                    "wall_end_ms": _wall_ms(record, stop),
                    "file_start_ms": to_ms(start),
                    "slate": is_slate,
                }
            )
    return found


def gaps(catalogue: Catalogue) -> list[dict[str, Any]]:
    """Wall time between pieces, of which there is nothing, with its cause."""
    found: list[dict[str, Any]] = []
    for earlier, later in zip(catalogue.pieces, catalogue.pieces[1:], strict=False):
        end = earlier.start if earlier.end is None else earlier.end
        start_ms, end_ms = _wall_ms(earlier, end), _wall_ms(later, later.start)
        if end_ms > start_ms:
            found.append(
                {
                    "wall_start_ms": start_ms,
                    "wall_end_ms": end_ms,
                    "file_ms": to_ms(end),
                    "cause": earlier.cause or "unknown",
                }
            )
    return found


def _wall_ms(record: PieceRecord, ticks: int) -> int:
    return Piece(0, 0, record.wall_start_ns, record.start).wall_ns(ticks) // 1_000_000
