"""The journal of events the API has not acknowledged yet: in memory, and in a JSON lines file that outlives a
SIGKILL.

Order is (epoch in order of first appearance, seq). A line of the file is an event or `{"ack": …}`; a torn
last line, left by a kill in mid-write, is dropped. The file is rewritten when most of it is acknowledged. No
fsync: the promise is about killed processes (design.md §1), and the page cache outlives those. A full disk
stops nobody: events wait in memory alone until the file can be written again.
"""

import asyncio
import errno
import json
import logging
import os
from collections import Counter, deque
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from streaming.rooms.clock import AnchoredClock

logger = logging.getLogger(__name__)

BATCH_MAX = 1000
COMPACT_AFTER_LINES = 2000

Position = tuple[int, int]
"""(index of the epoch, seq)."""


class EventLog:
    """Appends with rising `seq` per node start, reads from a position, forgets what was acknowledged.

    `counts` says how often each (type, cause or "") was appended, `given_up` how many nobody fetched.
    """

    def __init__(self, path: Path, node_epoch: str, clock: AnchoredClock, *, limit: int) -> None:
        self.given_up = 0
        self.counts: Counter[tuple[str, str]] = Counter()
        self._path = path
        self._clock = clock
        self._limit = limit
        self._epochs: list[str] = []
        self._entries: deque[tuple[Position, str]] = deque()
        self._grown = asyncio.Event()
        self._dead_lines = 0
        self._is_behind = False
        self._seq = 0
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._load()
        self._node_epoch = node_epoch
        self._epoch_index(node_epoch)
        self._file = self._rewrite()

    @property
    def waiting(self) -> int:
        """Return how many events are not acknowledged."""
        return len(self._entries)

    def append(
        self,
        kind: str,
        *,
        room: str | None = None,
        participant: str | None = None,
        session_id: str | None = None,
        data: Mapping[str, Any] | None = None,
    ) -> None:
        """Record that something happened now. `kind` is the `type` of docs/protocol/media_node.md."""
        self._seq += 1
        self.counts[kind, str((data or {}).get("cause", ""))] += 1
        event = {
            "node_epoch": self._node_epoch,
            "seq": self._seq,
            "type": kind,
            "room": room,
            "participant": participant,
            "session_id": session_id,
            "at_ms": self._clock.now_ms(),
            "data": dict(data or {}),
        }
        line = json.dumps(event, ensure_ascii=False, separators=(",", ":"))
        self._entries.append(((len(self._epochs) - 1, self._seq), line))
        self._write(line)
        if len(self._entries) > self._limit:
            self._entries.popleft()
            self._dead_lines += 1
            self.given_up += 1
            if self.given_up == 1:
                logger.error("nobody acknowledges events: the oldest are given up")
        self._grown.set()

    def after(self, epoch: str | None, seq: int) -> list[str]:
        """Return up to 1000 events as JSON texts, oldest first, from beyond the position.

        An epoch that is unknown here (None, or acknowledged and forgotten) means from the oldest on.
        """
        position = (self._epochs.index(epoch), seq) if epoch in self._epochs else (-1, 0)
        found: list[str] = []
        for entry, line in self._entries:
            if entry > position:
                found.append(line)
                if len(found) == BATCH_MAX:
                    break
        return found

    async def wait_after(self, epoch: str | None, seq: int, wait_s: float) -> list[str]:
        """As `after`, but wait up to `wait_s` seconds for the first event."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + wait_s
        while not (found := self.after(epoch, seq)) and (left := deadline - loop.time()) > 0:
            self._grown.clear()
            try:
                await asyncio.wait_for(self._grown.wait(), left)
            except TimeoutError:
                return self.after(epoch, seq)
        return found

    def acknowledge(self, epoch: str, seq: int) -> None:
        """Forget every event up to and including this one. Unknown epochs and repeats change nothing."""
        if epoch not in self._epochs:
            return
        before = len(self._entries)
        self._forget((self._epochs.index(epoch), seq))
        if len(self._entries) == before:
            return
        ack = json.dumps({"ack": {"node_epoch": epoch, "seq": seq}}, separators=(",", ":"))
        self._dead_lines += before - len(self._entries) + 1
        self._write(ack)

    def close(self) -> None:
        """Close the file; what is not acknowledged stays in it."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    def _write(self, line: str) -> None:
        """Write a line, or what is kept anew when most of the file is dead or an earlier line did not fit."""
        text = line.encode() + b"\n"
        try:
            if self._is_behind or self._dead_lines > max(COMPACT_AFTER_LINES, len(self._entries)):
                behind, self._file = self._file, self._rewrite()
                os.close(behind)
                self._is_behind = False
            elif os.write(self._file, text) < len(text):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        except OSError as error:
            if not self._is_behind:
                logger.error("events wait in memory, their spool cannot be written: %s", error)
            self._is_behind = True

    def _forget(self, position: Position) -> None:
        while self._entries and self._entries[0][0] <= position:
            self._entries.popleft()

    def _epoch_index(self, epoch: str) -> int:
        if epoch not in self._epochs:
            self._epochs.append(epoch)
        return self._epochs.index(epoch)

    def _load(self) -> None:
        if not self._path.exists():
            return
        for line in self._path.read_text(encoding="utf-8", errors="replace").splitlines():
            try:
                record = json.loads(line)
                if "ack" in record:
                    ack = record["ack"]
                    self._forget((self._epoch_index(ack["node_epoch"]), int(ack["seq"])))
                else:
                    position = (self._epoch_index(record["node_epoch"]), int(record["seq"]))
                    self._entries.append((position, line))
            except (ValueError, KeyError, TypeError, OverflowError):
                logger.warning("the event spool has a torn line, dropped")

    def _rewrite(self) -> int:
        """Write the unacknowledged events to a new file in place of the old; return it open for appending."""
        fresh = self._path.with_suffix(".new")
        descriptor = os.open(fresh, os.O_CREAT | os.O_TRUNC | os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC, 0o600)
        try:
            with os.fdopen(os.dup(descriptor), "w", encoding="utf-8") as file:
                file.writelines(f"{line}\n" for _, line in self._entries)
            fresh.replace(self._path)
        except OSError:
            os.close(descriptor)
            raise
        self._dead_lines = 0
        return descriptor
