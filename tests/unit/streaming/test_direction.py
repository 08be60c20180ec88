"""Who is in which slot."""

from hypothesis import given
from hypothesis import strategies as st

from streaming.rooms.direction import AUDIO_SLOTS, VIDEO_SLOTS, Candidate, assign_slots


def camera(number: int, participant: str = "a", *, is_silent: bool = False) -> Candidate:
    return Candidate(number, participant, "video", "camera", is_silent)


def screen(number: int, participant: str = "a", *, is_silent: bool = False) -> Candidate:
    return Candidate(number, participant, "video", "screen", is_silent)


def microphone(number: int, participant: str = "a") -> Candidate:
    return Candidate(number, participant, "audio", "microphone", is_silent=False)


def test_camera_alone_is_the_program() -> None:
    assert assign_slots([microphone(1), camera(2)]) == {"V0": 2, "A0": 1}


def test_screen_takes_the_program_and_the_camera_moves_aside() -> None:
    assert assign_slots([microphone(1), camera(2), screen(3)]) == {"V0": 3, "V1": 3, "V2": 2, "A0": 1}


def test_sound_of_the_person_in_program_is_directed_and_the_other_sounds_are_not() -> None:
    slots = assign_slots([microphone(1, "a"), microphone(2, "b"), camera(3, "a"), screen(4, "b")])
    assert slots["A0"] == 2
    assert not slots.keys() & {"A1", "A2"}, "the engine gives these to the loudest"


def test_live_camera_wins_over_a_screen_whose_owner_is_silent() -> None:
    slots = assign_slots([camera(1), screen(2, is_silent=True)])
    assert (slots["V0"], slots["V1"]) == (1, 2)


def test_lone_silent_publisher_keeps_the_program() -> None:
    assert assign_slots([camera(1, is_silent=True)]) == {"V0": 1}


def test_empty_room_has_empty_slots() -> None:
    assert assign_slots([]) == {}


CANDIDATES = st.lists(
    st.builds(
        Candidate,
        st.integers(1, 99),
        st.sampled_from("abc"),
        st.sampled_from(["video", "audio"]),
        st.sampled_from(["camera", "screen", "microphone"]),
        st.booleans(),
    ),
    unique_by=lambda entry: entry.publication_id,
)


@given(CANDIDATES)
def test_every_slot_shows_something_that_is_published(candidates: list[Candidate]) -> None:
    by_id = {entry.publication_id: entry for entry in candidates}
    slots = assign_slots(candidates)
    assert slots.keys() <= {*VIDEO_SLOTS, *AUDIO_SLOTS}
    assert all(
        by_id[number].kind == ("video" if slot[0] == "V" else "audio") for slot, number in slots.items()
    )
    assert ("V0" in slots) == any(entry.kind == "video" for entry in candidates)
    assert ("A0" in slots) == any(entry.kind == "audio" for entry in candidates)
