"""Puts the root on sys.path, so tests may import `tests.support`, and guards data/: no test touches it."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

# No test depends on speed: a busy machine is slow to draw and to run an example.
settings.register_profile("any-machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any-machine")

DATA = Path(__file__).parent / "data"


@pytest.fixture(scope="session", autouse=True)
def data_stays_untouched() -> Iterator[None]:
    """Where no installation was, none is after the tests; what one holds may be somebody's own."""
    was_there = DATA.exists()
    yield
    assert DATA.exists() == was_there, "a test wrote to data/"
