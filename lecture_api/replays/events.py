"""Domain events of replays, for features above."""

import uuid
from dataclasses import dataclass
from datetime import datetime

from lecture_api.core.events import DomainEvent


@dataclass(frozen=True)
class ReplayProgressed(DomainEvent):
    """A claim of one person earned something new."""

    gathering_id: uuid.UUID
    subject_id: uuid.UUID
    at: datetime


@dataclass(frozen=True)
class RecordingMapped(DomainEvent):
    """A new version of the map is stored: what replay covers may have changed for everybody."""

    gathering_id: uuid.UUID
    version: int
    at: datetime


@dataclass(frozen=True)
class ReplayPublished(DomainEvent):
    """A host released a replay, perhaps again: the time to make up counts from `at`."""

    gathering_id: uuid.UUID
    at: datetime
