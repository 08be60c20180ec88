"""Control frames of the feed: JSON both ways, checked on entry. Source: docs/protocol/recorder_feed.md."""

import json
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from recordings.errors import FeedError


class ControlEvent(BaseModel):
    """An event of the engine; fields that an event does not have keep their default."""

    model_config = ConfigDict(extra="ignore")

    event: Literal["attached", "source", "overflow", "end"]
    node_epoch: str | None = None
    first_seq: int = Field(default=1, ge=1)
    slot: str | None = None
    publication: int | None = None
    codec: str = "H264"
    source: str = "camera"
    dropped: int = 0


def parse_control(payload: bytes) -> ControlEvent:
    """Parse a control payload. Raises: FeedError."""
    try:
        event = ControlEvent.model_validate_json(payload)
    except ValidationError as error:
        raise FeedError(f"control frame malformed: {error.error_count()} errors") from error
    if event.event == "attached" and not event.node_epoch:
        raise FeedError("attached without node_epoch")
    return event


def hello_payload(recording_id: str, node_epoch: str | None, after: int) -> bytes:
    """Payload of a hello frame."""
    return json.dumps({"recording_id": recording_id, "node_epoch": node_epoch, "after": after}).encode()
