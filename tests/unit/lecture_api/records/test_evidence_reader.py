"""Reading evidence: layouts, line numbers, and that no bytes whatever raise anything but a coded error."""

import contextlib
import io
import json
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from lecture_api.composition.cli import app
from lecture_api.records import evidence_reader
from lecture_api.records.errors import EvidenceFileError
from lecture_api.records.evidence_check import check
from lecture_api.records.evidence_reader import BadEvidence, GoodEvidence, read_evidence
from tests.support.evidence_files import document, live, replayed, with_stored


def told(data):
    return [
        (item.line, "good" if isinstance(item, GoodEvidence) else item.error.code)
        for item in read_evidence(io.BytesIO(data))
    ]


ONE = json.dumps(document()).encode()


@pytest.mark.parametrize(
    "data",
    [
        ONE,
        b"\xef\xbb\xbf" + ONE + b"\r\n",
        json.dumps(document(), indent=2, ensure_ascii=False).encode(),
        b"\n\n" + json.dumps(document(), indent=4).encode(),
    ],
    ids=["compact", "bom", "indented", "blank-lines-before"],
)
def test_one_document_may_be_laid_out_in_any_way(data):
    [(_line, what)] = told(data)
    assert what == "good"


def test_a_bad_line_is_named_and_the_others_are_read():
    data = b"\n".join([ONE, b"{nonsense", b"", ONE.replace(b'"version": 1', b'"version": 2', 1), ONE])
    assert told(data) == [
        (1, "good"),
        (2, "evidence_not_json"),
        (4, "evidence_unknown_format"),
        (5, "good"),
    ]


def test_lines_are_read_one_at_a_time():
    class Endless(io.RawIOBase):
        asked = 0

        def readline(self, size=-1):
            self.asked += 1
            return ONE + b"\n"

    source = Endless()
    reading = read_evidence(source)
    for _ in range(3):
        assert isinstance(next(reading), GoodEvidence)
    assert source.asked == 3


@pytest.mark.parametrize(
    ("data", "line", "code"),
    [
        (b"", 1, "evidence_missing"),
        (b" \n \n", 1, "evidence_missing"),
        (b"\xff\xfe", 1, "evidence_not_json"),
        (b"[]", 1, "evidence_unknown_format"),
        (b"17", 1, "evidence_unknown_format"),
        (b'{\n  "format": "zhijian-evidence",\n  oops\n}', 3, "evidence_not_json"),
        (b'{"format": "zhijian-evidence", "version": 1}', 1, "evidence_invalid"),
        (b'{"a": 1, "a": 2}', 1, "evidence_not_json"),
        (b'{"a": NaN}', 1, "evidence_not_json"),
        (b"[" * 200_000, 1, "evidence_not_json"),
        (b'{"a": ' + b"9" * 5_000 + b"}", 1, "evidence_not_json"),
        (ONE.replace(b'"announced_hundredths": 100', b'"announced_hundredths": 1e2'), 1, "evidence_invalid"),
        (ONE.replace(b'"published_ms": 1', b'"published_ms": 99999991'), 1, "evidence_invalid"),
    ],
)
def test_what_is_no_evidence_has_a_line_and_a_code(data, line, code):
    assert told(data) == [(line, code)]


def test_a_record_longer_than_is_read_is_refused(monkeypatch):
    monkeypatch.setattr(evidence_reader, "LONGEST_BYTES", 1_000)
    assert told(ONE + b"\n") == [(1, "evidence_too_long")]
    assert told(json.dumps(document(), indent=1).encode()) == [(1, "evidence_too_long")]


def test_a_strange_name_cannot_steer_the_terminal():
    [bad] = read_evidence(io.BytesIO(json.dumps(document() | {"\x1b[2J": 1}).encode()))
    assert "\x1b" not in bad.error.detail


def survives(data):
    for item in read_evidence(io.BytesIO(data)):
        if isinstance(item, BadEvidence):
            assert item.error.code.startswith("evidence_")
            assert item.line >= 1
            continue
        with contextlib.suppress(EvidenceFileError):
            json.dumps(check(item.file), ensure_ascii=False).encode()


WHOLE = json.dumps(with_stored(document(presence=live((15, 60)), replay=replayed((0, 15))))).encode()
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=8,
)


@given(st.binary(max_size=200))
def test_any_bytes_are_answered_with_a_code(data):
    survives(data)


@settings(max_examples=200)
@given(st.integers(0, len(WHOLE)), st.integers(0, 40), st.binary(max_size=12))
def test_a_file_with_some_bytes_replaced_never_raises(at, length, instead):
    survives(WHOLE[:at] + instead + WHOLE[at + length :])


@settings(max_examples=200)
@given(st.sampled_from(sorted(document())), values)
def test_any_value_in_any_part_never_raises(name, value):
    survives(json.dumps(json.loads(WHOLE) | {name: value}).encode())


@settings(max_examples=200)
@given(st.sampled_from([m.span() for m in re.finditer(rb"\d+", WHOLE)]), st.integers(-(10**20), 10**20))
def test_any_number_in_any_place_never_raises(span, number):
    survives(WHOLE[: span[0]] + str(number).encode() + WHOLE[span[1] :])


def compute(*arguments, given_in=None):
    result = CliRunner().invoke(app, ["record", "compute", *arguments], input=given_in)
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result


def test_the_command_computes_thousands_of_lines_from_standard_input():
    result = compute("-", given_in=(WHOLE + b"\n") * 2_000)
    assert result.exit_code == 0
    lines = result.stdout.splitlines()
    assert len(lines) == 2_000
    first = json.loads(lines[0])
    assert (first["format"], first["attendance_status"], first["agrees"]) == ("zhijian-record", "late", True)


def test_the_command_says_by_exit_status_what_it_found(tmp_path):
    good, touched, bad = tmp_path / "good.json", tmp_path / "touched.json", tmp_path / "bad.jsonl"
    good.write_bytes(json.dumps(json.loads(WHOLE), indent=2).encode())
    touched.write_bytes(WHOLE.replace(b'"threshold_percent": 80', b'"threshold_percent": 70', 1))
    bad.write_bytes(WHOLE + b'\n{"format": 1}\n' + WHOLE)
    assert compute(str(good)).exit_code == 0
    altered = compute(str(touched))
    assert altered.exit_code == 1
    assert json.loads(altered.stdout)["differences"][0]["field"] == "evidence_hash"
    broken = compute(str(bad))
    assert (broken.exit_code, len(broken.stdout.splitlines())) == (2, 2)
    assert f"{bad}:2: evidence_unknown_format: " in broken.stderr
    assert "Traceback" not in broken.output


def test_the_command_names_a_file_that_cannot_be_read(tmp_path):
    for path in (tmp_path, tmp_path / "missing.json"):
        result = compute(str(path))
        assert result.exit_code == 2
        assert f"{path}:1: evidence_unreadable: " in result.stderr


def test_the_command_prints_the_schema():
    result = CliRunner().invoke(app, ["record", "schema"])
    assert json.loads(result.stdout)["title"] == "EvidenceFile"
