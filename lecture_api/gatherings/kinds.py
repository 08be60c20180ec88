"""The kinds of gathering and what follows from each: recorded or not. Data, no logic."""

from dataclasses import dataclass
from enum import StrEnum


class GatheringKind(StrEnum):
    """domain.md §4.2 `session_type`."""

    MEMBER_ASSEMBLY = "member_assembly"
    COMMITTEE_MEETING = "committee_meeting"
    GROUP_MEETING = "group_meeting"
    PARTY_LECTURE = "party_lecture"
    MICRO_LESSON = "micro_lesson"
    LIVE_STREAM = "live_stream"
    THEME_PARTY_DAY = "theme_party_day"
    MEMBER_ACTIVITY = "member_activity"
    ORGANIZATIONAL_LIFE_MEETING = "organizational_life_meeting"
    DEMOCRATIC_LIFE_MEETING = "democratic_life_meeting"
    DEMOCRATIC_REVIEW = "democratic_review"
    CLOUD_DIALOGUE = "cloud_dialogue"
    CLOUD_OBSERVATION = "cloud_observation"
    COLLECTIVE_STUDY = "collective_study"
    TRAINING_CLASS = "training_class"


@dataclass(frozen=True, slots=True)
class KindRules:
    """What a kind brings with it.

    Attributes:
        recorded: False means recording can not be switched on by anyone (domain.md §5.8, R27).
    """

    recorded: bool


_NEVER = KindRules(recorded=False)
_RECORDED = KindRules(recorded=True)

#: Every kind has a row; a new kind without one fails at import.
KIND_RULES: dict[GatheringKind, KindRules] = {
    # Votes, criticism and self-criticism, drafts of decisions: never recorded.
    GatheringKind.MEMBER_ASSEMBLY: _NEVER,
    GatheringKind.COMMITTEE_MEETING: _NEVER,
    GatheringKind.GROUP_MEETING: _NEVER,
    GatheringKind.ORGANIZATIONAL_LIFE_MEETING: _NEVER,
    GatheringKind.DEMOCRATIC_LIFE_MEETING: _NEVER,
    GatheringKind.DEMOCRATIC_REVIEW: _NEVER,
    # Lectures and study: recorded, with notice.
    GatheringKind.PARTY_LECTURE: _RECORDED,
    GatheringKind.MICRO_LESSON: _RECORDED,
    GatheringKind.LIVE_STREAM: _RECORDED,
    GatheringKind.THEME_PARTY_DAY: _RECORDED,
    GatheringKind.MEMBER_ACTIVITY: _RECORDED,
    GatheringKind.CLOUD_DIALOGUE: _RECORDED,
    GatheringKind.CLOUD_OBSERVATION: _RECORDED,
    GatheringKind.COLLECTIVE_STUDY: _RECORDED,
    GatheringKind.TRAINING_CLASS: _RECORDED,
}
assert set(KIND_RULES) == set(GatheringKind)


def is_recorded(kind: str) -> bool:
    """Whether gatherings of this kind are recorded; an unknown kind is not (fail closed)."""
    try:
        return KIND_RULES[GatheringKind(kind)].recorded
    except ValueError:
        return False
