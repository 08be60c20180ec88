"""The journal's lines: one JSON object each, fsynced; the truth about a recording.

Reading is pure and tolerates a torn last line.
"""

import json
from typing import Any

from recordings.errors import JournalError

JOURNAL = "journal.jsonl"
Entry = dict[str, Any]


def encode_entries(entries: list[Entry]) -> bytes:
    """Serialize entries, one line each."""
    return b"".join(
        json.dumps(entry, separators=(",", ":"), ensure_ascii=True).encode() + b"\n" for entry in entries
    )


def read_entries(data: bytes) -> tuple[list[Entry], int]:
    """Return the entries and the length in bytes up to which the journal is whole.

    What follows the last newline was torn by a crash and does not count; so does a last line that does not
    parse (a crash may leave zeros).

    Raises: JournalError when a line before the last one does not parse.
    """
    entries: list[Entry] = []
    valid = 0
    while (end := data.find(b"\n", valid)) >= 0:
        try:
            entry = json.loads(data[valid:end])
        except ValueError as error:
            if data.find(b"\n", end + 1) >= 0:
                raise JournalError(f"journal line does not parse at byte: {valid}") from error
            break
        if not isinstance(entry, dict) or not isinstance(entry.get("kind"), str):
            raise JournalError(f"journal line without kind at byte: {valid}")
        entries.append(entry)
        valid = end + 1
    return entries, valid
