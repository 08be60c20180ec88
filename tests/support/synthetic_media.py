"""A publisher made of arithmetic: one encoded loop of picture and sound, its clocks under test control.

In each loop of 6 s the picture flashes white and a tone bursts, both from second 3 on. Sound follows the
sound card's clock, so by N ppm the n-th burst moves away from the n-th flash: `Publisher.burst_s` and
`flash_s` say when each really happened.
"""

import heapq
import math
import struct
from array import array
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from operator import itemgetter

import av

from recordings.slate import split_annex_b

LOOP_S = 6
FLASH_S = 3.0
BURST_S = 0.1
_MTU = 1100


MediaEvent = tuple[int, str, str, int, bytes]


@cache
def encoded_video(
    fps: int, width: int = 64, height: int = 48, idr_s: float = 2.0
) -> tuple[tuple[bytes, ...], ...]:
    """One loop: for each frame its NAL units; SPS and PPS before each IDR; the frame at FLASH_S is white."""
    encoder = av.CodecContext.create("libx264", "w")
    encoder.width, encoder.height, encoder.pix_fmt = width, height, "yuv420p"
    encoder.time_base = Fraction(1, fps)
    encoder.framerate = Fraction(fps, 1)
    gop = int(fps * idr_s)
    encoder.options = {
        "profile": "baseline",
        "preset": "veryfast",
        "tune": "zerolatency",
        "x264-params": f"keyint={gop}:min-keyint={gop}:scenecut=0:annexb=1:repeat-headers=1:threads=1",
    }
    pictures: list[tuple[bytes, ...]] = []
    for index in range(LOOP_S * fps):
        frame = av.VideoFrame(width, height, "yuv420p")
        luma = 235 if index == int(FLASH_S * fps) else 16 + index % 32
        for plane, value in zip(frame.planes, (luma, 128, 128), strict=True):
            plane.update(bytes([value]) * plane.buffer_size)
        frame.pts = index
        pictures += [_nalus(bytes(packet)) for packet in encoder.encode(frame)]
    pictures += [_nalus(bytes(packet)) for packet in encoder.encode(None)]
    assert len(pictures) == LOOP_S * fps
    return tuple(pictures)


def _nalus(data: bytes) -> tuple[bytes, ...]:
    return tuple(nalu for nalu in split_annex_b(data) if nalu[0] & 0x1F in (1, 5, 7, 8))


@cache
def encoded_b_frames(fps: int, seconds: int) -> tuple[tuple[int, tuple[bytes, ...]], ...]:
    """Main profile, two B-frames, an IDR a second: (presentation index, NAL units) in decode order."""
    encoder = av.CodecContext.create("libx264", "w")
    encoder.width, encoder.height, encoder.pix_fmt = 64, 48, "yuv420p"
    encoder.time_base, encoder.framerate = Fraction(1, fps), Fraction(fps, 1)
    encoder.options = {
        "profile": "main",
        "x264-params": f"keyint={fps}:min-keyint={fps}:scenecut=0:bframes=2:b-adapt=0:open-gop=0:annexb=1"
        ":repeat-headers=1:threads=1",
    }
    found: list[tuple[int, tuple[bytes, ...]]] = []
    for index in [*range(seconds * fps), None]:
        frame = None
        if index is not None:
            frame = av.VideoFrame(64, 48, "yuv420p")
            for plane, value in zip(frame.planes, (16 + index * 7 % 128, 128, 128), strict=True):
                plane.update(bytes([value]) * plane.buffer_size)
            frame.pts = index
        found += [(packet.pts or 0, _nalus(bytes(packet))) for packet in encoder.encode(frame)]
    return tuple(found)


@cache
def encoded_audio(packet_ms: int) -> tuple[bytes, ...]:
    """One loop of Opus packets: silence, and a 1 kHz tone of BURST_S from FLASH_S on."""
    samples = 48 * packet_ms
    count = LOOP_S * 1000 // packet_ms
    encoder = av.CodecContext.create("libopus", "w")
    encoder.sample_rate, encoder.layout, encoder.format = 48000, "mono", "s16"
    encoder.bit_rate = 32000
    encoder.options = {"frame_duration": str(packet_ms), "application": "lowdelay"}
    packets: list[bytes] = []
    for index in range(count + 1):
        pcm = array("h", bytes(2 * samples))
        for offset in range(samples):
            at = index * samples + offset - round(FLASH_S * 48000)
            if 0 <= at < BURST_S * 48000:
                pcm[offset] = int(20000 * math.sin(2 * math.pi * 1000 * at / 48000))
        frame = av.AudioFrame(format="s16", layout="mono", samples=samples)
        frame.sample_rate, frame.pts = 48000, index * samples
        frame.planes[0].update(pcm.tobytes())
        packets += [bytes(packet) for packet in encoder.encode(frame)]
    assert len(packets) >= count
    return tuple(packets[:count])


def rtp_packet(
    payload: bytes, *, pt: int, seq: int, timestamp: int, ssrc: int, marker: bool = False
) -> bytes:
    header = struct.pack("!BBHII", 0x80, marker << 7 | pt, seq & 0xFFFF, timestamp & 0xFFFFFFFF, ssrc)
    return header + payload


def packetize(nalus: tuple[bytes, ...], mtu: int = _MTU) -> list[bytes]:
    """RFC 6184 payloads: parameter sets in one STAP-A, big NAL units as FU-A, others single."""
    payloads: list[bytes] = []
    sets = [nalu for nalu in nalus if nalu[0] & 0x1F in (7, 8)]
    if sets:
        payloads.append(b"\x78" + b"".join(struct.pack("!H", len(nalu)) + nalu for nalu in sets))
    for nalu in nalus:
        if nalu in sets:
            continue
        if len(nalu) <= mtu:
            payloads.append(nalu)
            continue
        pieces = [nalu[at : at + mtu] for at in range(1, len(nalu), mtu)]
        for index, piece in enumerate(pieces):
            edge = (0x80 if index == 0 else 0) | (0x40 if index == len(pieces) - 1 else 0)
            payloads.append(bytes([(nalu[0] & 0xE0) | 28, edge | (nalu[0] & 0x1F)]) + piece)
    return payloads


def sender_report(ssrc: int, ntp_ns: int, timestamp: int, cname: str) -> bytes:
    seconds, rest = divmod(ntp_ns, 1_000_000_000)
    fraction = (rest << 32) // 1_000_000_000
    report = struct.pack(
        "!BBHIIIIII", 0x80, 200, 6, ssrc, seconds + 2_208_988_800, fraction, timestamp & 0xFFFFFFFF, 1, 1
    )
    item = bytes([1, len(cname)]) + cname.encode() + b"\0"
    item += bytes(-len(item) % 4)
    return report + struct.pack("!BBHI", 0x81, 202, 1 + len(item) // 4, ssrc) + item


@dataclass(slots=True)
class Publisher:
    """One page publishing picture and sound. Times in s since `start_s`, on the engine's clock.

    Attributes:
        audio_ppm: error of the sound card. ntp_ppm: error of the publisher's wall clock.
        audio_from_s: sound begins this late. video_delay_s, audio_delay_s: capture to arrival.
    """

    start_s: float
    number: int = 1
    fps: int = 5
    packet_ms: int = 60
    audio_ppm: float = 0.0
    ntp_ppm: float = 0.0
    audio_from_s: float = 0.0
    video_delay_s: float = 0.050
    audio_delay_s: float = 0.025
    report_every_s: float = 5.0
    has_reports: bool = True
    width: int = 64
    height: int = 48
    is_key_frame_once: bool = False

    def video_publication(self) -> int:
        return 10 * self.number

    def audio_publication(self) -> int:
        return 10 * self.number + 1

    def flash_s(self, index: int) -> float:
        """Engine time, s, of the index-th flash."""
        return self.start_s + index * LOOP_S + FLASH_S

    def burst_s(self, index: int) -> float:
        """Engine time, s, of the index-th tone."""
        return self.start_s + (index * LOOP_S + FLASH_S) / (1 + self.audio_ppm * 1e-6)

    def events(self, until_s: float, video_slot: str = "V0", audio_slot: str = "A0") -> Iterator[MediaEvent]:
        """Yield (arrival ns, slot, "rtp" | "rtcp", publication, packet) in order of arrival."""
        yield from heapq.merge(
            self._video(until_s, video_slot),
            self._audio(until_s, audio_slot),
            self._reports(until_s, video_slot, audio_slot),
            key=itemgetter(0),
        )

    def _video(self, until_s: float, slot: str) -> Iterator[MediaEvent]:
        pictures = encoded_video(self.fps, self.width, self.height)
        payloads = [packetize(nalus) for nalus in pictures]
        sequence = 65_000
        for index in range(int(until_s * self.fps)):
            at_s = index / self.fps
            timestamp = 0xFFFF0000 + round(at_s * 90000)
            parts = payloads[index % len(payloads)]
            if self.is_key_frame_once and index and pictures[index % len(payloads)][0][0] & 0x1F == 7:
                parts = payloads[1]
            arrival = round((self.start_s + at_s + self.video_delay_s) * 1e9)
            for part, payload in enumerate(parts):
                sequence += 1
                yield (
                    arrival + part * 1000,
                    slot,
                    "rtp",
                    self.video_publication(),
                    rtp_packet(
                        payload,
                        pt=102,
                        seq=sequence,
                        timestamp=timestamp,
                        ssrc=1000 * self.number,
                        marker=part == len(parts) - 1,
                    ),
                )

    def _audio(self, until_s: float, slot: str) -> Iterator[MediaEvent]:
        packets = encoded_audio(self.packet_ms)
        samples = 48 * self.packet_ms
        index = 0
        while True:
            at_s = index * samples / 48000 / (1 + self.audio_ppm * 1e-6)
            if at_s >= until_s:
                return
            if at_s >= self.audio_from_s:
                yield (
                    round((self.start_s + at_s + self.audio_delay_s + self.packet_ms / 1000) * 1e9),
                    slot,
                    "rtp",
                    self.audio_publication(),
                    rtp_packet(
                        packets[index % len(packets)],
                        pt=111,
                        seq=64_000 + index,
                        timestamp=0xFFFE0000 + index * samples,
                        ssrc=1000 * self.number + 1,
                    ),
                )
            index += 1

    def _reports(self, until_s: float, video: str, audio: str) -> Iterator[MediaEvent]:
        at_s = 0.6
        while self.has_reports and at_s < until_s:
            ntp_ns = round((1_800_000_000 + (self.start_s + at_s) * (1 + self.ntp_ppm * 1e-6)) * 1e9)
            arrival = round((self.start_s + at_s + 0.020) * 1e9)
            for slot, ssrc, timestamp, publication in (
                (video, 1000 * self.number, 0xFFFF0000 + at_s * 90000, self.video_publication()),
                (
                    audio,
                    1000 * self.number + 1,
                    0xFFFE0000 + at_s * 48000 * (1 + self.audio_ppm * 1e-6),
                    self.audio_publication(),
                ),
            ):
                if slot == audio and at_s < self.audio_from_s:
                    continue
                report = sender_report(ssrc, ntp_ns, round(timestamp), f"cname-{self.number}")
                yield arrival, slot, "rtcp", publication, report
            at_s += self.report_every_s
