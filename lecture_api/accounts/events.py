"""Domain events of accounts, for features above (core/events.py tells how they are delivered)."""

import uuid
from dataclasses import dataclass

from lecture_api.core.events import DomainEvent


@dataclass(frozen=True)
class LoginsEnded(DomainEvent):
    """Logins of a person were ended: by signing out, a new password or a reset one."""

    person_id: uuid.UUID
