"""What a check found: one line for an administrator, one object for a program."""

from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any


class State(StrEnum):
    """`note`: works, or is not needed here, but worth knowing; only a `problem` fails the command."""

    OK = "ok"
    NOTE = "note"
    PROBLEM = "problem"


@dataclass(frozen=True, slots=True)
class Finding:
    """`code` is stable, for programs; `text` says what was seen, `advice` what to do about it."""

    code: str
    subject: str
    state: State
    text: str
    advice: str = ""

    @classmethod
    def ok(cls, code: str, subject: str, text: str) -> "Finding":
        """Fine as it is."""
        return cls(code, subject, State.OK, text)

    @classmethod
    def note(cls, code: str, subject: str, text: str, advice: str = "") -> "Finding":
        """Worth knowing."""
        return cls(code, subject, State.NOTE, text, advice)

    @classmethod
    def problem(cls, code: str, subject: str, text: str, advice: str) -> "Finding":
        """In the way of somebody; there is always something to do."""
        return cls(code, subject, State.PROBLEM, text, advice)

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)
