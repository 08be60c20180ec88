"""Evidence as people read it: cut where the clock stood still, sittings told as one."""

from lecture_api.presence.intervals import ClockPiece, Interval
from lecture_api.presence.service import EvidenceLine, Presence
from lecture_api.records.evidence_lines import live_lines, replay_lines
from lecture_api.records.policy import DEFAULT_POLICY
from lecture_api.records.policy_text import policy_text
from lecture_api.replays.claims import ReplayRange

PIECES = (ClockPiece(100, 200, 0), ClockPiece(300, 400, 100))


def told(lines):
    return [(line.from_ms, line.to_ms, line.programme_start_ms, line.detail) for line in lines]


def test_presence_is_cut_where_the_programme_stood_still():
    presence = Presence((EvidenceLine("channel", 50, 350, "left"), EvidenceLine("media", 390, 999, None)))
    assert told(live_lines(presence, PIECES)) == [
        (100, 200, 0, None),
        (300, 350, 100, "left"),
        (390, 400, 190, None),
    ]


def test_who_was_never_seen_has_no_lines():
    assert live_lines(None, PIECES) == []


def claim(start, end, accepted, wall=None):
    return ReplayRange((Interval(start, end),), (Interval(*wall),) if wall else (), accepted)


def test_claims_of_one_sitting_are_one_line_and_a_seek_or_a_pause_begins_another():
    lines = replay_lines(
        [
            claim(0, 10_000, 110_000, (100_000, 110_000)),
            claim(10_000, 20_000, 120_000, (110_000, 120_000)),
            claim(50_000, 60_000, 130_000, (120_000, 130_000)),
            claim(60_000, 70_000, 900_000, (890_000, 900_000)),
        ]
    )
    assert [(line.programme_start_ms, line.programme_end_ms, line.from_ms, line.to_ms) for line in lines] == [
        (0, 20_000, 100_000, 120_000),
        (50_000, 60_000, 120_000, 130_000),
        (60_000, 70_000, 890_000, 900_000),
    ]


def test_the_rule_is_told_in_both_languages_with_its_own_numbers():
    for locale in ("zh-CN", "en"):
        text = policy_text(DEFAULT_POLICY, locale)
        assert all(number in text for number in ("80%", "60%", "90%", "30", "10"))
