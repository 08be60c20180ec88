"""The JSON specifications that `publish` and `subscribe` of the engine take (docs/protocol/engine.md), as
dataclasses."""

import json
from dataclasses import asdict, dataclass, field
from typing import Literal

MediaKind = Literal["video", "audio"]
Source = Literal["camera", "screen", "microphone"]


@dataclass(frozen=True, slots=True)
class PublicationSpec:
    """What one publication sends. Keys of `pt` are payload types as decimal text, values "media" or "rtx".

    `ssrc` and `rtx_ssrc` may be empty: the engine then learns them from the MID extension, or with `rids`
    (simulcast layers, lowest first) from MID and RID. `clock_rate` is in Hz.
    """

    kind: MediaKind
    codec: str
    mid: str
    clock_rate: int
    pt: dict[str, str]
    ssrc: list[int]
    rtx_ssrc: list[int]
    ext: dict[str, int]
    feedback: dict[str, bool]
    source: Source
    rids: list[str] = field(default_factory=list)

    def to_json(self) -> str:
        """Return the engine's form."""
        return json.dumps(asdict(self))


@dataclass(frozen=True, slots=True)
class OutputSpec:
    """One receive slot of a viewer. `pt` maps codec → [media pt, rtx pt or absent]; SSRCs are ours.

    `send_time_ext` is the id of abs-send-time, only where every payload type has RTX.
    """

    slot: str
    mid: str
    ssrc: int
    rtx_ssrc: int | None
    pt: dict[str, list[int]]
    cname: str
    mid_ext: int | None = None
    send_time_ext: int | None = None


@dataclass(frozen=True, slots=True)
class SubscriptionSpec:
    """All receive slots of one viewer."""

    outputs: list[OutputSpec] = field(default_factory=list)

    def to_json(self) -> str:
        """Return the engine's form."""
        return json.dumps(asdict(self))
