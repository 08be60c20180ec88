"""Bodies of the record endpoints (docs/protocol/http_api.md, records)."""

import uuid
from typing import Literal

from pydantic import Field

from lecture_api.core.wire_types import Instant, Ref, WireModel
from lecture_api.gatherings.schemas import Card
from lecture_api.records.attendance import AttendanceStatus, MakeupStatus
from lecture_api.records.credit import CreditCategory


class SpanOut(WireModel):
    """A stretch of the bar on the programme clock."""

    kind: Literal["live", "replay", "bridged"]
    start_ms: int
    end_ms: int


class CoverageOut(WireModel):
    """What of the programme is covered; spans are disjoint and ascending, live wins over replay."""

    length_ms: int
    spans: list[SpanOut]
    live_ms: int
    replay_ms: int
    bridged_ms: int
    covered_ms: int
    share_percent_hundredths: int


class CreditOut(WireModel):
    """Hours in hundredths, as the ledger has them."""

    hundredths: int
    category: CreditCategory
    status: Literal["pending", "confirmed", "reversed"]


class MyCoverageOut(WireModel):
    """One gathering for the card of it; statuses are null before End and for who was not convened."""

    gathering_id: uuid.UUID
    coverage: CoverageOut
    attendance_status: AttendanceStatus | None
    makeup_status: MakeupStatus | None
    credit: CreditOut | None


class MyCoverageList(WireModel):
    """In the order asked for; gatherings the person may not see are left out."""

    items: list[MyCoverageOut]


class WhyOut(WireModel):
    """One line of explanation: i18n key `why.{code}`."""

    code: str
    params: dict[str, int]


class EvidenceOut(WireModel):
    """One piece of evidence, wall and programme; `detail` is an i18n key `evidence.detail.*`."""

    kind: Literal["live", "replay"]
    from_: Instant | None = Field(alias="from", serialization_alias="from")
    to: Instant | None
    programme_start_ms: int | None
    programme_end_ms: int | None
    detail: str | None


class PolicyOut(WireModel):
    """The rule a record was judged by."""

    version: int
    text: str
    threshold_percent: int
    late_threshold_percent: int
    late_grace_ms: int
    leave_grace_ms: int
    bridge_ms: int
    makeup_percent: int
    makeup_days: int


class RecordItemOut(WireModel):
    """One gathering of the year; what is null does not apply (not convened, not over)."""

    gathering: Card
    coverage: CoverageOut | None
    attendance_status: AttendanceStatus | None
    makeup_status: MakeupStatus | None
    proposal: bool
    why: list[WhyOut]
    credit: CreditOut | None
    evidence: list[EvidenceOut]
    policy: PolicyOut | None


class YearRecordOut(WireModel):
    """The person's own year; hours in hundredths, by what the ledger has for that year."""

    year: int
    target_hundredths: int
    collective_hundredths: int
    self_study_hundredths: int
    items: list[RecordItemOut]


class RollRowOut(WireModel):
    """One convened person."""

    person: Ref
    branch: Ref | None
    expected_as: str
    attendance_status: AttendanceStatus
    makeup_status: MakeupStatus
    proposal: bool
    first_seen: Instant | None
    last_seen: Instant | None
    live_ms: int
    covered_percent_hundredths: int
    coverage: CoverageOut
    credit: CreditOut | None


class RollOut(WireModel):
    """The roll of a gathering, as far as the holder may see it; `counts` by attendance status."""

    gathering: Card
    counts: dict[str, int]
    rows: list[RollRowOut]


class RollEvidenceOut(WireModel):
    """What stands behind one row of the roll."""

    why: list[WhyOut]
    evidence: list[EvidenceOut]


class ReplayProgressOut(WireModel):
    """Programme ranges that were accepted, and what is covered now."""

    accepted: list[tuple[int, int]]
    coverage: CoverageOut
