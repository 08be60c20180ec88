"""The box writer read back, by our own reader and by FFmpeg's."""

import io

import av
import pytest

from recordings.audio.codecs import AacEncoder
from recordings.boxes.box import iter_boxes
from recordings.boxes.fragment import SEGMENT_TYPE, AudioFrame, VideoSample, fragment
from recordings.boxes.init_segment import VideoConfig, init_segment
from recordings.errors import RecordingsError
from recordings.slate import slate_picture
from tests.support.synthetic_media import encoded_video


def find(data: bytes, *path: bytes) -> list[bytes]:
    bodies = [data]
    for kind in path:
        bodies = [body for data in bodies for found, body in iter_boxes(data) if found == kind]
    return bodies


def camera() -> tuple[VideoConfig, list[bytes]]:
    pictures = encoded_video(5, 128, 96)
    config = VideoConfig((pictures[0][0],), (pictures[0][1],))
    return config, [
        b"".join(len(nalu).to_bytes(4, "big") + nalu for nalu in nalus if nalu[0] & 0x1F in (1, 5))
        for nalus in pictures
    ]


def test_init_has_both_tracks_one_origin_and_no_edit_list() -> None:
    config, _ = camera()
    data = init_segment(config, AacEncoder(0, 0).config)
    assert [kind for kind, _ in iter_boxes(data)] == [b"ftyp", b"moov"]
    assert [kind for kind, _ in iter_boxes(find(data, b"moov")[0])] == [b"mvhd", b"trak", b"trak", b"mvex"]
    assert not find(data, b"moov", b"trak", b"edts")
    scales = [int.from_bytes(body[12:16], "big") for body in find(data, b"moov", b"trak", b"mdia", b"mdhd")]
    assert scales == [90_000, 48_000]
    with av.open(io.BytesIO(data), format="mp4") as container:
        video, audio = container.streams.video[0], container.streams.audio[0]
        assert (video.width, video.height, video.codec_context.name) == (128, 96, "h264")
        assert (audio.sample_rate, audio.channels, audio.codec_context.name) == (48_000, 1, "aac")


def test_fragment_places_samples_at_file_time() -> None:
    config, pictures = camera()
    samples = [
        VideoSample(900_000 + 18_000 * index, 18_000, offset, index == 0, pictures[index])
        for index, offset in enumerate((0, 36_000, 9_000))
    ]
    sounds = [AudioFrame(480_256 + 1024 * index, b"\x01\x02") for index in range(3)]
    data = fragment(7, samples, sounds)
    moof, mdat = (body for _, body in iter_boxes(data))
    assert mdat == b"".join(pictures[:3]) + b"\x01\x02" * 3
    assert find(moof, b"mfhd")[0][4:] == (7).to_bytes(4, "big")
    times = [int.from_bytes(body[4:], "big") for body in find(moof, b"traf", b"tfdt")]
    assert times == [900_000, 480_256]
    video_run, audio_run = find(moof, b"traf", b"trun")
    assert int.from_bytes(video_run[8:12], "big") == len(moof) + 16, (
        "offset from moof to its first media byte"
    )
    assert int.from_bytes(audio_run[8:12], "big") == len(moof) + 16 + sum(map(len, pictures[:3]))
    whole = init_segment(config, AacEncoder(0, 0).config) + SEGMENT_TYPE + data
    with av.open(io.BytesIO(whole), format="mp4") as container:
        packets = [packet for packet in container.demux(video=0) if packet.size]
        assert [(packet.dts, packet.pts, packet.is_keyframe) for packet in packets] == [
            (900_000, 900_000, True),
            (918_000, 954_000, False),
            (936_000, 945_000, False),
        ]


def test_slate_is_one_decodable_key_frame() -> None:
    config, sample = slate_picture()
    data = init_segment(config, None) + fragment(1, [VideoSample(0, 90_000, 0, True, sample)], [])
    with av.open(io.BytesIO(data), format="mp4") as container:
        (frame,) = container.decode(video=0)
    assert (frame.width, frame.height) == (640, 360)
    assert config.parameters.codec.startswith("avc1.42")


def test_boxes_that_do_not_add_up_are_refused() -> None:
    with pytest.raises(RecordingsError):
        list(iter_boxes(b"\x00\x00\x00\xffmoov"))


def test_priming_is_discarded_and_positions_are_file_positions() -> None:
    encoder = AacEncoder(10_240, 10_240)
    frames = [frame for _ in range(5) for frame in encoder.encode(bytes(2048))] + encoder.finish()
    assert [frame.position for frame in frames] == [10_240 + 1024 * index for index in range(5)]
    resumed = AacEncoder(8_192, 10_240)
    frames = [frame for _ in range(4) for frame in resumed.encode(bytes(2048))] + resumed.finish()
    assert [frame.position for frame in frames] == [10_240, 11_264]
