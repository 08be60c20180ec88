"""Media through the engine over real sockets, keys handed over directly; libsrtp decrypts what it sends, so
it is the witness."""

import struct
import time

import pytest

from tests.support.engine_peer import (
    A0,
    CAMERA,
    CM,
    GCM,
    MICROPHONE,
    V0,
    Harness,
    Peer,
    Rtp,
    camera_packet,
    nack,
    pli,
    rtcp_packet,
    running,
)


def lecturer(
    harness: Harness, profile: str = GCM, *, session: int = 1, publication: int = 10, ssrc: int = 1000
) -> Peer:
    """A connected camera publisher."""
    peer = Peer(harness, session)
    peer.publish(publication, CAMERA | {"ssrc": [ssrc], "rtx_ssrc": [ssrc + 1]})
    return peer.connect(profile)


def member(
    harness: Harness, profile: str = GCM, *, session: int = 2, output: dict | None = None, room: str = "room"
) -> Peer:
    """A connected viewer of the program."""
    peer = Peer(harness, session, room=room)
    peer.subscribe(output or V0, A0)
    return peer.connect(profile)


def joined(harness: Harness, profile: str = GCM, output: dict | None = None) -> tuple[Peer, Peer, Rtp]:
    """A publisher, a viewer, and the key frame the viewer began with."""
    publisher = lecturer(harness, profile)
    harness.engine.set_slot("room", "V0", 10)
    viewer = member(harness, profile, output=output)
    publisher.receive_rtcp(206, 1)
    publisher.send(camera_packet(0, is_key=True))
    return publisher, viewer, viewer.receive_rtp()


@pytest.mark.parametrize("profile", [GCM, CM])
def test_a_publication_reaches_a_viewer_as_the_answer_announced_it(profile: str) -> None:
    with running() as harness:
        publisher, viewer, first = joined(harness, profile)
        harness.wait("publication_media", 1, "10")
        assert (first.payload_type, first.ssrc, first.marker) == (120, 111, True)
        assert first.sequence < 0x8000
        assert first.extension == bytes.fromhex("bede0001") + b"\x300\x00\x00", "MID and nothing else"
        assert first.payload == camera_packet(0, is_key=True).payload
        for number in range(1, 30):
            extended = camera_packet(number)
            extended.extension = bytes.fromhex("bede0001") + b"\x22abc"
            publisher.send(extended, padding=7)
            got = viewer.receive_rtp()
            assert got.payload == extended.payload
            assert got.sequence == first.sequence + number
            assert (got.timestamp - first.timestamp) & 0xFFFFFFFF == 3000 * number


def test_a_viewer_waits_for_a_key_frame_which_is_asked_for_until_it_comes() -> None:
    with running() as harness:
        publisher = lecturer(harness)
        harness.engine.set_slot("room", "V0", 10)
        publisher.send(camera_packet(0))
        harness.wait("publication_media", 1)
        viewer = member(harness)
        for number in (1, 2):
            assert struct.unpack("!II", publisher.receive_rtcp(206, 1))[1] == 1000
            publisher.send(camera_packet(number))
        publisher.send(camera_packet(3, is_key=True))
        publisher.send(camera_packet(4))
        assert viewer.receive_rtp().payload == camera_packet(3, is_key=True).payload
        assert viewer.receive_rtp().payload == camera_packet(4).payload


def test_picture_losses_of_viewers_are_coalesced() -> None:
    with running() as harness:
        publisher, viewer, _ = joined(harness)
        started = time.monotonic()
        requests = 0
        while requests < 3:
            for _ in range(20):
                viewer.send_rtcp(pli(111))
            publisher.receive_rtcp(206, 1)
            requests += 1
            publisher.send(camera_packet(requests, is_key=True))
            viewer.receive_rtp()
        # The request at the join counts as the first; three more cannot come faster.
        assert time.monotonic() - started >= 0.6
        harness.wait_stats(lambda stats: stats["sessions"]["2"]["pli"] == 60)
        harness.wait_stats(lambda stats: stats["publications"]["10"]["keyframes"] == 4)


def test_a_lost_packet_is_resent_as_rtx() -> None:
    with running() as harness:
        publisher, viewer, first = joined(harness)
        for number in range(1, 6):
            publisher.send(camera_packet(number))
        received = [viewer.receive_rtp() for _ in range(5)]
        viewer.send_rtcp(nack(111, received[2].sequence))
        resent = viewer.receive_rtp()
        assert (resent.payload_type, resent.ssrc) == (121, 112)
        assert resent.payload == struct.pack("!H", received[2].sequence) + received[2].payload
        assert (resent.timestamp, resent.marker) == (received[2].timestamp, received[2].marker)
        viewer.send_rtcp(nack(111, first.sequence - 1, received[4].sequence + 1), nack(999, first.sequence))
        publisher.send(camera_packet(6))
        assert viewer.receive_rtp().payload == camera_packet(6).payload, "what was never sent is not answered"


def test_without_rtx_the_same_bytes_are_sent_again() -> None:
    with running() as harness:
        plain = V0 | {"rtx_ssrc": None, "pt": {"H264": [120]}}
        publisher, viewer, first = joined(harness, output=plain)
        publisher.send(camera_packet(1))
        original = viewer.receive()
        viewer.send_rtcp(nack(111, first.sequence + 1))
        assert viewer.receive() == original


def test_a_packet_lost_on_the_way_in_is_asked_for_and_takes_its_place() -> None:
    with running() as harness:
        publisher, viewer, first = joined(harness)
        publisher.send(camera_packet(1))
        publisher.send(camera_packet(3))
        assert [viewer.receive_rtp().sequence - first.sequence for _ in range(2)] == [1, 3]
        body = publisher.receive_rtcp(205, 1)
        assert struct.unpack("!IHH", body[4:]) == (1000, 60002, 0)
        missing = camera_packet(2)
        repair = Rtp(
            103,
            5,
            missing.timestamp,
            1001,
            struct.pack("!H", missing.sequence) + missing.payload,
            marker=True,
        )
        publisher.send(repair)
        got = viewer.receive_rtp()
        assert (got.sequence - first.sequence, got.payload, got.payload_type) == (2, missing.payload, 120)


def test_probing_padding_is_never_forwarded_and_leaves_no_gap() -> None:
    with running() as harness:
        publisher, viewer, first = joined(harness)
        for number in range(3):
            publisher.send(Rtp(103, 7 + number, 0, 1001, b""), padding=200)
        publisher.send(Rtp(102, camera_packet(1).sequence, 5000, 1000, b""), padding=255)
        publisher.send(camera_packet(2))
        got = viewer.receive_rtp()
        assert (got.sequence, got.payload) == (first.sequence + 1, camera_packet(2).payload)


def test_replayed_and_forged_packets_are_dropped_and_counted() -> None:
    with running() as harness:
        publisher, viewer, _ = joined(harness)
        datagram = publisher.send(camera_packet(1))
        viewer.receive_rtp()
        publisher.socket.sendto(datagram, publisher.remote)
        forged = bytearray(publisher.tx.protect(camera_packet(2).to_bytes()))
        forged[-1] ^= 1
        publisher.socket.sendto(bytes(forged), publisher.remote)
        publisher.send(Rtp(77, 1, 1, 4444, b"whose"))
        dropped = harness.wait_stats(lambda stats: stats["dropped"]["unknown_ssrc"] == 1)["dropped"]
        assert (dropped["replayed"], dropped["srtp_auth"]) == (1, 1)
        publisher.send(camera_packet(3))
        assert viewer.receive_rtp().payload == camera_packet(3).payload


def test_a_switch_continues_the_line_and_packets_from_before_stay_answerable() -> None:
    with running() as harness:
        first_publisher, viewer, first = joined(harness)
        second_publisher = lecturer(harness, session=3, publication=30, ssrc=3000)
        first_publisher.send(camera_packet(1))
        before = viewer.receive_rtp()
        harness.engine.set_slot("room", "V0", 30)
        second_publisher.receive_rtcp(206, 1)
        first_publisher.send(camera_packet(2))
        second_publisher.send(camera_packet(500, ssrc=3000))
        second_publisher.send(camera_packet(501, is_key=True, ssrc=3000))
        after = viewer.receive_rtp()
        assert after.payload == camera_packet(501, is_key=True).payload
        assert (after.ssrc, after.sequence) == (111, before.sequence + 1)
        assert 0 < (after.timestamp - before.timestamp) & 0xFFFFFFFF < 10 * 90000
        viewer.send_rtcp(nack(111, first.sequence, after.sequence))
        resent = [viewer.receive_rtp().payload[2:] for _ in range(2)]
        assert resent == [camera_packet(0, is_key=True).payload, camera_packet(501, is_key=True).payload]


def test_rooms_do_not_see_each_other() -> None:
    with running() as harness:
        publisher, viewer, _ = joined(harness)
        stranger = member(harness, session=5, room="other")
        harness.engine.set_slot("other", "V0", 10)
        publisher.send(camera_packet(1, is_key=True))
        viewer.receive_rtp()
        stranger.check()
        stats = harness.wait_stats(lambda stats: stats["sessions"]["2"]["packets_out"] == 2)
        assert stats["sessions"]["5"]["packets_out"] == 0


def test_sources_are_learned_from_mid_when_no_ssrc_was_announced() -> None:
    with running() as harness:
        publisher = Peer(harness, 1)
        publisher.publish(10, CAMERA | {"ssrc": [], "rtx_ssrc": []})
        publisher.connect()
        harness.engine.set_slot("room", "V0", 10)
        viewer = member(harness)
        named = camera_packet(0, is_key=True, ssrc=7777)
        named.extension = bytes.fromhex("bede0001") + b"\x400\x00\x00"
        publisher.send(named)
        assert viewer.receive_rtp().payload == named.payload
        publisher.send(camera_packet(1, ssrc=7777))
        assert viewer.receive_rtp().payload == camera_packet(1).payload


def test_a_publisher_that_starts_anew_goes_on_where_the_line_was() -> None:
    with running() as harness:
        publisher, viewer, first = joined(harness)
        renewed = camera_packet(7, is_key=True, ssrc=8888, first=100)
        renewed.extension = bytes.fromhex("bede0001") + b"\x400\x00\x00"
        publisher.send(renewed)
        got = viewer.receive_rtp()
        assert (got.sequence, got.payload) == (first.sequence + 1, renewed.payload)


def test_vp8_picture_ids_continue_across_a_switch() -> None:
    with running() as harness:
        spec = CAMERA | {"codec": "VP8", "pt": {"96": "media"}, "rtx_ssrc": []}
        payloads = {}
        publishers = {}
        for session, picture in ((1, 0x7FFE), (3, 42)):
            publishers[session] = Peer(harness, session)
            publishers[session].publish(session, spec | {"ssrc": [1000 + session]})
            publishers[session].connect()
            payloads[session] = bytes([0x90, 0xC0]) + struct.pack("!HB", 0x8000 | picture, 200) + b"\x10key"
        viewer = member(harness)
        seen = []
        for session in (1, 3):
            harness.engine.set_slot("room", "V0", session)
            publishers[session].receive_rtcp(206, 1)
            publishers[session].send(Rtp(96, 1, 1, 1000 + session, payloads[session], marker=True))
            seen.append(viewer.receive_rtp().payload)
        assert seen[0] == payloads[1]
        assert struct.unpack("!HB", seen[1][2:5]) == (0x8000 | 0x7FFF, 201)
        assert seen[1][5:] == payloads[3][5:]


def test_viewers_get_sender_reports_of_the_engine() -> None:
    with running() as harness:
        publisher, viewer, first = joined(harness)
        body = viewer.receive_rtcp(200)
        ssrc, ntp, _, timestamp, packets, octets = struct.unpack("!IIIIII", body[:24])
        assert (ssrc, packets, octets) == (111, 1, len(camera_packet(0, is_key=True).payload))
        assert abs(ntp - 2_208_988_800 - time.time()) < 5
        assert (timestamp - first.timestamp) & 0xFFFFFFFF < 5 * 90000
        publisher.send(camera_packet(1))
        viewer.receive_rtp()
        assert b"program" in viewer.receive_rtcp(202)


def test_publishers_get_receiver_reports_with_loss_and_remb() -> None:
    with running() as harness:
        publisher, _, _ = joined(harness)
        publisher.send_rtcp(
            rtcp_packet(0, 200, struct.pack("!IIIIII", 1000, 0xAAAABBBB, 0xCCCCDDDD, 5000, 1, 1))
        )
        publisher.send(camera_packet(1))
        publisher.send(camera_packet(5))
        while True:
            body = publisher.receive_rtcp(201)
            if len(body) > 4:
                _, ssrc, loss, highest, _, last_sr, delay = struct.unpack("!IIIIIII", body)
                if highest & 0xFFFF == camera_packet(5).sequence:
                    break
        assert (ssrc, loss & 0xFFFFFF, last_sr) == (1000, 3, 0xBBBBCCCC)
        assert delay < 10 * 65536
        remb = publisher.receive_rtcp(206, 15)
        mantissa = struct.unpack("!I", remb[12:16])[0]
        assert remb[8:12] == b"REMB"
        assert (mantissa & 0x3FFFF) << ((mantissa >> 18) & 0x3F) == pytest.approx(2_500_000, rel=0.001)
        assert struct.unpack("!I", remb[16:20])[0] == 1000


def test_a_receiver_report_is_evidence_of_delivery_only_for_what_was_sent() -> None:
    def report(highest: int) -> bytes:
        return rtcp_packet(1, 201, struct.pack("!IIIIIII", 9, 111, 64 << 24, highest, 0, 0, 0))

    with running(delivered_ms=0) as harness:
        _, viewer, first = joined(harness)
        viewer.send_rtcp(report(first.sequence + 10_000))
        viewer.send_rtcp(report(first.sequence))
        assert harness.wait("delivered", 2)[2] == str(first.sequence)
        viewer.send_rtcp(report(first.sequence))
        stats = harness.wait_stats(lambda stats: stats["sessions"]["2"]["loss"] == 0.25)
        assert stats["sessions"]["2"]["rtt_ms"] is None
        assert not [event for event in harness.events if event[0] == "delivered"]


def test_audio_passes_at_once_and_shares_the_clock_of_the_picture() -> None:
    with running() as harness:
        publisher = lecturer(harness)
        publisher.publish(20, MICROPHONE)
        harness.engine.set_slot("room", "V0", 10)
        harness.engine.set_slot("room", "A0", 20)
        viewer = member(harness)
        ntp = (int(time.time()) + 2_208_988_800, 0)
        for ssrc, timestamp in ((1000, 90_000), (2000, 48_000)):
            publisher.send_rtcp(rtcp_packet(0, 200, struct.pack("!IIIIII", ssrc, *ntp, timestamp, 1, 1)))
        # Both were captured half a second after the reported moment; the sound only arrives later.
        publisher.send(Rtp(102, 1, 90_000 + 45_000, 1000, camera_packet(0, is_key=True).payload, marker=True))
        picture = viewer.receive_rtp()
        reports = {111: struct.unpack("!IIIIII", viewer.receive_rtcp(200, about=111)[:24])}
        time.sleep(0.2)
        publisher.send(Rtp(111, 1, 48_000 + 24_000, 2000, b"opus"))
        sound = viewer.receive_rtp()
        assert (sound.payload_type, sound.ssrc, sound.payload) == (109, 113, b"opus")
        reports[113] = struct.unpack("!IIIIII", viewer.receive_rtcp(200, about=113)[:24])

        def captured_at(packet: Rtp, rate: int) -> float:
            _, seconds, fraction, timestamp, _, _ = reports[packet.ssrc]
            behind = (packet.timestamp - timestamp + 2**31) % 2**32 - 2**31
            return seconds + fraction / 2**32 + behind / rate

        assert captured_at(sound, 48_000) == pytest.approx(captured_at(picture, 90_000), abs=0.002)


def test_a_silent_publication_stalls_and_resumes() -> None:
    with running(stall_ms=200) as harness:
        publisher, _, _ = joined(harness)
        harness.wait("publication_stalled", 1, "10")
        publisher.send(camera_packet(1))
        harness.wait("publication_resumed", 1, "10")


def test_renegotiated_outputs_and_repeated_keys_never_go_back_in_sequence() -> None:
    with running() as harness:
        publisher, viewer, first = joined(harness)
        viewer.subscribe(A0)
        viewer.subscribe(V0, A0)
        again = viewer.receive_rtp()
        assert (again.sequence, again.payload) == (first.sequence + 1, first.payload), "shown from the cache"
        publisher.send(camera_packet(1, is_key=True))
        assert viewer.receive_rtp().sequence == first.sequence + 2
