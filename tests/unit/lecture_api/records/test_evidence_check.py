"""Records computed from evidence files: domain.md §6 worked by file, tampering, words, schema."""

import copy
import json
from pathlib import Path

import jsonschema
import pytest

from lecture_api.records.errors import EmptyProgrammeError, UnknownExpectationError
from lecture_api.records.evidence_check import check
from lecture_api.records.evidence_file import SCHEMA_FILE, schema_text
from lecture_api.records.evidence_reader import parse
from lecture_api.records.why_text import WHY_TEXT
from tests.support.evidence_files import (
    MIN,
    NEXT_DAY,
    document,
    file_of,
    live,
    replayed,
    with_stored,
)

ROOT = Path(__file__).resolve().parents[4]
QUARTER = (NEXT_DAY, NEXT_DAY + 15 * MIN)
ON_LEAVE = {"expected_as": "member", "on_leave": True, "home_organisation_id": None}


@pytest.mark.parametrize(
    ("parts", "covered", "status", "makeup", "hundredths"),
    [
        pytest.param({"presence": live((-5, 65))}, 60, "present", "none", 100, id="a"),
        pytest.param({"presence": live((5, 30), (28, 60))}, 55, "present", "none", 100, id="b"),
        pytest.param({"presence": live((15, 60))}, 45, "late", "none", None, id="c-live"),
        pytest.param(
            {"presence": live((15, 60)), "replay": replayed((0, 15))}, 60, "late", "made_up", 100, id="c"
        ),
        pytest.param({"presence": live((0, 20))}, 20, "left_early", "none", None, id="d"),
        pytest.param(
            {"convened": ON_LEAVE, "replay": replayed((0, 57))}, 57, "on_leave", "made_up", 100, id="e"
        ),
        pytest.param({"replay": replayed((0, 2), (57, 59))}, 4, "absent", "none", None, id="f"),
        pytest.param({"replay": replayed((0, 42), (0, 42))}, 42, "absent", "none", None, id="g"),
        pytest.param(
            {"replay": replayed((0, 30), (30, 60), wall=[QUARTER, QUARTER])},
            60,
            "absent",
            "none",
            None,
            id="h",
        ),
        pytest.param({"presence": live((0, 30), (30 + 1 / 3, 60))}, 60, "present", "none", 100, id="i"),
    ],
)
def test_worked_sessions_of_the_domain_come_out_of_their_files(parts, covered, status, makeup, hundredths):
    result = check(file_of(document(**parts)))
    assert (result["covered_ms"], result["attendance_status"], result["makeup_status"]) == (
        covered * MIN,
        status,
        makeup,
    )
    assert (result["credit"] or {"hundredths": None})["hundredths"] == hundredths
    assert result["agrees"] is None


def test_a_bridged_silence_is_told_in_both_languages_with_its_minutes():
    result = check(file_of(document(presence=live((0, 30), (30 + 1 / 3, 60)))))
    [bridged] = [line for line in result["why"] if line["code"] == "bridged"]
    assert bridged["zh-CN"] == "断线 1 次，共 20 秒，已接续。"
    assert bridged["en"] == "1 gaps, 20 s in all, bridged."
    assert result["minutes"] == {
        "length": "60.00",
        "live": "59.66",
        "bridged": "0.33",
        "replay": "0.00",
        "covered": "60.00",
    }


def test_the_worked_vector_keeps_its_hashes():
    result = check(file_of(document(presence=live((15, 60)), replay=replayed((0, 15)))))
    assert result["hashes"] == {
        "input": "1c11f739f168dad01611680054d770e80f8b50e54e88a346f0a43db64c010eac",
        "policy": "ccf7dad0f7e9de73271c308f802360b7396c19f806d6fbe1da1d622a1906f24f",
        "credit_rule": "009af7569e27874a2a7faceffebada2a8ec0a41f8c2f8fd2ce5b80e3681bba2c",
        "evidence": "ff664c3a819e154af0de3c24f2274b13ca3118c29178ea23f1990071be3f0495",
        "record": "135e45c42ad729a2aa9323dbf1b14c5a47d1d417e1f99f2ec094391df7e84e5a",
    }


def test_a_cut_is_out_of_numerator_and_denominator():
    result = check(file_of(document(presence=live((0, 40)), excluded=[[40 * MIN, 60 * MIN]])))
    assert (result["length_ms"], result["attendance_status"]) == (40 * MIN, "present")


def test_what_was_granted_earlier_stays_and_says_so():
    kept = {
        "attendance_status": "present",
        "makeup_status": "none",
        "credit": {
            "hundredths": 100,
            "category": "collective",
            "source": "live",
            "year": 2026,
            "rule_version": "yunnan-2026-1",
        },
    }
    result = check(file_of(document(presence=live((0, 20)), earlier=kept)))
    assert (result["attendance_status"], result["credit"]["hundredths"]) == ("present", 100)
    assert result["why"][-1]["code"] == "kept_after_end"


def test_a_programme_that_never_ran_and_an_unknown_expectation_are_refused():
    with pytest.raises(EmptyProgrammeError):
        check(file_of(document(timeline=[])))
    stranger = {"expected_as": "stranger", "on_leave": False, "home_organisation_id": None}
    with pytest.raises(UnknownExpectationError):
        check(file_of(document(convened=stranger)))


def exported():
    """A sealed file with something in every part."""
    kept = {"attendance_status": "late", "makeup_status": "none", "credit": None}
    return with_stored(
        document(
            presence=live((15, 30), (30.25, 60)),
            replay=replayed((0, 15)),
            excluded=[[59 * MIN, 60 * MIN]],
            earlier=kept,
        )
    )


def numbers(value, path=()):
    """Paths of all integers in a document, the format's own version left out."""
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from numbers(inner, (*path, name))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from numbers(inner, (*path, index))
    elif isinstance(value, int) and not isinstance(value, bool) and path != ("version",):
        yield path


def changed(value, path):
    altered = copy.deepcopy(value)
    inner = altered
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] += 1
    return altered


def test_an_untouched_export_agrees_with_what_is_stored():
    result = check(file_of(exported()))
    assert (result["agrees"], result["differences"]) == (True, [])


def test_any_single_number_that_is_changed_breaks_the_seal_and_is_reported():
    whole = exported()
    paths = list(numbers(whole))
    assert len(paths) > 60
    for path in paths:
        result = check(file_of(changed(whole, path)))
        assert result["agrees"] is False, path
        assert result["differences"][0]["field"] == "evidence_hash", path
        assert result["hashes"]["evidence"] != whole["evidence_hash"], path


@pytest.mark.parametrize(
    "path",
    [
        ("presence", 0, "start_ms"),
        ("replay", 0, "accepted_ms"),
        ("timeline", 0, "at_ms"),
        ("recording", "pieces", 0, 1),
        ("policy", "threshold_percent"),
        ("published_ms",),
        ("excluded", 0, 0),
        ("gathering", "ended_ms"),
    ],
)
def test_tampering_under_a_fresh_seal_still_shows_in_the_hash_of_the_inputs(path):
    altered = changed(exported(), path)
    altered["evidence_hash"] = None
    result = check(file_of(altered))
    # The last piece's end lies behind what was played: it moves no input, so no record either.
    if path == ("recording", "pieces", 0, 1):
        assert result["agrees"] is True
    else:
        assert "input_hash" in [item["field"] for item in result["differences"]]


def test_a_record_that_was_made_better_by_hand_is_found_out():
    whole = with_stored(document(presence=live((0, 20))))
    whole["stored"] |= {"attendance_status": "present", "proposal": False}
    whole["evidence_hash"] = None
    fields = [item["field"] for item in check(file_of(whole))["differences"]]
    assert fields == ["attendance_status", "proposal"]


def test_the_committed_schema_is_that_of_the_models_and_takes_what_is_exported():
    assert SCHEMA_FILE.read_text(encoding="utf-8") == schema_text()
    schema = json.loads(SCHEMA_FILE.read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator.check_schema(schema)
    validator = jsonschema.Draft202012Validator(schema)
    validator.validate(exported())
    validator.validate(document())
    for broken in (document() | {"more": 1}, document(presence=[{}]), document(published_ms=-1)):
        assert not validator.is_valid(broken)


def test_the_example_in_the_documentation_is_a_valid_file_that_agrees():
    page = (ROOT / "docs/protocol/evidence.md").read_text(encoding="utf-8")
    example = page.split("```json\n", 1)[1].split("```", 1)[0]
    assert check(parse(example.encode()))["agrees"] is True


@pytest.mark.parametrize("locale", ["zh-CN", "en"])
def test_why_lines_say_the_words_of_the_web_client(locale):
    shown = json.loads((ROOT / f"web_client/src/i18n/locales/{locale}/why.json").read_text(encoding="utf-8"))
    assert WHY_TEXT[locale] == shown
