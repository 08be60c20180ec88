"""iCalendar output: folded by octets, escaped, never broken by what people type (RFC 5545)."""

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from lecture_api.gatherings.calendar import CalendarEntry, to_icalendar

TEXT = st.text(st.characters(exclude_categories=["Cs", "Cc"], include_characters="\n"), max_size=120)


def entry(title: str = "t", description: str = "") -> CalendarEntry:
    return CalendarEntry(
        uid="1@zhijian",
        sequence=3,
        start=datetime(2026, 11, 23, 11, 0, tzinfo=UTC),
        end=datetime(2026, 11, 23, 12, 0, tzinfo=UTC),
        stamp=datetime(2026, 11, 1, tzinfo=UTC),
        title=title,
        description=description,
        organisation="o",
        url="https://zhijian.example/g/1",
        cancelled=False,
    )


@given(TEXT, TEXT)
def test_lines_are_short_and_unfold_to_what_was_typed(title: str, description: str) -> None:
    text = to_icalendar(entry(title, description))
    assert all(len(line.encode()) <= 75 for line in text.split("\r\n"))
    unfolded = text.replace("\r\n ", "").split("\r\n")
    assert len(unfolded) == 18
    summary = next(line for line in unfolded if line.startswith("SUMMARY:")).removeprefix("SUMMARY:")
    plain = summary.replace("\\\\", "\0").replace("\\n", "\n").replace("\\;", ";").replace("\\,", ",")
    assert plain.replace("\0", "\\") == title


def test_instants_are_utc() -> None:
    assert "DTSTART:20261123T110000Z\r\n" in to_icalendar(entry())
