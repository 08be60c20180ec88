"""Imports every model once, so the metadata is complete: for migrations and for tests. Nothing else lives
here."""

from lecture_api.accounts import models as accounts
from lecture_api.columns import models as columns
from lecture_api.core import events
from lecture_api.core.database import Base
from lecture_api.gatherings import models as gatherings
from lecture_api.organisations import models as organisations
from lecture_api.presence import models as presence
from lecture_api.records import models as records
from lecture_api.replays import models as replays
from lecture_api.room_channel import models as room_channel

metadata = Base.metadata

__all__ = [
    "accounts",
    "columns",
    "events",
    "gatherings",
    "metadata",
    "organisations",
    "presence",
    "records",
    "replays",
    "room_channel",
]
