"""Invariant: the feed parser gives frames or FeedError, nothing else; whole or byte by byte is the same."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recordings.errors import FeedError
from recordings.feed.control import parse_control
from recordings.feed.frames import FeedFrame, FrameParser, encode_frame, slot_name, slot_number

u64 = st.integers(0, 2**64 - 1)
frames = st.builds(
    FeedFrame,
    kind=st.sampled_from([0, 1, 2, 16, 17, 18]),
    slot=st.sampled_from([*range(7), 16, 17, 18, 255]),
    layer=st.just(0),
    room=u64,
    publication=u64,
    feed_seq=u64,
    monotonic_ns=u64,
    wall_ns=u64,
    payload=st.binary(max_size=200),
)


@given(st.lists(frames, max_size=4))
def test_frames_survive_the_wire_whole_and_byte_by_byte(sent: list[FeedFrame]) -> None:
    wire = b"".join(map(encode_frame, sent))
    assert FrameParser().feed(wire) == sent
    parser = FrameParser()
    assert [frame for byte in wire for frame in parser.feed(bytes([byte]))] == sent


@given(st.binary(max_size=300))
def test_any_bytes_give_frames_or_feed_error(data: bytes) -> None:
    parser = FrameParser()
    parser.feed(data)
    assert parser.error is None or parser.error.code == "feed_malformed"


@given(st.binary(max_size=100) | st.text(max_size=100).map(str.encode))
def test_any_control_payload_parses_or_is_feed_error(data: bytes) -> None:
    with suppress(FeedError):
        parse_control(data)


def test_header_is_44_bytes_big_endian_as_the_protocol_says() -> None:
    wire = encode_frame(FeedFrame(1, 16, 0, 2, 3, 4, 5, 6, b"x"))
    assert wire[:8] == bytes([0, 0, 0, 45, 1, 1, 16, 0])
    assert wire[8:] == b"".join(value.to_bytes(8, "big") for value in (2, 3, 4, 5, 6)) + b"x"


@pytest.mark.parametrize(
    "wire",
    [
        (45).to_bytes(4, "big") + b"\x02",
        (65_537).to_bytes(4, "big"),
        (43).to_bytes(4, "big"),
        (44).to_bytes(4, "big") + b"\x01\x07" + bytes(42),
    ],
    ids=["version", "too long", "too short", "kind"],
)
def test_broken_frame_is_refused_at_once(wire: bytes) -> None:
    parser = FrameParser()
    good = encode_frame(FeedFrame(0, 0))
    assert len(parser.feed(good + wire)) == 1, "what came before counts"
    assert parser.error
    assert parser.feed(good) == []


def test_longest_frame_passes_and_one_byte_more_does_not() -> None:
    assert len(FrameParser().feed(encode_frame(FeedFrame(0, 0, payload=bytes(65_536 - 44))))) == 1
    with pytest.raises(FeedError):
        encode_frame(FeedFrame(0, 0, payload=bytes(65_536 - 43)))


def test_slot_names_and_numbers_agree() -> None:
    for number in [*range(7), 16, 17, 18]:
        assert slot_number(slot_name(number)) == number
    for wrong in ("V7", "A3", "", "V", "V10", "X0", "V²"):
        with pytest.raises(FeedError):
            slot_number(wrong)
    with pytest.raises(FeedError):
        slot_name(255)
