"""The weather of the network tests is what they say it is."""

import os

import pytest

from tests.support.link_process import Conditions, Direction, Link, rewritten

PACKETS = 4000


def udp_packet(number: int, length: int = 100) -> bytes:
    header = bytearray(20)
    header[0], header[9] = 0x45, 17
    header[12:16], header[16:20] = bytes((10, 78, 2, 2)), bytes((10, 78, 1, 2))
    return bytes(header) + number.to_bytes(4, "big") + bytes(length - 24)


def way(seed: int) -> Direction:
    read, write = os.pipe()
    os.close(read)
    return Link(write, write, "10.78.2.2", seed).to_far


def passed(conditions: Conditions, seed: int = 1) -> list[tuple[float, int]]:
    direction = way(seed)
    for number in range(PACKETS):
        direction.take(udp_packet(number), conditions, number / 1000)
    os.close(direction.out)
    return [
        (due - (number := int.from_bytes(packet[20:24], "big")) / 1000, number)
        for due, _, packet in sorted(direction.waiting)
    ]


def test_losses_are_the_share_that_was_asked_for_and_the_same_for_the_same_seed() -> None:
    kept = passed(Conditions(loss=0.05))
    assert len(kept) == pytest.approx(PACKETS * 0.95, abs=PACKETS * 0.01)
    assert passed(Conditions(loss=0.05)) == kept
    assert passed(Conditions(loss=0.05), seed=2) != kept


def test_delay_and_jitter_keep_the_order_and_reordering_does_not() -> None:
    kept = passed(Conditions(delay_ms=50, jitter_ms=20))
    assert min(delay for delay, _ in kept) >= 0.0499
    assert [number for _, number in kept] == list(range(PACKETS))
    mixed = passed(Conditions(delay_ms=50, reorder=0.02))
    early = [number for delay, number in mixed if delay < 0.001]
    assert len(early) == pytest.approx(PACKETS * 0.02, abs=PACKETS * 0.01)


@pytest.mark.parametrize(
    "conditions", [Conditions(is_dark=True), Conditions(is_udp_blocked=True), Conditions(mtu=99)]
)
def test_what_is_blocked_does_not_pass(conditions: Conditions) -> None:
    assert passed(conditions) == []


def test_rewritten_packets_have_the_new_address_and_a_right_checksum() -> None:
    packet = udp_packet(1)
    changed = rewritten(packet, 12, packet[12:16], bytes((10, 78, 2, 99)))
    assert changed[12:16] == bytes((10, 78, 2, 99))
    total = sum(int.from_bytes(changed[index : index + 2], "big") for index in range(0, 20, 2))
    assert (total & 0xFFFF) + (total >> 16) == 0xFFFF
    assert rewritten(packet, 12, bytes(4), bytes((1, 2, 3, 4))) == packet
