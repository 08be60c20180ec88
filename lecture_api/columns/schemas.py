"""Bodies of requests and answers about columns."""

import uuid
from typing import Annotated

from pydantic import StringConstraints

from lecture_api.core.wire_types import Line, WireModel

Text = Annotated[str, StringConstraints(max_length=4000, pattern=r"^[^\x00-\x08\x0b-\x1f]*$")]


class ColumnOut(WireModel):
    """A column; `gathering_count` counts what has been scheduled in it."""

    id: uuid.UUID
    title: str
    description: str
    gathering_count: int


class ColumnList(WireModel):
    """All columns in their order."""

    items: list[ColumnOut]


class ColumnIn(WireModel):
    """A new column, put last."""

    title: Line
    description: Text = ""


class ColumnPatch(WireModel):
    """What may be changed; absent members stay."""

    title: Line | None = None
    description: Text | None = None
