"""The exported evidence of one record, version 1: models, limits and seal (docs/protocol/evidence.md). Pure.

The JSON Schema beside this file is written from these models: `python -m lecture_api.records.evidence_file`.
What must not live here: judging (evidence_check), reading the database (evidence_export).
"""

import hashlib
import json
import uuid
from pathlib import Path
from typing import Annotated, Any, Final, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from lecture_api.gatherings.states import TimelineState
from lecture_api.presence.evidence import CloseCause
from lecture_api.records.attendance import AttendanceStatus, MakeupStatus
from lecture_api.records.credit import CreditCategory, CreditSource

FORMAT: Final = "zhijian-evidence"
VERSION: Final = 1
SCHEMA_FILE: Final = Path(__file__).with_name("evidence.schema.json")

LATEST_MS: Final = 7_258_118_400_000
"""2200-01-01T00:00Z: beyond it an instant is a mistake."""


def _ordered(span: tuple[int, int]) -> tuple[int, int]:
    if span[0] > span[1]:
        raise ValueError("a range ends before it begins")
    return span


Milliseconds = Annotated[int, Field(ge=0, le=LATEST_MS)]
Range = Annotated[tuple[Milliseconds, Milliseconds], AfterValidator(_ordered)]
Percent = Annotated[int, Field(ge=0, le=100)]
Hundredths = Annotated[int, Field(ge=0, le=1_000_000)]
Hash = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
Word = Annotated[str, Field(pattern="^[a-z_]{1,32}$")]
Name = Annotated[str, Field(min_length=1, max_length=100)]


class EvidencePart(BaseModel):
    """Base of every part: nothing unknown, nothing missing, no number as text."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class GatheringPart(EvidencePart):
    """Which gathering; `ended_ms` is the effective end, corrected or not."""

    id: uuid.UUID
    code: Name
    started_ms: Milliseconds
    ended_ms: Milliseconds
    end_corrected: bool


class ConvenedPart(EvidencePart):
    """As what the person was expected, at home where on the Asia/Shanghai day of End."""

    expected_as: Word
    on_leave: bool
    home_organisation_id: uuid.UUID | None


class TimelinePart(EvidencePart):
    """From `at_ms` on, `state` holds; the programme clock runs in `live` only."""

    at_ms: Milliseconds
    state: TimelineState


class PresencePart(EvidencePart):
    """One unbridged interval of one connection on the wall clock; no cause: not closed yet."""

    source: Word
    start_ms: Milliseconds
    end_ms: Milliseconds
    cause: CloseCause | None


class RecordingPart(EvidencePart):
    """The map in force: pieces are [programme start, programme end, file start]."""

    id: uuid.UUID
    map_version: Annotated[int, Field(ge=1)]
    pieces: Annotated[list[tuple[Milliseconds, Milliseconds, Milliseconds]], Field(max_length=100_000)]
    duration_ms: Milliseconds


class ClaimPart(EvidencePart):
    """What one claim of a player was granted: file ranges, and the wall time they stand for."""

    accepted: Annotated[list[Range], Field(max_length=10_000)]
    wall: Annotated[list[Range], Field(max_length=10_000)]
    accepted_ms: Milliseconds


class PolicyPart(EvidencePart):
    """The attendance policy that was pinned at the first Start."""

    version: Annotated[int, Field(ge=1)]
    threshold_percent: Percent
    late_threshold_percent: Percent
    late_grace_ms: Milliseconds
    leave_grace_ms: Milliseconds
    bridge_ms: Milliseconds
    makeup_percent: Percent
    makeup_days: Annotated[int, Field(ge=0, le=36_500)]
    engaged_hundredths: Annotated[int, Field(ge=0, le=10_000)]


class RulePart(EvidencePart):
    """The credit rule of the home organisation at End; bands are [from length in ms, hundredths]."""

    version: Name
    bands: Annotated[list[tuple[Milliseconds, Hundredths]], Field(max_length=1_000)]
    makeup_category: CreditCategory


class CreditPart(EvidencePart):
    """Hours in hundredths as the ledger has them."""

    hundredths: Hundredths
    category: CreditCategory
    source: CreditSource
    year: Annotated[int, Field(ge=1970, le=2200)]
    rule_version: Name


class EarlierPart(EvidencePart):
    """What was granted before and is not taken back after End; null where nothing is."""

    attendance_status: AttendanceStatus | None
    makeup_status: MakeupStatus
    credit: CreditPart | None


class WhyPart(EvidencePart):
    """One line of explanation: i18n key `why.{code}`."""

    code: Word
    params: Annotated[dict[Word, int], Field(max_length=20)]


class StoredPart(EvidencePart):
    """The record as the server keeps it: what a computation is compared with."""

    attendance_status: AttendanceStatus
    makeup_status: MakeupStatus
    proposal: bool
    length_ms: Milliseconds
    live_ms: Milliseconds
    bridged_ms: Milliseconds
    replay_ms: Milliseconds
    engaged_ms: Milliseconds
    first_seen_ms: Milliseconds | None
    last_seen_ms: Milliseconds | None
    spans: Annotated[
        list[tuple[Literal["live", "bridged", "replay"], Milliseconds, Milliseconds]],
        Field(max_length=200_000),
    ]
    why: Annotated[list[WhyPart], Field(max_length=100)]
    policy_version: int
    input_hash: Hash
    credit: CreditPart | None


class EvidenceFile(EvidencePart):
    """All that one person's record of one gathering is computed from. Instants are UTC ms, ranges half-open.

    It names the person only by a random id (joints §11).
    """

    format: Literal["zhijian-evidence"]
    version: Literal[1]
    subject_id: uuid.UUID
    gathering: GatheringPart
    convened: ConvenedPart
    timeline: Annotated[list[TimelinePart], Field(max_length=100_000)]
    presence: Annotated[list[PresencePart], Field(max_length=100_000)]
    recording: RecordingPart | None
    published_ms: Milliseconds | None
    excluded: Annotated[list[Range], Field(max_length=100_000)]
    replay: Annotated[list[ClaimPart], Field(max_length=100_000)]
    policy: PolicyPart
    announced_hundredths: Hundredths
    credit_rule: RulePart
    earlier: EarlierPart | None
    stored: StoredPart | None
    evidence_hash: Hash | None


def canonical(value: Any) -> bytes:
    """The one spelling of JSON that is hashed: keys sorted, no spaces, UTF-8."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def hash_of(value: Any) -> str:
    """SHA-256 of the canonical spelling, in hex."""
    return hashlib.sha256(canonical(value)).hexdigest()


def document_of(file: EvidenceFile) -> dict[str, Any]:
    """The file as JSON values under a fresh seal: the hash of everything in it but the seal itself."""
    document = file.model_dump(mode="json", exclude={"evidence_hash"})
    document["evidence_hash"] = hash_of(document)
    return document


def sealed(file: EvidenceFile) -> EvidenceFile:
    """The same file under a fresh seal."""
    return file.model_copy(update={"evidence_hash": document_of(file)["evidence_hash"]})


def schema() -> dict[str, Any]:
    """The JSON Schema (2020-12) of version 1."""
    written = EvidenceFile.model_json_schema()
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **written}


def schema_text() -> str:
    """The schema as the committed file spells it."""
    return json.dumps(schema(), indent=2, ensure_ascii=False, sort_keys=True) + "\n"


if __name__ == "__main__":
    SCHEMA_FILE.write_text(schema_text(), encoding="utf-8")
