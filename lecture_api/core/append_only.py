"""Triggers that keep evidence, ledgers and timelines append-only, as DDL for both databases. Used by
migrations only."""


def append_only_ddl(table: str, dialect: str, *, allow_delete: bool = False) -> list[str]:
    """Statements that make `table` refuse UPDATE, and DELETE unless `allow_delete` (retention of expired
    evidence).

    Args:
        table: name of an existing table.
        dialect: `sqlite` or `postgresql`.
        allow_delete: leave DELETE possible, for tables whose rows expire (domain.md §5.5).
    """
    verbs = ["UPDATE"] if allow_delete else ["UPDATE", "DELETE"]
    if dialect == "sqlite":
        return [
            f"CREATE TRIGGER {table}_refuses_{verb.lower()} BEFORE {verb} ON {table} "
            f"BEGIN SELECT RAISE(ABORT, 'append_only: {table}'); END"
            for verb in verbs
        ]
    function = (
        f"CREATE FUNCTION {table}_append_only() RETURNS trigger LANGUAGE plpgsql AS "
        f"$$ BEGIN RAISE EXCEPTION 'append_only: {table}' USING ERRCODE = 'restrict_violation'; END $$"
    )
    # TRUNCATE goes round row triggers.
    if not allow_delete:
        verbs.append("TRUNCATE")
    return [function] + [
        f"CREATE TRIGGER {table}_refuses_{verb.lower()} BEFORE {verb} ON {table} "
        f"FOR EACH STATEMENT EXECUTE FUNCTION {table}_append_only()"
        for verb in verbs
    ]


def drop_append_only_ddl(table: str, dialect: str, *, allow_delete: bool = False) -> list[str]:
    """Statements that undo `append_only_ddl`."""
    verbs = ["update"] if allow_delete else ["update", "delete"]
    if dialect == "sqlite":
        return [f"DROP TRIGGER {table}_refuses_{verb}" for verb in verbs]
    return [f"DROP FUNCTION {table}_append_only() CASCADE"]
