"""Media fragments: styp, and one moof with its mdat for each part. Source: ISO/IEC 14496-12 §8.8."""

from collections.abc import Sequence
from dataclasses import dataclass

from recordings.boxes.box import box, full_box, u32, u64
from recordings.boxes.init_segment import AUDIO_TRACK, VIDEO_TRACK
from recordings.clock.pieces import FRAME_SAMPLES

SEGMENT_TYPE = box(b"styp", b"msdh", u32(0), b"msdh", b"cmfs")

_BASE_IS_MOOF = 0x020000
_SYNC = 0x02000000  # Depends on no other sample.
_NON_SYNC = 0x01010000  # Depends on others and is no sync sample.


@dataclass(frozen=True, slots=True)
class VideoSample:
    """A picture in decode order; times in ticks of 90 kHz, `composition` = presentation - decode."""

    decode_ticks: int
    duration: int
    composition: int
    is_idr: bool
    data: bytes


@dataclass(frozen=True, slots=True)
class AudioFrame:
    """One AAC frame of 1024 samples at a file position in 48 kHz samples."""

    position: int
    data: bytes


def fragment(number: int, video: Sequence[VideoSample], audio: Sequence[AudioFrame]) -> bytes:
    """Return moof + mdat with the given samples, each list contiguous in time; either may be empty, not both.

    Args: number: sequence number in mfhd, +1 for each fragment of the rendition.
    """
    media = b"".join(sample.data for sample in video)
    sounds = b"".join(frame.data for frame in audio)
    # Offsets count from the moof's first byte, whose size does not depend on their values.
    size = len(_moof(number, video, audio, 0, 0))
    moof = _moof(number, video, audio, size + 8, size + 8 + len(media))
    return moof + box(b"mdat", media, sounds)


def _moof(
    number: int,
    video: Sequence[VideoSample],
    audio: Sequence[AudioFrame],
    video_offset: int,
    audio_offset: int,
) -> bytes:
    tracks: list[bytes] = []
    if video:
        entries = b"".join(
            u32(sample.duration)
            + u32(len(sample.data))
            + u32(_SYNC if sample.is_idr else _NON_SYNC)
            + sample.composition.to_bytes(4, "big", signed=True)
            for sample in video
        )
        # 0xF01: data offset; duration, size, flags and composition offset of each sample; version 1: signed
        # offsets.
        run = full_box(b"trun", 1, 0xF01, u32(len(video)), u32(video_offset), entries)
        tracks.append(_track_fragment(VIDEO_TRACK, video[0].decode_ticks, run))
    if audio:
        entries = b"".join(u32(len(frame.data)) for frame in audio)
        run = full_box(b"trun", 0, 0x201, u32(len(audio)), u32(audio_offset), entries)
        tracks.append(_track_fragment(AUDIO_TRACK, audio[0].position, run))
    return box(b"moof", full_box(b"mfhd", 0, 0, u32(number)), *tracks)


def _track_fragment(track: int, decode_time: int, run: bytes) -> bytes:
    if track == AUDIO_TRACK:  # Default duration and flags.
        header = full_box(b"tfhd", 0, _BASE_IS_MOOF | 0x28, u32(track), u32(FRAME_SAMPLES), u32(_SYNC))
    else:
        header = full_box(b"tfhd", 0, _BASE_IS_MOOF, u32(track))
    return box(b"traf", header, full_box(b"tfdt", 1, 0, u64(decode_time)), run)
