"""Domain events of gatherings, for features above (core/events.py tells how they are delivered)."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from lecture_api.core.events import DomainEvent


@dataclass(frozen=True)
class GatheringStateChanged(DomainEvent):
    """Any step of the state table was taken; published with every one of the more specific events below."""

    gathering_id: uuid.UUID
    before: str
    after: str
    at: datetime


@dataclass(frozen=True)
class GatheringStarted(DomainEvent):
    """The first Start: the convened are snapshotted, the policy version is pinned."""

    gathering_id: uuid.UUID
    at: datetime


@dataclass(frozen=True)
class GatheringEnded(DomainEvent):
    """End, by the host or automatic. Attendance can be judged (again, after a Resume)."""

    gathering_id: uuid.UUID
    at: datetime


@dataclass(frozen=True)
class EndCorrected(DomainEvent):
    """The effective end was corrected: recompute."""

    gathering_id: uuid.UUID
    effective_end: datetime


@dataclass(frozen=True)
class RecordingFinished(DomainEvent):
    """The recording is complete on disk; `Recording.final_status` holds pieces and gaps for the replay's
    map."""

    gathering_id: uuid.UUID
    recording_id: uuid.UUID
    status: Mapping[str, Any]


@dataclass(frozen=True)
class NodeEvent(DomainEvent):
    """An event of the media node (docs/protocol/media_node.md), exactly once, inside the ingesting
    transaction.

    `gathering_id` is None for rooms of foreign tools, which are neither recorded nor counted.
    """

    node_epoch: str
    seq: int
    type: str
    room: str
    gathering_id: uuid.UUID | None
    participant: str | None
    session_id: str | None
    at: datetime
    data: Mapping[str, Any]
