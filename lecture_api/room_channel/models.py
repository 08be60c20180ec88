"""Rows of the room: chat lines and who may not write. The frames that clients get are `room_event` rows
(core.events).
"""

import uuid
from datetime import datetime

from sqlalchemy import BigInteger, ForeignKey, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from lecture_api.core.database import Base


class ChatMessage(Base):
    """One line; `(author, client_id)` makes a repeated sending the same line, `seq` is that of its room
    event.
    """

    __tablename__ = "chat_message"
    __table_args__ = (UniqueConstraint("gathering_id", "author_subject_id", "client_id"),)

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    gathering_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("gathering.id"))
    author_subject_id: Mapped[uuid.UUID]
    client_id: Mapped[uuid.UUID]
    text: Mapped[str] = mapped_column(Text)
    sent_at: Mapped[datetime]
    seq: Mapped[int] = mapped_column(BigInteger)
    hidden_at: Mapped[datetime | None]
    hidden_by_subject_id: Mapped[uuid.UUID | None]


class ChatMute(Base):
    """A participant whom the host took the chat away from."""

    __tablename__ = "chat_mute"

    gathering_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("gathering.id"), primary_key=True)
    subject_id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    muted_at: Mapped[datetime]
    muted_by_subject_id: Mapped[uuid.UUID]
