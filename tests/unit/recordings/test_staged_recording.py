"""A staged recording is read like a recorded one: journal, playlist, media, poster, modes."""

import io
from array import array
from pathlib import Path

import av
import pytest

from recordings.archive import Archive
from recordings.library import Library
from recordings.playlist import master_playlist, media_playlist
from recordings.scenery import LOOP_FRAMES, Scene, encode_scene, encoded_bell
from recordings.staging import stage_recording
from recordings.storage import LocalStorage
from tests.support.recording_checks import decode, read_catalogue, read_playlist

WALL_START_MS = 1_790_000_000_000


@pytest.fixture(scope="module")
def scene() -> Scene:
    return encode_scene(0.5, 3)


def staged(folder: Path, scene: Scene, length_ms: int) -> tuple[Path, dict[str, object]]:
    directory = folder / "recordings" / "r1"
    return directory, stage_recording(
        directory, room="room-1", wall_start_ms=WALL_START_MS, length_ms=length_ms, scene=scene
    )


@pytest.mark.parametrize(("length_ms", "recorded_ms"), [(60_000, 60_011), (48_000, 48_000), (1_000, 1_003)])
def test_whole_length_is_decodable_and_both_tracks_end_together(
    tmp_path: Path, scene: Scene, length_ms: int, recorded_ms: int
) -> None:
    directory, status = staged(tmp_path, scene, length_ms)
    assert (status["state"], status["duration_ms"]) == ("finished", recorded_ms)
    assert status["pieces"] == [
        {
            "wall_start_ms": WALL_START_MS,
            "wall_end_ms": pytest.approx(WALL_START_MS + recorded_ms, abs=1),
            "file_start_ms": 0,
            "slate": False,
        }
    ]
    playlist = media_playlist(read_catalogue(directory), "V0")
    segments = read_playlist(playlist)
    assert "#EXT-X-ENDLIST" in playlist
    assert sum(segment.duration_s for segment in segments) == pytest.approx(recorded_ms / 1000, abs=0.01)
    assert all(segment.duration_s <= 4.6 for segment in segments)
    whole = decode(directory, segments[0].init, [segment.file for segment in segments])
    assert whole.frames == [index / 2 for index in range(length_ms // 500)]
    assert whole.audio_start_s == 0.0
    assert whole.audio_s == pytest.approx(recorded_ms / 1000, abs=0.002)


def test_each_segment_decodes_alone(tmp_path: Path, scene: Scene) -> None:
    directory, _ = staged(tmp_path, scene, 20_000)
    segments = read_playlist(media_playlist(read_catalogue(directory), "V0"))
    assert len(segments) == 5
    for segment in segments:
        frames = decode(directory, segment.init, [segment.file]).frames
        assert frames == [segment.start_s + index / 2 for index in range(8)]
    master = master_playlist(read_catalogue(directory))
    assert "avc1.42c0" in master
    assert "RESOLUTION=640x360" in master


def test_scene_goes_its_whole_way_from_the_first_group_to_the_last(tmp_path: Path, scene: Scene) -> None:
    directory, _ = staged(tmp_path, scene, 36_000)
    catalogue = read_catalogue(directory)
    sizes = [segment.length for segment in catalogue.renditions["V0"]]
    assert len(sizes) == 9
    for shown, segment in zip([0, 0, 0, 1, 1, 1, 2, 2, 2], catalogue.renditions["V0"], strict=True):
        assert scene.groups[shown][0] in (directory / segment.file).read_bytes()


def test_nobody_else_can_read_it_and_a_writer_finds_nothing_to_repair(tmp_path: Path, scene: Scene) -> None:
    directory, _ = staged(tmp_path, scene, 8_000)
    assert {path.stat().st_mode & 0o777 for path in (directory, directory.parent)} == {0o700}
    assert {path.stat().st_mode & 0o777 for path in directory.iterdir()} == {0o600}
    assert (directory / "poster.jpg").read_bytes().startswith(b"\xff\xd8")
    before = {path.name: path.read_bytes() for path in directory.iterdir()}
    archive = Archive(LocalStorage(directory))
    archive.close()
    assert archive.catalogue == Library(directory.parent).catalogue("r1")
    assert {path.name: path.read_bytes() for path in directory.iterdir()} == before


def test_bell_repeats_without_a_click_and_is_quiet(tmp_path: Path, scene: Scene) -> None:
    assert len(encoded_bell().frames) == LOOP_FRAMES
    directory, _ = staged(tmp_path, scene, 24_000)
    segments = read_playlist(media_playlist(read_catalogue(directory), "V0"))
    data = b"".join(
        (directory / name).read_bytes() for name in [segments[0].init, *(s.file for s in segments)]
    )
    samples = array("f")
    with av.open(io.BytesIO(data), "r", format="mp4") as container:
        for frame in container.decode(audio=0):
            samples.frombytes(bytes(frame.planes[0])[: 4 * frame.samples])
    assert 0.01 < max(samples) < 0.1
    loop = LOOP_FRAMES * 1024
    assert max(abs(value) for value in samples[loop - 48_000 : loop - 480]) < 0.001, "silence before it rings"
    again = zip(samples[loop : 2 * loop], samples[2 * loop : 3 * loop], strict=False)
    assert max(abs(first - second) for first, second in again) < 1e-3
