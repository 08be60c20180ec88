"""Imports every model once, so the metadata is complete: for migrations and for tests. Nothing else lives
here."""

from lecture_api.accounts import models as accounts
from lecture_api.columns import models as columns
from lecture_api.core import events
from lecture_api.core.database import Base
from lecture_api.gatherings import models as gatherings
from lecture_api.organisations import models as organisations

metadata = Base.metadata

__all__ = ["accounts", "columns", "events", "gatherings", "metadata", "organisations"]
