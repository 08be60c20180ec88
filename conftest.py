"""Puts the root on sys.path, so tests may import `tests.support`, and guards data/: no test touches it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

DATA = Path(__file__).parent / "data"


@pytest.fixture(scope="session", autouse=True)
def data_stays_untouched() -> Iterator[None]:
    """The installation in data/ may be somebody's real one: files there are the same after the tests."""
    before = _stamps()
    yield
    assert _stamps() == before, "a test wrote to data/"


def _stamps() -> dict[Path, int]:
    return {path: path.stat().st_mtime_ns for path in DATA.rglob("*") if path.is_file()}
