"""Chat with the basics of moderation: idempotent lines, rate, muting, hiding. Acknowledged only after the
commit.
"""

import uuid
from typing import Final

from sqlalchemy import delete, select

from lecture_api.core.actor import Actor
from lecture_api.core.ids import new_id
from lecture_api.core.rate_limit import RateLimit
from lecture_api.core.runtime import Runtime
from lecture_api.gatherings.models import Gathering
from lecture_api.gatherings.states import ON_AIR, GatheringState
from lecture_api.room_channel.errors import ChatClosedError, MutedError, RefusedError, TooFastError
from lecture_api.room_channel.messages import Chat
from lecture_api.room_channel.models import ChatMessage, ChatMute

CHAT_OPEN: Final = ON_AIR | {GatheringState.SCHEDULED}


class ChatRoom:
    """The chat of one gathering in this process; its state is in the database but for the rate limits."""

    def __init__(self, runtime: Runtime, gathering_id: uuid.UUID) -> None:
        self._runtime = runtime
        self._gathering_id = gathering_id
        self._limits: dict[uuid.UUID, RateLimit] = {}

    async def say(self, actor: Actor, line: Chat) -> int:
        """Write a line; returns the number of its event. The same client id again returns the same number.

        Raises: TooFastError, MutedError, ChatClosedError.
        """
        runtime, author = self._runtime, actor.subject_id
        async with runtime.database.write() as db:
            known = await db.scalar(
                select(ChatMessage.seq).where(
                    ChatMessage.gathering_id == self._gathering_id,
                    ChatMessage.author_subject_id == author,
                    ChatMessage.client_id == line.client_id,
                )
            )
            if known is not None:
                return known
            gathering = await db.get_one(Gathering, self._gathering_id)
            if gathering.state not in CHAT_OPEN:
                raise ChatClosedError
            if await db.get(ChatMute, (self._gathering_id, author)) is not None:
                raise MutedError
            limit = self._limits.setdefault(author, RateLimit())
            if not limit.allows(runtime.clock.monotonic()):
                raise TooFastError
            message_id, now = new_id(), runtime.clock.now()
            said = {
                "message_id": str(message_id),
                "author": {"participant_id": str(author), "display_name": actor.display_name},
                "text": line.text,
                "client_id": str(line.client_id),
            }
            event = await runtime.room_events.append(db, self._gathering_id, now, "chat", said)
            db.add(
                ChatMessage(
                    id=message_id,
                    gathering_id=self._gathering_id,
                    author_subject_id=author,
                    client_id=line.client_id,
                    text=line.text,
                    sent_at=now,
                    seq=event.seq,
                )
            )
            return event.seq

    async def hide(self, host: Actor, message_id: uuid.UUID) -> None:
        """Take a line out of everybody's view, also of who comes later; hiding twice is hiding once.

        Raises: RefusedError: there is no such line here.
        """
        runtime = self._runtime
        async with runtime.database.write() as db:
            message = await db.get(ChatMessage, message_id, with_for_update=True)
            if message is None or message.gathering_id != self._gathering_id:
                raise RefusedError
            if message.hidden_at is not None:
                return
            message.hidden_at = runtime.clock.now()
            message.hidden_by_subject_id = host.subject_id
            await runtime.room_events.withhold_text(db, self._gathering_id, message.seq)
            hidden = {"message_id": str(message_id), "by": host.display_name}
            await runtime.room_events.append(db, self._gathering_id, message.hidden_at, "chat_hidden", hidden)

    async def mute(self, host: Actor, participant_id: uuid.UUID, *, muted: bool) -> None:
        """Take a participant's chat away, or give it back. A host cannot mute themselves.

        Raises: RefusedError: it is the host's own id.
        """
        if participant_id == host.subject_id:
            raise RefusedError
        key = (self._gathering_id, participant_id)
        async with self._runtime.database.write() as db:
            known = await db.get(ChatMute, key)
            if muted and known is None:
                db.add(
                    ChatMute(
                        gathering_id=self._gathering_id,
                        subject_id=participant_id,
                        muted_at=self._runtime.clock.now(),
                        muted_by_subject_id=host.subject_id,
                    )
                )
            elif not muted:
                await db.execute(
                    delete(ChatMute).where(
                        ChatMute.gathering_id == self._gathering_id, ChatMute.subject_id == participant_id
                    )
                )
