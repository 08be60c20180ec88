"""Delivery of media as evidence of presence: receiver reports that the media node passes on
(media_node.md).

A viewer's media session is one more connection of the person; the union with the room channel is made
when it is read.
"""

import uuid
from typing import Final

from sqlalchemy import select
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
        self._counted: dict[uuid.UUID, frozenset[uuid.UUID]] = {}

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
        if subject_id is not None and subject_id in await self._counted_in(db, event.gathering_id):
            self._tracker.evidence(Connection(connection_id, event.gathering_id, subject_id, "media"), at_ms)

    async def _counted_in(self, db: AsyncSession, gathering_id: uuid.UUID) -> frozenset[uuid.UUID]:
        """Whose presence is kept: the snapshot of the first Start and the hosts, while the gathering is
        on air.

        Read once for each stretch on air: every viewer's media confirms delivery every few seconds.
        """
        gathering = await db.get(Gathering, gathering_id)
        if gathering is None or gathering.state not in ON_AIR:
            self._counted.pop(gathering_id, None)
            return frozenset()
        if gathering_id not in self._counted:
            hosts = (gathering.host_id, gathering.lecturer_id)
            convened = await db.scalars(
                select(ConvenedPerson.subject_id).where(ConvenedPerson.gathering_id == gathering_id)
            )
            hosting = await db.scalars(
                select(PersonSubject.subject_id).where(PersonSubject.person_id.in_(hosts))
            )
            self._counted[gathering_id] = frozenset(convened) | frozenset(hosting)
        return self._counted[gathering_id]


def _subject(participant: str | None) -> uuid.UUID | None:
    try:
        return uuid.UUID(participant)
    except (TypeError, ValueError):
        return None
