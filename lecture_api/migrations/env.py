"""Alembic's entry: runs revisions on the connection that `migrations.upgrade` (or the alembic command)
gives."""

from typing import Any, Literal

from alembic import context
from alembic.autogenerate.api import AutogenContext
from sqlalchemy import create_engine
from sqlalchemy.engine import Connection

from lecture_api.core.column_types import UtcInstant
from lecture_api.migrations.model_registry import metadata


def _render_item(kind: str, item: Any, autogen_context: AutogenContext) -> str | Literal[False]:
    """Our own column types by name in generated revisions."""
    if kind == "type" and isinstance(item, UtcInstant):
        autogen_context.imports.add("from lecture_api.core.column_types import UtcInstant")
        return "UtcInstant()"
    return False


def _run(connection: Connection) -> None:
    context.configure(
        connection=connection,
        target_metadata=metadata,
        render_item=_render_item,
        render_as_batch=connection.dialect.name == "sqlite",
        compare_type=True,
    )
    with context.begin_transaction():
        context.run_migrations()


given = context.config.attributes.get("connection")
if given is not None:
    _run(given)
else:
    with create_engine(context.config.get_main_option("sqlalchemy.url") or "sqlite://").connect() as fresh:
        _run(fresh)
        fresh.commit()
