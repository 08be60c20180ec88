"""Bodies of requests and answers about gatherings (docs/protocol/http_api.md, gatherings)."""

import uuid
from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from lecture_api.core.wire_types import Instant, Line, Ref, WireModel
from lecture_api.gatherings.access import MayWatch
from lecture_api.gatherings.kinds import GatheringKind
from lecture_api.gatherings.page_state import PageState, ReplayRelease
from lecture_api.gatherings.states import GatheringState

Text = Annotated[str, StringConstraints(max_length=8000, pattern=r"^[^\x00-\x08\x0b-\x1f]*$")]
Reason = Annotated[Text, StringConstraints(strip_whitespace=True, min_length=1, max_length=500)]
Hundredths = Annotated[int, Field(ge=0, le=10_000)]
Ids = Annotated[list[uuid.UUID], Field(max_length=2000)]


class Card(WireModel):
    """A gathering in a list."""

    id: uuid.UUID
    code: str
    title: str
    kind: GatheringKind
    state: GatheringState
    page_state: PageState
    organisation: Ref
    lecturer: Ref | None
    column: Ref | None
    scheduled_start: Instant
    scheduled_end: Instant
    actual_start: Instant | None
    actual_end: Instant | None
    viewer_count: int | None
    duration_ms: int | None
    records: bool
    convened: bool
    credit_hundredths: int
    has_poster: bool


class ColumnReplays(WireModel):
    """Replays of one column; `column` is null for those in none."""

    column: Ref | None
    items: list[Card]


class HomeLists(WireModel):
    """What the home page shows."""

    live: list[Card]
    upcoming: list[Card]
    replays: list[ColumnReplays]


class PermissionsOut(WireModel):
    """What the caller may do here."""

    watch: bool
    publish: bool
    host: bool
    hold_roll: bool
    edit: bool


class RecordingOut(WireModel):
    """Where the recording stands; `reason_off` is `kind_not_recorded` or `not_started`."""

    state: Literal["off", "recording", "paused", "ready", "published", "withdrawn", "failed"]
    reason_off: Literal["kind_not_recorded", "not_started"] | None


class ProgrammeOut(WireModel):
    """The programme clock at `as_of`."""

    ms: int
    running: bool
    as_of: Instant


class RulesOut(WireModel):
    """By what attendance is judged here."""

    threshold_percent: int
    makeup_percent: int
    makeup_days: int


class Convened(WireModel):
    """Who is expected: everyone at home in these organisations and below, and these persons."""

    organisation_ids: Ids = Field(default_factory=list)
    person_ids: Ids = Field(default_factory=list)


class Detail(Card):
    """A gathering on its own page. `convened_entries` is there for who may edit."""

    description: str
    may_watch: MayWatch
    replay_release: ReplayRelease
    permissions: PermissionsOut
    recording: RecordingOut
    programme: ProgrammeOut
    rules: RulesOut
    host: Ref | None
    calendar_url: str
    state_reason: str | None
    convened_entries: Convened | None


class GatheringIn(WireModel):
    """A new gathering, as a draft. Without `credit_hundredths` the length decides (domain.md R15)."""

    title: Line
    description: Text = ""
    kind: GatheringKind
    organisation_id: uuid.UUID
    column_id: uuid.UUID | None = None
    lecturer_id: uuid.UUID | None = None
    scheduled_start: Instant
    scheduled_end: Instant
    credit_hundredths: Hundredths | None = None
    convened: Convened = Convened()
    may_watch: MayWatch = MayWatch.PARTICIPANTS
    replay_release: ReplayRelease = ReplayRelease.AT_END


class GatheringPatch(WireModel):
    """What may be changed; absent members stay. After Start only words, column and the release of the
    replay."""

    title: Line | None = None
    description: Text | None = None
    kind: GatheringKind | None = None
    column_id: uuid.UUID | None = None
    lecturer_id: uuid.UUID | None = None
    scheduled_start: Instant | None = None
    scheduled_end: Instant | None = None
    credit_hundredths: Hundredths | None = None
    convened: Convened | None = None
    may_watch: MayWatch | None = None
    replay_release: ReplayRelease | None = None


class ReasonIn(WireModel):
    """Why."""

    reason: Reason


class EndCorrectionIn(WireModel):
    """When it really ended, and why the record says otherwise."""

    effective_end: Instant
    reason: Reason


class MediaGrantIn(WireModel):
    """What the browser wants to do with media."""

    purpose: Literal["watch", "publish"]
    source: Literal["camera", "screen"] = "camera"


class IceServer(WireModel):
    """As RTCIceServer."""

    urls: list[str]
    username: str | None = None
    credential: str | None = None


class MediaGrant(WireModel):
    """A token and where to take it: POST the offer to `url` with `Authorization: Bearer`."""

    token: str
    url: str
    expires_at: Instant
    media_epoch: str | None
    ice_servers: list[IceServer]


class StreamKey(WireModel):
    """What OBS or ffmpeg needs to publish: POST the offer to `url` (a path of this server) with the key as
    bearer token.

    `generation` is that of the room's keys; `in_force` is False while the media service has not been told of
    it.
    """

    key: str
    url: str
    expires_at: Instant
    generation: int
    in_force: bool


class Uplink(WireModel):
    """How the lecturer's media arrives: of the picture if there is one."""

    bitrate_bps: int
    loss: float
    rtt_ms: float | None
    state: Literal["connecting", "live", "stalled"]


class PublicationOut(WireModel):
    """One thing that is published."""

    publication_id: int
    source: str
    kind: str
    codec: str
    state: Literal["connecting", "live", "stalled"]
    bitrate_bps: int
    loss: float
    rtt_ms: float | None


class RecorderOut(WireModel):
    """The recorder's health."""

    state: str
    last_part_age_ms: int | None
    disk_free_ratio: float | None
    warnings: list[str]


class Studio(WireModel):
    """What the host's desk shows."""

    viewers: int
    peak_viewers: int
    uplink: Uplink | None
    recorder: RecorderOut | None
    publications: list[PublicationOut]
