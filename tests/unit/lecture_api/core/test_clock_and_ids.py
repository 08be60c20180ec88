"""Instants, Shanghai days, identifiers and codes."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lecture_api.core.clock import (
    ManualClock,
    epoch_ms,
    from_epoch_ms,
    shanghai_day,
    shanghai_day_bounds,
    shanghai_year,
    to_utc,
)
from lecture_api.core.ids import CODE_ALPHABET, new_code, new_id, normalise_code

INSTANTS = st.datetimes(datetime(1990, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001


def test_day_and_year_turn_at_midnight_in_shanghai() -> None:
    before = datetime(2026, 12, 31, 15, 59, 59, tzinfo=UTC)
    after = before + timedelta(seconds=1)
    assert (shanghai_day(before).isoformat(), shanghai_year(before)) == ("2026-12-31", 2026)
    assert (shanghai_day(after).isoformat(), shanghai_year(after)) == ("2027-01-01", 2027)


@given(INSTANTS)
def test_every_instant_lies_in_the_bounds_of_its_day(instant: datetime) -> None:
    start, end = shanghai_day_bounds(shanghai_day(instant))
    assert start <= instant < end


@given(INSTANTS)
def test_epoch_milliseconds_lead_back_to_the_same_millisecond(instant: datetime) -> None:
    assert timedelta() <= instant - from_epoch_ms(epoch_ms(instant)) < timedelta(milliseconds=1)


def test_naive_datetime_is_refused_and_offsets_are_understood() -> None:
    with pytest.raises(ValueError, match="naive"):
        to_utc(datetime(2026, 1, 1))  # noqa: DTZ001
    assert to_utc(datetime(2026, 1, 1, 8, tzinfo=timezone(timedelta(hours=8)))).hour == 0


def test_manual_clock_moves_both_clocks_alike() -> None:
    clock = ManualClock(datetime(2026, 1, 1, tzinfo=UTC))
    before = clock.monotonic()
    assert clock.advance(seconds=1.5) == clock.now()
    assert clock.monotonic() - before == 1.5


def test_row_ids_are_version_seven_unique_and_rising() -> None:
    ids = [new_id() for _ in range(5000)]
    assert ids == sorted(set(ids))
    assert {(item.version, item.variant) for item in ids} == {(7, "specified in RFC 4122")}


def test_codes_have_no_look_alikes_and_are_read_as_people_type_them() -> None:
    assert not set("0O1ILZ2S5B8AEU") & set(CODE_ALPHABET)
    code = new_code()
    assert normalise_code(f" {code[:3].lower()}-{code[3:]} ") == code
