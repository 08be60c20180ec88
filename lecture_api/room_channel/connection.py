"""One client's end of the room channel: a bounded outbox with one writer, and what the ticker has to know
of it.

Nothing here waits but the writer, so a slow client delays nobody; one that lets its outbox fill is
closed.
"""

import asyncio
import json
import uuid
from dataclasses import dataclass, field
from typing import Any, Final

from starlette.websockets import WebSocket

from lecture_api.core.actor import Actor
from lecture_api.gatherings.access import Admission
from lecture_api.presence.tracker import Connection
from lecture_api.room_channel.errors import CloseCode

OUTBOX_FRAMES: Final = 2_000
PING_EVERY_S: Final = 2.0
DEAD_AFTER_S: Final = 5.0
FLUSH_S: Final = 2.0
"""How long an ended channel may take to send what is posted; a dead line takes nothing any more."""


def frame_of(kind: str, **members: Any) -> str:
    """Write one frame, `type` first."""
    return json.dumps({"type": kind, **members}, ensure_ascii=False, separators=(",", ":"))


@dataclass(eq=False)
class ChannelConnection:
    """A connected client.

    Attributes: presence: how the tracker knows it; `heard_s`: monotonic instant of the last message;
    `sent_seq`: the newest room event in its outbox; `close_code`: set once the channel is to end.
    """

    websocket: WebSocket
    actor: Actor
    admission: Admission
    heard_s: float
    presence: Connection = field(init=False)
    next_ping_s: float = field(init=False)
    ping_number: int = 0
    sent_seq: int = 0
    wants_roster: bool = False
    close_code: int | None = None
    writer: asyncio.Task[None] | None = None
    checked_s: float = field(init=False)
    _outbox: asyncio.Queue[str | None] = field(default_factory=lambda: asyncio.Queue(OUTBOX_FRAMES))

    def __post_init__(self) -> None:
        self.presence = Connection(
            uuid.uuid4(), self.admission.gathering.id, self.actor.subject_id, "channel"
        )
        self.next_ping_s = self.heard_s
        self.checked_s = self.heard_s

    @property
    def connection_id(self) -> uuid.UUID:
        """The id of hello and of the presence interval."""
        return self.presence.connection_id

    @property
    def is_host(self) -> bool:
        """Whether the person may moderate, and is not a viewer."""
        return self.admission.permissions.host

    def post(self, frame: str) -> None:
        """Put a frame into the outbox; a full one means that the client does not read."""
        if self.close_code is not None:
            return
        if self._outbox.qsize() >= OUTBOX_FRAMES - 1:
            self.end(CloseCode.DEAD)
            return
        self._outbox.put_nowait(frame)

    def end(self, code: int) -> None:
        """Close after what is in the outbox has been sent, or could not be."""
        if self.close_code is None:
            self.close_code = code
            self._outbox.put_nowait(None)
            if self.writer is not None:
                asyncio.get_running_loop().call_later(FLUSH_S, self.writer.cancel)

    async def write(self) -> None:
        """Send what is posted until the end; the only task that writes to this WebSocket."""
        while (frame := await self._outbox.get()) is not None:
            await self.websocket.send_text(frame)
        assert self.close_code is not None
        await self.websocket.close(self.close_code)
