"""Delivery of media as evidence of presence: receiver reports that the media node passes on
(media_node.md).

A viewer's media session is one more connection of the person; the union with the room channel is made
when it is read.
"""

import uuid
from typing import Final

from sqlalchemy.ext.asyncio import AsyncSession

from lecture_api.accounts.models import PersonSubject
from lecture_api.core.clock import epoch_ms
from lecture_api.core.events import DomainHooks
from lecture_api.gatherings.events import NodeEvent
from lecture_api.gatherings.models import ConvenedPerson, Gathering
from lecture_api.gatherings.states import ON_AIR
from lecture_api.presence.evidence import CloseCause
from lecture_api.presence.tracker import Connection, PresenceTracker

DELIVERED: Final = "viewer_delivered"
GONE: Final = "viewer_gone"
_NAMESPACE: Final = uuid.UUID("5f0f6b1e-8a0e-4f57-9d37-2f3c1f8f4a10")


class NodeEvidence:
    """Turns events of the media node into evidence; the ingestion before it sees to exactly once."""

    def __init__(self, tracker: PresenceTracker) -> None:
        self._tracker = tracker

    def register(self, hooks: DomainHooks) -> None:
        """Listen to the media node's events."""
        hooks.in_transaction(NodeEvent, self.take)

    async def take(self, db: AsyncSession, event: NodeEvent) -> None:
        """Take one event; those of visitors, foreign tools and rooms off the air leave no trace."""
        if event.type not in (DELIVERED, GONE) or event.gathering_id is None or event.session_id is None:
            return
        connection_id = uuid.uuid5(_NAMESPACE, f"{event.node_epoch}/{event.session_id}")
        at_ms = epoch_ms(event.at)
        if event.type == GONE:
            # Consent is checked every few seconds, so the node's word is better than a grace of twenty.
            self._tracker.farewell(connection_id, at_ms, CloseCause.LEFT)
            return
        subject_id = _subject(event.participant)
        if subject_id is not None and await _is_counted(db, event.gathering_id, subject_id):
            self._tracker.evidence(Connection(connection_id, event.gathering_id, subject_id, "media"), at_ms)


def _subject(participant: str | None) -> uuid.UUID | None:
    try:
        return uuid.UUID(participant)
    except (TypeError, ValueError):
        return None


async def _is_counted(db: AsyncSession, gathering_id: uuid.UUID, subject_id: uuid.UUID) -> bool:
    gathering = await db.get(Gathering, gathering_id)
    if gathering is None or gathering.state not in ON_AIR:
        return False
    if await db.get(ConvenedPerson, (gathering_id, subject_id)) is not None:
        return True
    host = await db.get(PersonSubject, subject_id)
    return host is not None and host.person_id in (gathering.host_id, gathering.lecturer_id)
