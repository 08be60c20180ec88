"""Whatever a publisher sends: the pipeline goes on, and what it wrote stays playable."""

import tempfile
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from recordings.playlist import media_playlist
from tests.support.recording_checks import DirectFeed, decode, read_catalogue, read_playlist
from tests.support.synthetic_media import MediaEvent, Publisher, rtp_packet

BASE = list(Publisher(100.0, packet_ms=20).events(12))

harm = st.tuples(
    st.integers(0, len(BASE) - 1),
    st.sampled_from(["drop", "repeat", "late", "garbage", "jump", "stall", "switch", "rtcp"]),
    st.integers(-(2**31), 2**31),
    st.binary(max_size=60),
)


def harmed(harms: list[tuple[int, str, int, bytes]]) -> list[MediaEvent]:
    """The events of 12 s with some of them spoiled."""
    by_index = {index: rest for index, *rest in harms}
    events: list[MediaEvent] = []
    late: list[MediaEvent] = []
    shift_ns, jump, number = 0, {"V0": 0, "A0": 0}, 0
    for index, (at_ns, slot, kind, publication, original) in enumerate(BASE):
        packet = original
        if kind == "rtp" and jump[slot]:
            timestamp = (int.from_bytes(packet[4:8], "big") + jump[slot]) % 2**32
            packet = packet[:4] + timestamp.to_bytes(4, "big") + packet[8:]
        event = (at_ns + shift_ns, slot, kind, publication + number, packet)
        what, value, data = by_index.get(index, ("", 0, b""))
        if what == "late":
            late.append(event)
            continue
        if what != "drop":
            events.append(event)
        if what == "repeat":
            events.append(event)
        elif what == "garbage":
            events.append((event[0], slot, "rtp", event[3], data))
            spoiled = rtp_packet(data, pt=102, seq=value, timestamp=value, ssrc=value % 2**32)
            events.append((event[0], slot, "rtp", event[3], spoiled))
        elif what == "jump":
            jump[slot] = value
        elif what == "stall":
            shift_ns += abs(value) * 4
        elif what == "switch":
            number = (number + 2) % 6
        elif what == "rtcp":
            events.append((event[0], slot, "rtcp", event[3], b"\x80\xc8\x00\x06" + data[:24].ljust(24, b"x")))
        events += [(event[0], *old[1:]) for old in late[:1]]
        late = late[1:]
    return events


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.data_too_large])
@given(st.lists(harm, max_size=12))
def test_spoiled_media_never_stops_a_recording_and_it_stays_playable(harms: list) -> None:
    with tempfile.TemporaryDirectory() as folder:
        feed = DirectFeed(Path(folder) / "r")
        for event in harmed(harms):
            feed.put(event)
        catalogue = feed.finish()
        assert read_catalogue(feed.directory) == catalogue
        assert feed.pipeline.acked == feed.seq
        segments = read_playlist(media_playlist(catalogue, "V0"))
        assert all(0 < segment.duration_s < 8.5 for segment in segments)
        for segment in segments:
            frames = decode(feed.directory, segment.init, [segment.file]).frames
            assert all(abs(at - segment.start_s) < segment.duration_s + 0.1 for at in frames)
