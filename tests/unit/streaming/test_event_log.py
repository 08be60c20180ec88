"""The journal keeps what is not acknowledged, over kills and restarts, in order, once."""

import asyncio
import json
import os
import subprocess
import sys
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from streaming.rooms.clock import AnchoredClock
from streaming.rooms.event_log import EventLog

WRITER = """
import os, signal, sys
from pathlib import Path
from streaming.rooms.clock import AnchoredClock
from streaming.rooms.event_log import EventLog
log = EventLog(Path(sys.argv[1]), "killed", AnchoredClock(), limit=1000)
for number in range(5):
    log.append("viewer_connected", room="r", data={"number": number})
os.kill(os.getpid(), signal.SIGKILL)
"""


def open_log(path: Path, epoch: str = "e1", limit: int = 1000) -> EventLog:
    return EventLog(path, epoch, AnchoredClock(), limit=limit)


def seen(lines: list[str]) -> list[tuple[str, int]]:
    return [(event["node_epoch"], event["seq"]) for event in map(json.loads, lines)]


def test_events_outlive_a_sigkill(tmp_path: Path) -> None:
    path = tmp_path / "media" / "events.jsonl"
    subprocess.run([sys.executable, "-c", WRITER, str(path)], check=False, timeout=50)
    log = open_log(path, "next")
    log.append("viewer_gone", room="r")
    assert seen(log.after(None, 0)) == [*(("killed", number) for number in range(1, 6)), ("next", 1)]
    log.close()


def test_acknowledged_events_are_gone_after_a_restart(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    log = open_log(path)
    for _ in range(4):
        log.append("viewer_delivered")
    log.acknowledge("e1", 3)
    log.close()
    again = open_log(path, "e2")
    assert seen(again.after(None, 0)) == [("e1", 4)]
    again.close()


def test_torn_last_line_is_dropped(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    log = open_log(path)
    log.append("viewer_connected")
    log.close()
    with path.open("a") as file:
        file.write('{"node_epoch":"e1","seq":2,"ty')
    again = open_log(path, "e2")
    again.append("viewer_gone")
    again.close()
    assert [json.loads(line)["seq"] for line in path.read_text().splitlines()] == [1, 1]


def test_position_in_an_earlier_epoch_continues_into_the_next(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    first = open_log(path)
    for _ in range(3):
        first.append("viewer_connected")
    first.close()
    second = open_log(path, "e2")
    second.append("viewer_connected")
    assert seen(second.after("e1", 2)) == [("e1", 3), ("e2", 1)]
    assert seen(second.after("e2", 0)) == [("e2", 1)]
    assert seen(second.after("unheard of", 7)) == [("e1", 1), ("e1", 2), ("e1", 3), ("e2", 1)]
    second.acknowledge("e2", 1)
    assert second.after(None, 0) == []
    second.close()


def test_unknown_or_repeated_acknowledgement_changes_nothing(tmp_path: Path) -> None:
    log = open_log(tmp_path / "events.jsonl")
    log.append("viewer_connected")
    log.acknowledge("other", 9)
    assert len(log.after(None, 0)) == 1
    log.acknowledge("e1", 1)
    log.acknowledge("e1", 1)
    assert log.after(None, 0) == []
    log.close()


def test_file_shrinks_when_most_is_acknowledged(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    log = open_log(path, limit=10_000)
    for _ in range(3000):
        log.append("viewer_delivered")
    log.acknowledge("e1", 2990)
    log.append("viewer_gone")
    log.close()
    assert len(path.read_text().splitlines()) == 11


def test_oldest_events_are_given_up_and_counted_beyond_the_limit(tmp_path: Path) -> None:
    log = open_log(tmp_path / "events.jsonl", limit=5)
    for _ in range(8):
        log.append("viewer_delivered")
    assert [seq for _, seq in seen(log.after(None, 0))] == [4, 5, 6, 7, 8]
    assert log.given_up == 3
    log.close()


def test_full_disk_keeps_events_in_memory_and_the_file_catches_up(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    log = open_log(path)
    log.append("viewer_connected")
    full = os.open("/dev/full", os.O_WRONLY)
    os.dup2(full, log._file)
    os.close(full)
    (tmp_path / "events.new").mkdir()
    for _ in range(3):
        log.append("viewer_delivered")
    assert seen(log.after(None, 0)) == [("e1", number) for number in range(1, 5)]
    assert len(path.read_text().splitlines()) == 1
    (tmp_path / "events.new").rmdir()
    log.append("viewer_gone")
    log.close()
    again = open_log(path, "e2")
    assert seen(again.after(None, 0)) == [("e1", number) for number in range(1, 6)]
    again.close()


async def test_long_poll_wakes_on_the_first_event(tmp_path: Path) -> None:
    log = open_log(tmp_path / "events.jsonl")
    waiting = [asyncio.create_task(log.wait_after("e1", 0, 30.0)) for _ in range(2)]
    await asyncio.sleep(0)
    log.append("viewer_connected")
    assert [seen(lines) for lines in await asyncio.gather(*waiting)] == [[("e1", 1)], [("e1", 1)]]
    assert await log.wait_after("e1", 1, 0.01) == []
    log.close()


def test_journal_is_private(tmp_path: Path) -> None:
    path = tmp_path / "media" / "events.jsonl"
    open_log(path).close()
    assert path.stat().st_mode & 0o077 == 0
    assert path.parent.stat().st_mode & 0o077 == 0


@given(st.lists(st.one_of(st.just("append"), st.integers(0, 12)), max_size=40))
def test_reader_sees_every_event_once_in_order(tmp_path_factory, steps: list[object]) -> None:
    log = open_log(tmp_path_factory.mktemp("spool") / "events.jsonl")
    appended, acknowledged = 0, 0
    for step in steps:
        if isinstance(step, int):
            log.acknowledge("e1", step)
            acknowledged = max(acknowledged, min(step, appended))
        else:
            log.append("viewer_delivered")
            appended += 1
        assert seen(log.after(None, 0)) == [("e1", n) for n in range(acknowledged + 1, appended + 1)]
    log.close()


JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=8)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(st.sampled_from(["ack", "node_epoch", "seq", "type"]), inner, max_size=4),
    ),
    max_leaves=8,
)


@given(st.lists(st.one_of(JSON.map(json.dumps), st.text(max_size=40)), max_size=20))
def test_any_file_is_read_and_left_usable(tmp_path_factory, lines: list[str]) -> None:
    path = tmp_path_factory.mktemp("spool") / "events.jsonl"
    path.write_text("\n".join(lines), encoding="utf-8", errors="replace")
    log = open_log(path, "fresh epoch")
    log.append("viewer_connected")
    assert json.loads(log.after("fresh epoch", 0)[-1])["type"] == "viewer_connected"
    log.close()
