"""Files stay small enough to read in one sitting (codebases.md §5)."""

import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
LIMIT = 600
TEST_LIMIT = 800
GENERATED = ("web_client/src/api/generated/", "lecture_api/migrations/versions/")


def tracked(*patterns: str) -> list[Path]:
    listed = subprocess.run(
        ["git", "ls-files", "-z", *patterns], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    return [Path(name) for name in listed.split("\0") if name and (ROOT / name).exists()]


@pytest.mark.parametrize("pattern", ["*.py", "*.rs", "*.ts", "*.vue"])
def test_no_module_is_longer_than_the_limit(pattern: str) -> None:
    too_long = []
    for path in tracked(pattern):
        if str(path).startswith(GENERATED):
            continue
        is_test = "tests" in path.parts or ".test." in path.name
        lines = (ROOT / path).read_text().count("\n")
        if lines > (TEST_LIMIT if is_test else LIMIT):
            too_long.append(f"{path}: {lines}")
    assert not too_long


def test_there_is_no_room_for_leftovers() -> None:
    forbidden = {"utils", "common", "helpers"}
    assert [str(path) for path in tracked() if forbidden & {part.split(".")[0] for part in path.parts}] == []
