"""A room: its codec, its recording switch, its sessions and what its slots show."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from streaming.errors import CodecNotAccepted
from streaming.rooms.media_session import MediaSession
from streaming.rooms.publication import Publication
from streaming.rooms.session_states import SessionState
from streaming.sdp.codecs import VIDEO_CODECS

RECORDED_CODEC = "H264"


@dataclass(slots=True, eq=False)
class Room:
    """One video codec a room: set by the API, or settled by the first publisher for as long as any publishes.

    `is_kept`: made by the API, stays when empty. Rooms known only from tokens go with their last session and
    are never recorded. `key_generation`: stream keys below it are refused, None refuses all
    (`streaming.rooms.entry`). `slots` maps slot → publication id as the engine was last told,
    `heard` what the audio slots carry as it last told us: it chooses by loudness.
    """

    name: str
    is_kept: bool = False
    codec_by_api: str | None = None
    recording_id: str | None = None
    key_generation: int | None = None
    sessions: dict[str, MediaSession] = field(default_factory=dict)
    slots: dict[str, int] = field(default_factory=dict)
    heard: dict[str, int | None] = field(default_factory=dict)

    @property
    def codec(self) -> str | None:
        """Return the video codec in force, None while undecided."""
        if self.codec_by_api or self.recording_id:
            return self.codec_by_api or RECORDED_CODEC
        return next((entry.spec.codec for entry in self.publications() if entry.kind == "video"), None)

    def publications(self) -> Iterator[Publication]:
        """Yield what is published, oldest session first."""
        for media_session in self.sessions.values():
            yield from media_session.publications

    def publishers(self) -> list[MediaSession]:
        """Return the publishing sessions, oldest first."""
        return [entry for entry in self.sessions.values() if entry.role == "publisher"]

    def viewer_count(self) -> int:
        """Return how many viewers are connected now."""
        return sum(
            entry.role == "viewer" and entry.state is SessionState.CONNECTED
            for entry in self.sessions.values()
        )

    def accepted_codecs(self) -> tuple[str, ...]:
        """Return the video codecs a new publisher may use, best first."""
        return (self.codec,) if self.codec else VIDEO_CODECS

    def configure(self, recording_id: str | None, codec: str | None) -> None:
        """Take what the API says about the room.

        Raises:
            CodecNotAccepted: a recorded room with another codec than H264, said or already flowing.
        """
        flowing = next((entry.spec.codec for entry in self.publications() if entry.kind == "video"), None)
        if recording_id and {codec, flowing} - {None, RECORDED_CODEC}:
            raise CodecNotAccepted(f"a recorded room needs {RECORDED_CODEC}")
        self.is_kept = True
        self.codec_by_api = codec
        self.recording_id = recording_id

    def raise_keys(self, generation: int | None) -> list[MediaSession]:
        """Take the generation of stream keys, which never falls; return the sessions whose key it revokes."""
        if generation is not None:
            self.key_generation = max(generation, self.key_generation or 0)
        floor = self.key_generation
        return [
            media_session
            for media_session in self.sessions.values()
            if floor is not None and (media_session.entry.key_generation or floor) < floor
        ]
