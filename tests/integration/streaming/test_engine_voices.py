"""Several microphones through the engine over real sockets: the loudest are heard, and who speaks is told."""

import json
import time

from tests.support.engine_peer import A0, MICROPHONE, Harness, Peer, Rtp, running

LEVEL_EXT = 1
QUIET, SPEECH = 90, 20
PACKET_S = 0.02


def microphone(harness: Harness, number: int) -> Peer:
    """A connected publisher of sound alone."""
    peer = Peer(harness, number)
    peer.publish(number, MICROPHONE | {"ssrc": [7000 + number], "ext": {"audio_level": LEVEL_EXT}})
    return peer.connect()


def sound(publisher: Peer, packet: int, level: int) -> Rtp:
    """20 ms of sound that says its level (RFC 6464) and whose it is."""
    extension = b"\xbe\xde\x00\x01" + bytes([LEVEL_EXT << 4, level, 0, 0])
    payload = bytes([publisher.session]) * 60
    ssrc = 7000 + publisher.session
    return Rtp(111, 500 + packet, 960 * packet, ssrc, payload, extension=extension)


def test_the_two_loudest_are_heard_beside_the_directed_one_and_told() -> None:
    with running() as harness:
        publishers = [microphone(harness, number) for number in range(1, 7)]
        harness.engine.set_slot("room", "A0", 1)
        viewer = Peer(harness, 100)
        viewer.subscribe(
            A0, A0 | {"slot": "A1", "mid": "2", "ssrc": 221}, A0 | {"slot": "A2", "mid": "3", "ssrc": 222}
        )
        viewer.connect()
        loud = {4, 6}
        packet, heard, told = 0, set(), {}
        deadline = time.monotonic() + 30
        while (heard != {1, *loud} or set(told.get("speaking", ())) != loud) and time.monotonic() < deadline:
            for publisher in publishers:
                publisher.send(sound(publisher, packet, SPEECH if publisher.session in loud else QUIET))
            packet += 1
            if packet % 25 == 0:
                heard = {viewer.receive_rtp().payload[0] for _ in range(60)}
            for kind, _, text, data in harness.engine.drain():
                if kind == "speakers":
                    assert text == "room"
                    told = json.loads(data)
            time.sleep(PACKET_S)
        assert heard == {1, *loud}
        assert told["heard"][0] == 1
        assert set(told["heard"][1:]) == loud
