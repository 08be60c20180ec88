"""Column types that behave alike on SQLite and PostgreSQL."""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import DateTime, Dialect, String, types

from lecture_api.core.clock import to_utc

_SQLITE_FORMAT = "%Y-%m-%dT%H:%M:%S.%fZ"


class UtcInstant(types.TypeDecorator[datetime]):
    """An instant: `timestamptz` on PostgreSQL; on SQLite, which drops zones, fixed-width ISO text that
    sorts by time.

    Naive datetimes are refused with ValueError.
    """

    impl = DateTime(timezone=True)
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> types.TypeEngine[Any]:
        """Text of 27 characters on SQLite, the native type elsewhere."""
        if dialect.name == "sqlite":
            return dialect.type_descriptor(String(27))
        return dialect.type_descriptor(DateTime(timezone=True))

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> Any:
        """To UTC, and on SQLite to text."""
        if value is None:
            return None
        instant = to_utc(value)
        return instant.strftime(_SQLITE_FORMAT) if dialect.name == "sqlite" else instant

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
        """Always aware and UTC."""
        if value is None:
            return None
        if isinstance(value, str):
            return datetime.strptime(value, _SQLITE_FORMAT).replace(tzinfo=UTC)
        assert isinstance(value, datetime)
        return value.astimezone(UTC)
