"""Who is in which slot (joints.md §3), as a pure function. What the engine is then told stands in
`life_cycle`.

V0 program: the shared screen if there is one, else the camera. With a screen: V1 the screen, V2 the camera.
A0 is the sound of the person in program; A1 and A2 the engine gives to the loudest of the others, without
asking (docs/protocol/engine.md). Whatever is unconnected comes last, so that a
live camera wins over a screen whose owner lost the network, yet a lone publisher stays in its place until the
session ends.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from streaming.relay.specifications import MediaKind, Source

CAMERA_SLOTS = ("V2", "V3", "V4", "V5", "V6")
VIDEO_SLOTS = ("V0", "V1", *CAMERA_SLOTS)
AUDIO_SLOTS = ("A0", "A1", "A2")


@dataclass(frozen=True, slots=True)
class Candidate:
    """One publication that may be shown; `is_silent` when its publisher's consent was lost."""

    publication_id: int
    participant: str
    kind: MediaKind
    source: Source
    is_silent: bool


def assign_slots(candidates: Sequence[Candidate]) -> dict[str, int]:
    """Return slot → publication id; a slot without an entry is empty. Earlier candidates win among equals."""
    videos = sorted(
        (entry for entry in candidates if entry.kind == "video"),
        key=lambda entry: (entry.is_silent, entry.source != "screen"),
    )
    slots: dict[str, int] = {}
    if videos:
        program = videos[0]
        slots["V0"] = program.publication_id
        rest = videos if program.source == "screen" else videos[1:]
        slots |= _first("screen", ("V1",), rest) | _first("camera", CAMERA_SLOTS, rest)
    sounds = sorted(
        (entry for entry in candidates if entry.kind == "audio"),
        key=lambda entry: (
            entry.is_silent,
            bool(videos) and entry.participant != videos[0].participant,
            entry.source != "microphone",
        ),
    )
    return slots | ({"A0": sounds[0].publication_id} if sounds else {})


def _first(source: Source, slots: Sequence[str], videos: Iterable[Candidate]) -> dict[str, int]:
    wanted = (entry.publication_id for entry in videos if entry.source == source)
    return dict(zip(slots, wanted, strict=False))
