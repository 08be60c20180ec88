"""What the room channel refuses, by the codes of docs/protocol/room_channel.md."""

from typing import ClassVar


class RefusedError(Exception):
    """A message that is not carried out; the sender gets `error {code}` and stays connected."""

    code: ClassVar[str] = "not_allowed"


class TooFastError(RefusedError):
    """More lines than the rate allows."""

    code = "too_fast"


class MutedError(RefusedError):
    """The host took the chat away from the sender."""

    code = "muted"


class ChatClosedError(RefusedError):
    """The gathering is not in a state in which people chat."""

    code = "chat_closed"


class CloseCode:
    """WebSocket close codes of the channel."""

    SIGNED_OUT = 4401
    NOT_ALLOWED = 4403
    NOT_FOUND = 4404
    DEAD = 4408
    SERVER_RESTART = 1012
