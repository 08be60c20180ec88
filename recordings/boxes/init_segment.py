"""Initialisation segments: ftyp and moov for avc1, alone or with mp4a. Source.

ISO/IEC 14496-12 §8, 14496-15 §5.3.3, 14496-14 §6.7.
"""

from dataclasses import dataclass

from recordings.boxes.box import box, full_box, u16, u32
from recordings.clock.pieces import SAMPLES_PER_S, TICKS_PER_S
from recordings.rtp.sps import SequenceParameters, parse_sps

VIDEO_TRACK = 1
AUDIO_TRACK = 2
_MATRIX = b"".join(u32(value) for value in (0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x40000000))
_CHROMA_PROFILES = frozenset({100, 110, 122, 144, 244})


@dataclass(frozen=True, slots=True)
class VideoConfig:
    """Parameter sets of one picture format, NAL units with header byte."""

    sps: tuple[bytes, ...]
    pps: tuple[bytes, ...]

    @property
    def parameters(self) -> SequenceParameters:
        """Facts of the first SPS."""
        return parse_sps(self.sps[0])


@dataclass(frozen=True, slots=True)
class AudioConfig:
    """AudioSpecificConfig of the AAC track (ISO/IEC 14496-3 §1.6.2.1) and its shape."""

    specific: bytes
    channels: int
    bitrate_bps: int


def init_segment(video: VideoConfig, audio: AudioConfig | None) -> bytes:
    """Return ftyp + moov; video is track 1 at 90 kHz, audio track 2 at 48 kHz, no edit lists.

    One origin for both.
    """
    tracks = [_video_track(video)]
    extends = [_track_extends(VIDEO_TRACK)]
    if audio:
        tracks.append(_audio_track(audio))
        extends.append(_track_extends(AUDIO_TRACK))
    header = full_box(
        b"mvhd",
        0,
        0,
        u32(0),
        u32(0),
        u32(1000),
        u32(0),
        u32(0x10000),
        u16(0x100),
        bytes(10),
        _MATRIX,
        bytes(24),
        u32(3),
    )
    file_type = box(b"ftyp", b"iso6", u32(0), b"iso6", b"cmfc", b"mp41")
    return file_type + box(b"moov", header, *tracks, box(b"mvex", *extends))


def _track_extends(track: int) -> bytes:
    return full_box(b"trex", 0, 0, u32(track), u32(1), u32(0), u32(0), u32(0))


def _track(
    track: int, timescale: int, handler: bytes, *, size: tuple[int, int], media_header: bytes, entry: bytes
) -> bytes:
    volume = u16(0x100 if handler == b"soun" else 0)
    header = full_box(
        b"tkhd", 0, 3, u32(0), u32(0), u32(track), u32(0), u32(0), bytes(8), u16(0), u16(0), volume, u16(0),
        _MATRIX, u32(size[0] << 16), u32(size[1] << 16),
    )  # fmt: skip
    media = box(
        b"mdia",
        full_box(
            b"mdhd", 0, 0, u32(0), u32(0), u32(timescale), u32(0), u16(0x55C4), u16(0)
        ),  # 0x55C4: "und".
        full_box(b"hdlr", 0, 0, u32(0), handler, bytes(12), b"zhijian\0"),
        box(
            b"minf",
            media_header,
            box(b"dinf", full_box(b"dref", 0, 0, u32(1), full_box(b"url ", 0, 1))),
            box(
                b"stbl",
                full_box(b"stsd", 0, 0, u32(1), entry),
                full_box(b"stts", 0, 0, u32(0)),
                full_box(b"stsc", 0, 0, u32(0)),
                full_box(b"stsz", 0, 0, u32(0), u32(0)),
                full_box(b"stco", 0, 0, u32(0)),
            ),
        ),
    )
    return box(b"trak", header, media)


def _video_track(video: VideoConfig) -> bytes:
    parameters = video.parameters
    size = (parameters.width, parameters.height)
    entry = box(
        b"avc1", bytes(6), u16(1), bytes(16), u16(size[0]), u16(size[1]), u32(0x480000), u32(0x480000),
        u32(0), u16(1), bytes(32), u16(0x18), u16(0xFFFF), _avc_configuration(video, parameters),
        box(b"pasp", u32(1), u32(1)),
    )  # fmt: skip
    media_header = full_box(b"vmhd", 0, 1, bytes(8))
    return _track(VIDEO_TRACK, TICKS_PER_S, b"vide", size=size, media_header=media_header, entry=entry)


def _avc_configuration(video: VideoConfig, parameters: SequenceParameters) -> bytes:
    body = bytes(
        [1, parameters.profile, parameters.compatibility, parameters.level, 0xFF, 0xE0 | len(video.sps)]
    )
    body += b"".join(u16(len(nalu)) + nalu for nalu in video.sps)
    body += bytes([len(video.pps)]) + b"".join(u16(len(nalu)) + nalu for nalu in video.pps)
    if parameters.profile in _CHROMA_PROFILES:
        body += bytes(
            [
                0xFC | parameters.chroma_format,
                0xF8 | (parameters.bit_depth_luma - 8),
                0xF8 | (parameters.bit_depth_chroma - 8),
                0,
            ]
        )
    return box(b"avcC", body)


def _audio_track(audio: AudioConfig) -> bytes:
    entry = box(
        b"mp4a", bytes(6), u16(1), bytes(8), u16(audio.channels), u16(16), u32(0), u32(SAMPLES_PER_S << 16),
        _elementary_descriptor(audio),
    )  # fmt: skip
    media_header = full_box(b"smhd", 0, 0, bytes(4))
    return _track(AUDIO_TRACK, SAMPLES_PER_S, b"soun", size=(0, 0), media_header=media_header, entry=entry)


def _elementary_descriptor(audio: AudioConfig) -> bytes:
    """Source: ISO/IEC 14496-1 §7.2.6.5: ES, decoder configuration (MPEG-4 audio, audio stream), SL."""
    specific = bytes([0x05, len(audio.specific)]) + audio.specific
    decoder = bytes([0x40, 0x15]) + bytes(3) + u32(audio.bitrate_bps) + u32(audio.bitrate_bps) + specific
    decoder = bytes([0x04, len(decoder)]) + decoder
    body = u16(AUDIO_TRACK) + b"\0" + decoder + bytes([0x06, 1, 2])
    return full_box(b"esds", 0, 0, bytes([0x03, len(body)]) + body)
