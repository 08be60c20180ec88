"""One lecture in real browsers: going live, ending, and what of it lies on disk and runs as processes."""

import json
import os
import time
from contextlib import closing
from itertools import islice
from pathlib import Path
from typing import Any

from recordings.catalogue import Catalogue
from tests.e2e.support.in_the_room import InTheRoom
from tests.support.installation import Installation
from tests.support.recording_checks import read_catalogue
from tests.support.server import RunningServer

FIGURES = Path(__file__).resolve().parents[3] / "build" / "bench"


async def go_live(lecturer: InTheRoom, page: str) -> None:
    """The lecturer opens the studio and starts."""
    await lecturer.open(f"{page}/studio")
    await lecturer.page.get_by_text("摄像头正常").wait_for()
    await lecturer.page.get_by_role("button", name="开始直播").click()
    await lecturer.page.get_by_text("直播中").first.wait_for()


async def end_lecture(lecturer: InTheRoom) -> None:
    """The lecturer ends and confirms."""
    await lecturer.page.get_by_role("button", name="结束直播").click()
    dialog = lecturer.page.get_by_role("dialog")
    await dialog.get_by_role("button", name="结束直播").click()
    await lecturer.page.get_by_text("直播结束了").wait_for()


def record_of(installation: Installation, person_no: str, gathering_id: str) -> dict[str, Any]:
    """The line of this gathering on the person's own record."""
    with closing(installation.signed_in(person_no)) as api:
        items = api.get("/api/me/record").json()["items"]
    found: dict[str, Any] = next(item for item in items if item["gathering"]["id"] == gathering_id)
    return found


def recordings_of(server: RunningServer) -> list[Path]:
    """The directories of all recordings of an installation but those that the demo's past came with."""
    folder = server.data_dir / "recordings"
    found = [path for path in folder.iterdir() if path.is_dir()] if folder.exists() else []
    return [path for path in found if not _is_past(path)]


def _is_past(directory: Path) -> bool:
    """Whether a recording began on an earlier day than the test."""
    journal = directory / "journal.jsonl"
    if not journal.exists():
        return False
    with journal.open(encoding="utf-8") as lines:
        first = [json.loads(line) for line in islice(lines, 3) if line.endswith("\n")]
    began = [entry["piece"]["wall_start_ns"] for entry in first if entry["kind"] == "piece"]
    return bool(began) and time.time_ns() - began[0] > 86_400 * 10**9


def journalled(directory: Path) -> Catalogue:
    """What the journal says now; an empty catalogue before its first line."""
    return read_catalogue(directory) if (directory / "journal.jsonl").exists() else Catalogue()


def processes_of(data_dir: Path, having: str = "") -> list[int]:
    """Living processes of an installation, by their environment; `having`: part of the command line."""
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdecimal():
            continue
        try:
            environment = (entry / "environ").read_bytes().split(b"\0")
            command = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:  # Not ours, or just gone.
            continue
        ours = f"ZHIJIAN_DATA_DIR={data_dir}".encode() in environment
        if ours and command and having in command and int(entry.name) != os.getpid():
            found.append(int(entry.name))
    return found


def gone_within(data_dir: Path, seconds: float) -> list[int]:
    """Waits until no process of an installation is left; returns those that are."""
    deadline = time.monotonic() + seconds
    while (left := processes_of(data_dir)) and time.monotonic() < deadline:
        time.sleep(0.05)
    return left


def write_figures(name: str, figures: dict[str, Any]) -> None:
    """Writes build/bench/{name}.json."""
    FIGURES.mkdir(parents=True, exist_ok=True)
    (FIGURES / f"{name}.json").write_text(json.dumps(figures, indent=1))
