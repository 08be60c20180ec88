"""The soak of `make soak`, cut down to seconds: real joins, leaves and kills against `zhijian serve`."""

import pytest

from tests.bench.soak import Plan, Sample, complaints, slope_per_half_hour, soak
from tests.support.swarm_binary import swarm_binary

CHURN = {"begun": 50, "killed": 10, "failed": 0, "complaints": []}


@pytest.mark.timeout(600)  # The last killed viewer is kept a minute before it expires.
def test_viewers_that_join_leave_and_are_killed_leave_nothing_behind() -> None:
    report = soak(Plan(seconds=12, rate=5, stay_s=3, warm_up_s=5), swarm_binary())
    assert report["complaints"] == []
    assert report["churn"]["begun"] > 20
    assert report["churn"]["left_without_media"] < report["churn"]["begun"] / 2


def sample(at_s: float, **changes: float) -> Sample:
    return Sample(
        **{"at_s": at_s, "rss_mb": 200.0, "threads": 9, "descriptors": 40, "tasks": 12, "sessions": 1}
        | changes  # type: ignore[arg-type]
    )


@pytest.mark.parametrize("grown", ["threads", "descriptors", "tasks", "rss_mb"])
def test_what_grows_is_named(grown: str) -> None:
    plan, before = Plan(seconds=60), sample(0)
    assert complaints(plan, CHURN, before, sample(60), []) == []
    assert len(complaints(plan, CHURN, before, sample(60, **{grown: 300.0}), [])) == 1


def test_a_slow_leak_shows_in_a_long_run_in_spite_of_noise() -> None:
    samples = [sample(at, rss_mb=200 + at / 60 + (at % 7) - 3) for at in range(0, 1800, 2)]
    assert 25 < slope_per_half_hour(samples) < 35
    assert complaints(Plan(seconds=1800), CHURN, sample(0), sample(1800), samples)
    flat = [sample(at, rss_mb=200 + (at % 7)) for at in range(0, 1800, 2)]
    assert complaints(Plan(seconds=1800), CHURN, sample(0), sample(1800), flat) == []


def test_memory_of_more_viewers_is_no_leak() -> None:
    samples = [sample(at, rss_mb=200 + 0.13 * (at // 60), sessions=50 + at // 60) for at in range(0, 1800, 2)]
    assert abs(slope_per_half_hour(samples)) < 1


def test_a_churn_without_joins_or_with_failed_ones_is_no_proof() -> None:
    plan, rest = Plan(seconds=60), sample(0)
    assert complaints(plan, CHURN | {"killed": 0}, rest, rest, [])
    assert complaints(plan, CHURN | {"failed": 3}, rest, rest, [])
