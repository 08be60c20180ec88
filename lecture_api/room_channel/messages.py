"""What a client may say on the room channel, parsed strictly; pure (docs/protocol/room_channel.md, client
→ server).

Unknown types are ignored by both sides, so a newer client may talk to an older server.
"""

import json
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

MAX_TEXT: Final = 500
MAX_FRAME: Final = 4_096
"""Characters of a whole frame: room for 500 escaped characters and an id."""


class MalformedMessageError(ValueError):
    """The frame is no message of the protocol. `client_id` names the chat line it would have been, if it
    says so.
    """

    def __init__(self, code: str, client_id: str | None = None) -> None:
        super().__init__(code)
        self.code = code
        self.client_id = client_id


@dataclass(frozen=True, slots=True)
class Pong:
    """The answer to `ping n`: a beat."""

    n: int


@dataclass(frozen=True, slots=True)
class Chat:
    """A chat line under the client's own id; the same id again is the same line."""

    client_id: uuid.UUID
    text: str


@dataclass(frozen=True, slots=True)
class Hide:
    """The host takes a line out of view."""

    message_id: uuid.UUID


@dataclass(frozen=True, slots=True)
class Mute:
    """The host takes a participant's chat away or gives it back."""

    participant_id: uuid.UUID
    muted: bool


@dataclass(frozen=True, slots=True)
class AskRoster:
    """A roll holder wants the roster, or no longer."""

    on: bool


Message = Pong | Chat | Hide | Mute | AskRoster


def parse(frame: str) -> Message | None:
    """Parse one text frame; None for a type this server does not know.

    Raises: MalformedMessageError: not JSON, not an object, members missing or of the wrong kind, text too
    long.
    """
    if len(frame) > MAX_FRAME:
        raise MalformedMessageError("too_long")
    try:
        body = json.loads(frame)
    except (ValueError, RecursionError) as error:
        raise MalformedMessageError("malformed") from error
    if not isinstance(body, dict):
        raise MalformedMessageError("malformed")
    match body.get("type"):
        case "pong":
            return Pong(_number(body, "n"))
        case "chat":
            return _chat(body)
        case "hide":
            return Hide(_id(body, "message_id"))
        case "mute":
            return Mute(_id(body, "participant_id"), _flag(body, "muted"))
        case "roster":
            return AskRoster(_flag(body, "on"))
        case _:
            return None


def _chat(body: Mapping[str, Any]) -> Chat:
    client_id, text = _id(body, "client_id"), body.get("text")
    if not isinstance(text, str):
        raise MalformedMessageError("malformed", str(client_id))
    text = text.strip()
    if len(text) > MAX_TEXT:
        raise MalformedMessageError("too_long", str(client_id))
    if not text or any(_is_forbidden(character) for character in text):
        raise MalformedMessageError("malformed", str(client_id))
    return Chat(client_id, text)


def _is_forbidden(character: str) -> bool:
    """Control characters other than line feed, and lone surrogates, which no database takes."""
    code = ord(character)
    return (code < 0x20 and character != "\n") or code == 0x7F or 0xD800 <= code <= 0xDFFF


def _id(body: Mapping[str, Any], name: str) -> uuid.UUID:
    try:
        return uuid.UUID(body[name])
    except (KeyError, ValueError, TypeError, AttributeError) as error:
        raise MalformedMessageError("malformed") from error


def _number(body: Mapping[str, Any], name: str) -> int:
    value = body.get(name)
    if not isinstance(value, int) or isinstance(value, bool):
        raise MalformedMessageError("malformed")
    return value


def _flag(body: Mapping[str, Any], name: str) -> bool:
    value = body.get(name)
    if not isinstance(value, bool):
        raise MalformedMessageError("malformed")
    return value
