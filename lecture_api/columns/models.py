"""The table of columns; `topic_column`, because the bare word is reserved SQL."""

import uuid
from datetime import datetime

from sqlalchemy import Text
from sqlalchemy.orm import Mapped, mapped_column

from lecture_api.core.database import Base
from lecture_api.core.ids import new_id


class TopicColumn(Base):
    """A themed series; `position` orders them on the home page."""

    __tablename__ = "topic_column"

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=new_id)
    title: Mapped[str] = mapped_column(unique=True)
    description: Mapped[str] = mapped_column(Text, default="")
    position: Mapped[int]
    created_at: Mapped[datetime]
