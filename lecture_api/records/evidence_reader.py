"""Reads evidence: one JSON document however laid out, or JSON lines, one record at a time, never all at once.

What is wrong becomes a `BadEvidence` with the line it is on; nothing a file holds raises anything else.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, BinaryIO, Final

from pydantic import ValidationError

from lecture_api.records.errors import (
    EvidenceFileError,
    EvidenceTooLongError,
    NoEvidenceError,
    NotJsonError,
    NotReadableError,
    UnknownFormatError,
)
from lecture_api.records.evidence_file import FORMAT, VERSION, EvidenceFile

LONGEST_BYTES: Final = 64 * 1024 * 1024
"""More than any honest record: ten hours of claims are a few hundred kilobytes."""

_BLANK: Final = b" \t\r\n\xef\xbb\xbf"


@dataclass(frozen=True, slots=True)
class GoodEvidence:
    """A file that fits the format, and the line it begins on."""

    line: int
    file: EvidenceFile


@dataclass(frozen=True, slots=True)
class BadEvidence:
    """What is wrong, and on which line."""

    line: int
    error: EvidenceFileError


def read_evidence(source: BinaryIO) -> Iterator[GoodEvidence | BadEvidence]:
    """Read everything in `source`. A bad line does not keep the lines after it from being read."""
    number, something = 0, False
    while True:
        try:
            line = source.readline(LONGEST_BYTES + 1)
            number += 1
            if not something and line.strip(_BLANK) and not _is_complete(line):
                # One document over several lines.
                line += source.read(max(0, LONGEST_BYTES + 1 - len(line)))
        except OSError as error:
            yield BadEvidence(number + 1, NotReadableError(error.strerror or "read error"))
            return
        if not line:
            break
        if len(line) > LONGEST_BYTES:
            yield BadEvidence(number, EvidenceTooLongError(f"more than {LONGEST_BYTES} bytes"))
            return
        if line.strip(_BLANK):
            something = True
            yield _judged(number, line)
    if not something:
        yield BadEvidence(1, NoEvidenceError())


def parse(text: bytes) -> EvidenceFile:
    """One document.

    Raises: EvidenceFileError: with the line inside of `text` in `extra["line"]`, where one is known.
    """
    value = _json(text)
    if not isinstance(value, dict) or value.get("format") != FORMAT or value.get("version") != VERSION:
        raise UnknownFormatError(f'expected "format": "{FORMAT}", "version": {VERSION}')
    try:
        return EvidenceFile.model_validate_json(text.removeprefix(b"\xef\xbb\xbf"))
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        place = "".join(f"[{key}]" if isinstance(key, int) else f".{key}" for key in first["loc"])
        more = error.error_count() - 1
        tail = f" (and {more} more)" if more else ""
        # What a stranger wrote as a name must not steer a terminal.
        shown = place.removeprefix(".")[:200].encode("unicode_escape").decode()
        raise EvidenceFileError(f"{shown}: {first['msg']}{tail}") from error


def _judged(number: int, text: bytes) -> GoodEvidence | BadEvidence:
    try:
        return GoodEvidence(number, parse(text))
    except EvidenceFileError as error:
        return BadEvidence(number + error.extra.get("line", 1) - 1, error)


def _is_complete(line: bytes) -> bool:
    """Whether a first line stands by itself; what is broken off at its end may go on in the next."""
    try:
        _json(line)
    except NotJsonError as error:
        return not error.extra.get("broken_off", False)
    return True


def _json(text: bytes) -> Any:
    try:
        decoded = text.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = 1 + text.count(b"\n", 0, error.start)
        raise NotJsonError("not UTF-8", extra={"line": line}) from error
    try:
        return json.loads(decoded, object_pairs_hook=_no_name_twice, parse_constant=_no_constant)
    except json.JSONDecodeError as error:
        where = f"{error.msg} (column {error.colno})"
        broken_off = error.pos >= len(decoded.rstrip())
        raise NotJsonError(where, extra={"line": error.lineno, "broken_off": broken_off}) from error
    except ValueError as error:
        raise NotJsonError(str(error)) from error
    except RecursionError as error:
        raise NotJsonError("nested too deeply") from error


def _no_name_twice(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name stands twice in one object")
    return found


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is no number")
