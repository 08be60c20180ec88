"""A gathering as an iCalendar file (RFC 5545), so that calendars follow changes and cancellations. Pure."""

from dataclasses import dataclass
from datetime import datetime

_CRLF = "\r\n"
_FOLD_OCTETS = 75


@dataclass(frozen=True, slots=True)
class CalendarEntry:
    """What the calendar shows."""

    uid: str
    sequence: int
    start: datetime
    end: datetime
    stamp: datetime
    title: str
    description: str
    organisation: str
    url: str
    cancelled: bool


def to_icalendar(entry: CalendarEntry) -> str:
    """One VCALENDAR with one VEVENT; a higher SEQUENCE replaces the earlier one (RFC 5545 §3.8.7.4)."""
    lines = [
        "BEGIN:VCALENDAR",
        "VERSION:2.0",
        "PRODID:-//zhijian//gatherings//EN",
        "METHOD:PUBLISH",
        "BEGIN:VEVENT",
        f"UID:{entry.uid}",
        f"SEQUENCE:{entry.sequence}",
        f"DTSTAMP:{_instant(entry.stamp)}",
        f"DTSTART:{_instant(entry.start)}",
        f"DTEND:{_instant(entry.end)}",
        f"SUMMARY:{_escaped(entry.title)}",
        f"DESCRIPTION:{_escaped(entry.description)}",
        f"LOCATION:{_escaped(entry.organisation)}",
        f"URL:{entry.url}",
        f"STATUS:{'CANCELLED' if entry.cancelled else 'CONFIRMED'}",
        "END:VEVENT",
        "END:VCALENDAR",
    ]
    return _CRLF.join(_folded(line) for line in lines) + _CRLF


def _instant(instant: datetime) -> str:
    return instant.strftime("%Y%m%dT%H%M%SZ")


def _escaped(text: str) -> str:
    """RFC 5545 §3.3.11; carriage returns would end the line."""
    escaped = text.replace("\\", "\\\\").replace(";", "\\;").replace(",", "\\,")
    return escaped.replace("\r\n", "\\n").replace("\n", "\\n").replace("\r", "")


def _folded(line: str) -> str:
    """Lines of at most 75 octets, never cut inside a character (RFC 5545 §3.1)."""
    pieces: list[str] = []
    piece = ""
    for character in line:
        # A continuation line begins with a space, which counts.
        limit = _FOLD_OCTETS if not pieces else _FOLD_OCTETS - 1
        if len((piece + character).encode()) > limit:
            pieces.append(piece)
            piece = ""
        piece += character
    return f"{_CRLF} ".join([*pieces, piece])
