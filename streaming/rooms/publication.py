"""One medium a publisher sends into a room."""

from dataclasses import dataclass
from enum import StrEnum

from streaming.relay.specifications import MediaKind, PublicationSpec, Source


class PublicationState(StrEnum):
    """`connecting` until the first media packet; `stalled` after 2 s without one."""

    CONNECTING = "connecting"
    LIVE = "live"
    STALLED = "stalled"


@dataclass(slots=True, eq=False)
class Publication:
    """`publication_id` is the engine's, unique in this media epoch."""

    publication_id: int
    participant: str
    spec: PublicationSpec
    state: PublicationState = PublicationState.CONNECTING

    @property
    def kind(self) -> MediaKind:
        """Return "video" or "audio"."""
        return self.spec.kind

    @property
    def source(self) -> Source:
        """Return "camera", "screen" or "microphone"; the sound of a shared screen is "screen"."""
        return self.spec.source
