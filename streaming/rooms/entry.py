"""As what somebody enters a room: in person, with a stream key, or for a trial. Rules only; nothing is kept
here.

A stream key (OBS, ffmpeg) lives for days, so it carries the generation of its room; raising that revokes
every older key at once. The API says the generation with the room: a node that was not told, after a restart,
accepts no key until it is. A trial tries out the path between a browser and this node (the /diagnose page):
nobody need be signed in for it, so it is short, small and of no consequence: never recorded, counted or
reported.
"""

from dataclasses import dataclass

from streaming.errors import KeyRevoked
from streaming.tokens import AccessToken

TRIAL_SECONDS = 30.0
#: Nobody need be signed in for a trial: its TURN credentials must be of no use to anyone afterwards.
TRIAL_TURN_SECONDS = 120
TRIALS_PER_ROOM = 3
TRIALS_PER_NODE = 60


@dataclass(frozen=True, slots=True)
class Entry:
    """Whose session it is and what it is bound to."""

    participant: str
    key_generation: int | None = None
    is_trial: bool = False

    @classmethod
    def of(cls, token: AccessToken) -> "Entry":
        """Return what a verified token lets in."""
        return cls(token.participant, token.key_generation, token.is_trial)

    def require_current(self, room_generation: int | None) -> None:
        """Check a stream key against its room's generation; None: the room is unknown or has no keys.

        A key may be ahead of us: the API has raised the generation and is about to say so.

        Raises:
            KeyRevoked: the key is of an earlier generation.
        """
        if self.key_generation is None:
            return
        if room_generation is None or self.key_generation < room_generation:
            raise KeyRevoked("this stream key is not valid any more, or not yet: the lecture must be on air")
