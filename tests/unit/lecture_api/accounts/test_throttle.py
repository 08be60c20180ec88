"""How long guessing has to wait."""

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from lecture_api.accounts.throttle import LONGEST_WAIT, wait_after


def test_free_failures_cost_nothing_then_waits_double_up_to_a_quarter_of_an_hour() -> None:
    waits = [int(wait_after(failures, 5).total_seconds()) for failures in range(3, 16)]
    assert waits == [0, 0, 2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900]


@given(st.integers(0, 10_000), st.integers(1, 100))
def test_wait_never_shrinks_and_never_exceeds_the_longest(failures: int, free: int) -> None:
    assert timedelta() <= wait_after(failures, free) <= wait_after(failures + 1, free) <= LONGEST_WAIT
