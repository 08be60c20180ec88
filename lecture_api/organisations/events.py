"""Domain events of organisations, for features above (core/events.py tells how they are delivered)."""

import uuid
from dataclasses import dataclass
from datetime import date

from lecture_api.core.events import DomainEvent


@dataclass(frozen=True)
class HomeMoved(DomainEvent):
    """A person is at home elsewhere from a day on, which may lie in the past."""

    person_id: uuid.UUID
    valid_from: date
