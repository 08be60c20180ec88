"""The journal after a crash. Invariant: every whole line counts, a torn last one never does."""

from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recordings.archive import Archive, RecordingLock, finish_at_rest
from recordings.errors import JournalError, RecordingLocked
from recordings.journal import JOURNAL, encode_entries, read_entries
from recordings.storage import LocalStorage
from tests.support.recording_checks import DirectFeed, decode, read_catalogue
from tests.support.synthetic_media import Publisher

values = st.none() | st.integers(-(2**53), 2**53) | st.text(max_size=20)
entries = st.lists(
    st.fixed_dictionaries({"kind": st.text(max_size=8), "value": values | st.lists(values, max_size=3)}),
    max_size=6,
)


@given(entries, st.data())
def test_journal_cut_anywhere_gives_all_whole_lines(written: list[dict], data: st.DataObject) -> None:
    wire = encode_entries(written)
    cut = data.draw(st.integers(0, len(wire)))
    read, valid = read_entries(wire[:cut])
    assert read == written[: len(read)]
    assert valid <= cut
    assert wire[:valid].count(b"\n") == len(read)
    assert wire[valid:cut].count(b"\n") == 0


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_a_journal_error(data: bytes) -> None:
    with suppress(JournalError):
        read_entries(data)


def test_zeros_at_the_end_are_a_torn_line_and_garbage_within_is_not() -> None:
    good = encode_entries([{"kind": "run", "run": 1}])
    assert read_entries(good + bytes(30))[1] == len(good)
    assert read_entries(good + bytes(30) + b"\n")[1] == len(good)
    with pytest.raises(JournalError):
        read_entries(good + b"garbage\n" + good)


def test_crash_leaves_nothing_beyond_the_journal(tmp_path: Path) -> None:
    directory = tmp_path / "r"
    feed = DirectFeed(directory)
    for event in Publisher(100.0).events(10):
        feed.put(event)
    feed.archive.close()  # As SIGKILL: nothing is ended.
    segment = max(directory.glob("V0-*.m4s"))
    before = read_catalogue(directory)
    with segment.open("ab") as file:
        file.write(b"half a part")
    with (directory / JOURNAL).open("ab") as file:
        file.write(b'{"kind":"part","parts":[')
    (directory / "V0-000099.m4s").write_bytes(b"unknown")
    archive = Archive(LocalStorage(directory))
    assert archive.catalogue == before
    assert segment.stat().st_size == before.lengths()[segment.name]
    assert not (directory / "V0-000099.m4s").exists()
    assert decode(directory, "V0-init-0.mp4", [segment.name]).frames


def test_nothing_of_a_recording_is_readable_by_others(tmp_path: Path) -> None:
    feed = DirectFeed(tmp_path / "recordings" / "r")
    for event in Publisher(100.0).events(5):
        feed.put(event)
    feed.finish()
    assert (tmp_path / "recordings").stat().st_mode & 0o777 == 0o700
    assert feed.directory.stat().st_mode & 0o777 == 0o700
    modes = {path.name: path.stat().st_mode & 0o777 for path in feed.directory.iterdir()}
    assert set(modes.values()) == {0o600}, modes


def test_second_writer_is_refused(tmp_path: Path) -> None:
    lock = RecordingLock(tmp_path / "r")
    with pytest.raises(RecordingLocked):
        RecordingLock(tmp_path / "r")
    with pytest.raises(RecordingLocked):
        finish_at_rest(tmp_path / "r")
    lock.close()
    assert finish_at_rest(tmp_path / "r").is_finished


def test_journal_entry_of_another_form_is_a_journal_error(tmp_path: Path) -> None:
    directory = tmp_path / "r"
    directory.mkdir()
    (directory / JOURNAL).write_bytes(encode_entries([{"kind": "part", "parts": [{"r": "V0"}]}]))
    with pytest.raises(JournalError):
        Archive(LocalStorage(directory))
