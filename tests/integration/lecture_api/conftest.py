"""Databases for the API's tests: SQLite copied from one migrated file, PostgreSQL from one cluster."""

import shutil
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from lecture_api.migrations.upgrade import upgrade
from tests.support.api import College, college
from tests.support.postgres import PostgresCluster, running_postgres


@pytest.fixture(scope="session")
def migrated_sqlite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("migrated") / "zhijian.sqlite3"
    upgrade(f"sqlite+aiosqlite:///{path}")
    return path


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresCluster]:
    with running_postgres() as cluster:
        yield cluster


@pytest.fixture
def sqlite_url(migrated_sqlite: Path, tmp_path: Path) -> str:
    path = tmp_path / "zhijian.sqlite3"
    shutil.copy(migrated_sqlite, path)
    return f"sqlite+aiosqlite:///{path}"


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def either_url(request: pytest.FixtureRequest) -> str:
    """A migrated database of each kind in turn: for rules the database itself keeps."""
    if request.param == "sqlite":
        url: str = request.getfixturevalue("sqlite_url")
        return url
    cluster: PostgresCluster = request.getfixturevalue("postgres")
    fresh = cluster.create_database()
    upgrade(fresh)
    return fresh


@pytest.fixture
async def place(sqlite_url: str, tmp_path: Path) -> AsyncIterator[College]:
    async with college(sqlite_url, tmp_path) as made:
        yield made


@pytest.fixture
async def either_place(either_url: str, tmp_path: Path) -> AsyncIterator[College]:
    """The same on each kind of database in turn."""
    async with college(either_url, tmp_path) as made:
        yield made
