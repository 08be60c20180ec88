"""RTP parsing, order and depayloading. Invariant: parses or MalformedPacket, nothing else."""

import struct
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recordings.errors import MalformedPacket
from recordings.rtp.h264 import AccessUnit, H264Depayloader
from recordings.rtp.opus import duration_samples
from recordings.rtp.order import REORDER_NS, OrderedPacket, ReorderBuffer, Unwrapper
from recordings.rtp.packets import RtpPacket, parse_rtp, parse_sender_reports
from recordings.rtp.sps import parse_sps, shape_of
from tests.support.synthetic_media import encoded_audio, encoded_video, packetize, sender_report


@given(st.binary(max_size=120))
def test_any_bytes_are_an_rtp_packet_or_malformed(data: bytes) -> None:
    try:
        packet = parse_rtp(data)
    except MalformedPacket:
        return
    assert 0 <= packet.sequence_number < 65536
    assert len(packet.payload) <= len(data) - 12


@given(st.binary(max_size=120))
def test_any_bytes_are_sender_reports_or_malformed(data: bytes) -> None:
    with suppress(MalformedPacket):
        parse_sender_reports(data)


@given(st.binary(min_size=1, max_size=60))
def test_any_bytes_are_a_parameter_set_or_malformed(data: bytes) -> None:
    for parse in (parse_sps, shape_of):
        with suppress(MalformedPacket):
            parse(data)


def test_extension_csrc_and_padding_are_cut_off() -> None:
    header = struct.pack("!BBHII", 0b10110010, 0x80 | 96, 7, 8, 9) + bytes(8)
    data = header + b"\xbe\xde\x00\x01" + bytes(4) + b"media" + b"\x00\x00\x03"
    packet = parse_rtp(data)
    assert packet == RtpPacket(True, 96, 7, 8, 9, b"media")


def test_sender_report_gives_unix_time_and_cname() -> None:
    (report,) = parse_sender_reports(sender_report(5, 1_800_000_000_500_000_000, 77, "a-cname"))
    assert (report.ssrc, report.timestamp, report.cname) == (5, 77, "a-cname")
    assert abs(report.ntp_ns - 1_800_000_000_500_000_000) < 2


@given(st.integers(0, 2**40), st.lists(st.integers(-30_000, 30_000), max_size=50))
def test_unwrap_follows_any_small_steps(start: int, steps: list[int]) -> None:
    unwrapper = Unwrapper(16)
    first = unwrapper.unwrap(start % 65536)
    highest = start
    for step in steps:
        value = highest + step
        assert unwrapper.unwrap(value % 65536) - first == value - start
        highest = max(highest, value)


def _packet(sequence: int, payload: bytes = b"\x61x", timestamp: int = 0, marker: bool = True) -> RtpPacket:
    return RtpPacket(marker, 96, sequence % 65536, timestamp, 1, payload)


@given(st.permutations(range(65_530, 65_545)))
def test_any_order_within_a_second_comes_out_in_order(order: list[int]) -> None:
    buffer = ReorderBuffer(after=65_529)
    for feed_seq, sequence in enumerate(order):
        buffer.push(_packet(sequence), feed_seq, 0)
        buffer.push(_packet(sequence), feed_seq, 0)
    got = [ordered.packet.sequence_number for ordered in buffer.pop(0)]
    assert got == [sequence % 65536 for sequence in range(65_530, 65_545)]
    assert buffer.dropped == len(order)


def test_hole_is_given_up_after_a_second_and_counted() -> None:
    buffer = ReorderBuffer()
    buffer.push(_packet(1), 1, 0)
    buffer.push(_packet(4), 2, 0)
    assert [ordered.sequence % 65536 for ordered in buffer.pop(REORDER_NS - 1)] == [1]
    assert buffer.oldest_feed_seq() == 2
    (late,) = buffer.pop(REORDER_NS)
    assert late.lost_before == 2
    buffer.push(_packet(2), 3, REORDER_NS)
    assert list(buffer.pop(REORDER_NS)) == []
    assert (buffer.dropped, buffer.lost) == (1, 2)


def _units(payloads: list[bytes], lost: frozenset[int] = frozenset()) -> list[AccessUnit]:
    depayloader = H264Depayloader()
    units: list[AccessUnit] = []
    missing = 0
    for index, payload in enumerate(payloads):
        if index in lost:
            missing += 1
            continue
        packet = _packet(index, payload, 90, marker=index == len(payloads) - 1)
        units += depayloader.push(OrderedPacket(packet, index, 90, index, 0, missing))
        missing = 0
    return units


@pytest.mark.parametrize("mtu", [40, 1100])
def test_stap_a_fu_a_and_single_units_give_back_the_picture(mtu: int) -> None:
    nalus = encoded_video(5)[0]
    (unit,) = _units(packetize(nalus, mtu))
    assert tuple(unit.parameter_sets + unit.nalus) == nalus
    assert unit.is_start
    assert not unit.damaged


def test_picture_with_a_lost_fragment_is_damaged_and_no_start() -> None:
    sps, pps, idr, *_ = encoded_video(5, 128, 96)[0]
    payloads = packetize((sps, pps, idr + bytes([7]) * 300), 100)
    (whole,) = _units(payloads)
    assert whole.is_start
    (unit,) = _units(payloads, frozenset({2}))
    assert unit.damaged
    assert not unit.is_start


@given(st.lists(st.binary(max_size=40), max_size=8))
def test_any_payloads_give_units_and_never_raise(payloads: list[bytes]) -> None:
    for unit in _units(payloads):
        unit.avcc(keep_parameter_sets=True)


def test_sps_of_a_foreign_encoder_gives_its_size() -> None:
    sps = encoded_video(5, 128, 96)[0][0]
    parameters = parse_sps(sps)
    assert (parameters.width, parameters.height) == (128, 96)
    assert parameters.codec.startswith("avc1.42")
    high = bytes.fromhex(
        "67640028acd940780227e5c044000003000400000300f03c60c658"
    )  # 1920x1080, x264 High 4.0.
    assert (parse_sps(high).width, parse_sps(high).height, parse_sps(high).profile) == (1920, 1080, 100)


def test_parameter_sets_that_differ_in_their_ids_only_have_one_shape() -> None:
    # seq_parameter_set_id is the first ue(v) after three bytes: "1" = 0, "010" = 1.
    zero = bytes([0x67, 0x42, 0xC0, 0x0A, 0b1_1011010, 0x10, 0x80])
    one = bytes([0x67, 0x42, 0xC0, 0x0A, 0b010_10110, 0b10000100, 0b00100000])
    assert shape_of(zero) == shape_of(one)
    assert shape_of(zero) != shape_of(bytes([0x67, 0x42, 0xC0, 0x0A, 0b1_1011010, 0x18, 0x80]))


@pytest.mark.parametrize("packet_ms", [20, 60])
def test_opus_duration_is_that_of_the_encoder(packet_ms: int) -> None:
    assert {duration_samples(packet) for packet in encoded_audio(packet_ms)} == {48 * packet_ms}


@given(st.binary(max_size=10))
def test_any_bytes_have_an_opus_duration_or_are_malformed(data: bytes) -> None:
    with suppress(MalformedPacket):
        assert 120 <= duration_samples(data) <= 5760
