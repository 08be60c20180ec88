"""Evidence files written by hand: the session of domain.md §6, 19:00 to 20:00 with a published replay."""

import json
from typing import Any

from lecture_api.records.evidence_check import check
from lecture_api.records.evidence_file import EvidenceFile, document_of

MIN = 60_000
START = 1_774_868_400_000  # 2026-03-30 19:00 in Shanghai
PUBLISHED = START + 61 * MIN
NEXT_DAY = PUBLISHED + 24 * 60 * MIN


def document(**changes: Any) -> dict[str, Any]:
    """A member who was never there, without seal or stored record; `changes` replace top-level parts."""
    return {
        "format": "zhijian-evidence",
        "version": 1,
        "subject_id": "6f9b6c5e-30c1-4a52-9f38-0d5f0b7c7a11",
        "gathering": {
            "id": "01980000-0000-7000-8000-000000000001",
            "code": "7KTM3W",
            "started_ms": START,
            "ended_ms": START + 60 * MIN,
            "end_corrected": False,
        },
        "convened": {"expected_as": "member", "on_leave": False, "home_organisation_id": None},
        "timeline": [
            {"at_ms": START, "state": "live"},
            {"at_ms": START + 60 * MIN, "state": "ended"},
        ],
        "presence": [],
        "recording": {
            "id": "01980000-0000-7000-8000-000000000002",
            "map_version": 1,
            "pieces": [[0, 60 * MIN, 0]],
            "duration_ms": 60 * MIN,
        },
        "published_ms": PUBLISHED,
        "excluded": [],
        "replay": [],
        "policy": {
            "version": 1,
            "threshold_percent": 80,
            "late_threshold_percent": 60,
            "late_grace_ms": 10 * MIN,
            "leave_grace_ms": 10 * MIN,
            "bridge_ms": 30_000,
            "makeup_percent": 90,
            "makeup_days": 30,
            "engaged_hundredths": 200,
        },
        "announced_hundredths": 100,
        "credit_rule": {
            "version": "yunnan-2026-1",
            "bands": [[1, 25], [15 * MIN + 1, 50], [30 * MIN, 100]],
            "makeup_category": "collective",
        },
        "earlier": None,
        "stored": None,
        "evidence_hash": None,
    } | changes


def live(*minutes: tuple[float, float]) -> list[dict[str, Any]]:
    """Presence from minute to minute, a device each."""
    return [
        {
            "source": "channel",
            "start_ms": START + int(a * MIN),
            "end_ms": START + int(b * MIN),
            "cause": "left",
        }
        for a, b in minutes
    ]


def replayed(
    *minutes: tuple[float, float], wall: list[tuple[int, int]] | None = None
) -> list[dict[str, Any]]:
    """Claims of file minutes one after the other on the next day, at normal speed unless `wall` says else."""
    claims, at = [], NEXT_DAY
    for turn, (a, b) in enumerate(minutes):
        start, end = wall[turn] if wall else (at, at + int((b - a) * MIN))
        claims.append(
            {"accepted": [[int(a * MIN), int(b * MIN)]], "wall": [[start, end]], "accepted_ms": end}
        )
        at = end
    return claims


def file_of(value: dict[str, Any]) -> EvidenceFile:
    """The model of a document."""
    return EvidenceFile.model_validate_json(json.dumps(value))


def with_stored(value: dict[str, Any]) -> dict[str, Any]:
    """The document as a server would export it: with the record it leads to, and sealed."""
    result = check(file_of(value))
    stored = {
        name: result[name] for name in EvidenceFile.model_json_schema()["$defs"]["StoredPart"]["required"]
    }
    stored["why"] = [{"code": line["code"], "params": line["params"]} for line in stored["why"]]
    return document_of(file_of(value | {"stored": stored}))
