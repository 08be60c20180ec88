"""`zhijian record …`: checks records without server, database or settings. The work is in records."""

import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, BinaryIO, Final

import typer

from lecture_api.records.errors import EvidenceFileError, NotReadableError
from lecture_api.records.evidence_check import check
from lecture_api.records.evidence_file import SCHEMA_FILE
from lecture_api.records.evidence_reader import BadEvidence, read_evidence

record = typer.Typer(help="Learning records: compute them anew from exported evidence.", no_args_is_help=True)

DISAGREES: Final = 1
BAD_INPUT: Final = 2
STDIN: Final = "-"


@record.command()
def compute(
    evidence: Annotated[
        str, typer.Argument(help="An evidence file, JSON or JSON lines; - reads standard input.")
    ] = STDIN,
) -> None:
    """Compute records from exported evidence (docs/protocol/evidence.md), one line of JSON each.

    Exit status 1 when a record differs from what the file says is stored, 2 when a file is no evidence.
    """
    failed = wrong = False
    try:
        with _opened(evidence) as source:
            for item in read_evidence(source):
                result = item if isinstance(item, BadEvidence) else _checked(item.line, item.file)
                if isinstance(result, BadEvidence):
                    failed = True
                    _complain(evidence, result)
                    continue
                wrong = wrong or result["agrees"] is False
                sys.stdout.buffer.write(json.dumps(result, ensure_ascii=False).encode() + b"\n")
        sys.stdout.buffer.flush()
    except BrokenPipeError:
        # Whoever reads had enough; nothing more is to be said, not even by the interpreter at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    if failed or wrong:
        raise typer.Exit(BAD_INPUT if failed else DISAGREES)


@record.command()
def schema() -> None:
    """Print the JSON Schema of evidence files."""
    typer.echo(SCHEMA_FILE.read_text(encoding="utf-8"), nl=False)


def _checked(line: int, file: Any) -> "dict[str, Any] | BadEvidence":
    try:
        return check(file)
    except EvidenceFileError as error:
        return BadEvidence(line, error)


@contextmanager
def _opened(evidence: str) -> Iterator[BinaryIO]:
    if evidence == STDIN:
        yield sys.stdin.buffer
        return
    try:
        source = Path(evidence).open("rb")  # noqa: SIM115 - closed below.
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        _complain(evidence, BadEvidence(1, NotReadableError(reason)))
        raise typer.Exit(BAD_INPUT) from error
    with source:
        yield source


def _complain(evidence: str, bad: BadEvidence) -> None:
    """`file:line: code: what is wrong`, as compilers say it."""
    place = "<stdin>" if evidence == STDIN else evidence
    error = bad.error
    typer.echo(f"{place}:{bad.line}: {error.code}: {error.detail or error.title}", err=True)
