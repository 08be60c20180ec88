"""One WHIP or WHEP session: a participant's connection to a room. Data only; it changes in `life_cycle`."""

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from streaming.dtls.association import DtlsAssociation
from streaming.rooms.entry import Entry
from streaming.rooms.pace import Pace
from streaming.rooms.publication import Publication
from streaming.rooms.session_states import SessionState

if TYPE_CHECKING:
    from streaming.rooms.room import Room

Role = Literal["publisher", "viewer"]
PublisherSource = Literal["camera", "screen", "microphone"]
# Clients that trickle send a PATCH a candidate at worst.
PATCH_BURST, PATCHES_PER_SECOND = 50, 5.0


@dataclass(slots=True, eq=False)
class MediaSession:
    """`engine_id` is the engine's number, `session_id` the unguessable name in URLs and events.

    `media` lists (kind, mid) of the answered descriptions; `etag` names the ICE session (RFC 9725 §4.3.1);
    `since_ms` is when `state` began; `is_reached`: a
    check came. A viewer has no `source` and no publications.
    """

    engine_id: int
    session_id: str
    role: Role
    room: "Room"
    source: PublisherSource | None
    media: tuple[tuple[str, str], ...]
    remote_ufrag: str
    etag: str
    association: DtlsAssociation
    since_ms: int
    entry: Entry
    state: SessionState = SessionState.NEW
    publications: list[Publication] = field(default_factory=list)
    was_connected: bool = False
    is_reached: bool = False
    is_live: bool = False
    is_stalled: bool = False
    runner: asyncio.Task[None] | None = None
    patch_pace: Pace = field(default_factory=lambda: Pace(PATCH_BURST, PATCHES_PER_SECOND))

    @property
    def participant(self) -> str:
        """Return whose session it is."""
        return self.entry.participant

    def takes_over(self, other: "MediaSession") -> bool:
        """Return whether this publisher, once connected, ends another one: there is one camera and one screen
        a room, one microphone a participant."""
        if other is self or other.source != self.source:
            return False
        return self.source != "microphone" or other.participant == self.participant
