"""The past of a fresh demo can be watched: its replays are served, decode, count, and stay as they are."""

import asyncio
import sqlite3
from pathlib import Path

import httpx

from tests.support.installation_people import MEMBER, signed_in
from tests.support.recording_checks import decode, read_playlist
from tests.support.server import RunningServer

PROBATIONARY_MEMBER = "DEMO0019"


async def test_replays_of_the_demo_are_served_and_a_second_start_changes_nothing(tmp_path: Path) -> None:
    server = RunningServer(tmp_path / "data")
    await asyncio.to_thread(server.start)
    try:
        async with signed_in(server, MEMBER) as http:
            shelves = (await http.get("/api/gatherings")).json()["replays"]
            assert sorted(len(shelf["items"]) for shelf in shelves) == [2, 4]
            for card in (card for shelf in shelves for card in shelf["items"]):
                await plays(http, card, tmp_path)
            await counts(http, shelves)
        for number in (MEMBER, PROBATIONARY_MEMBER):
            async with signed_in(server, number) as http:
                await some_are_finished_and_some_not(http, shelves)
        before = left_by(server)
        assert await asyncio.to_thread(server.interrupt) == 0
        await asyncio.to_thread(server.start)
        assert left_by(server) == before
        assert server.log().count("demo replay  ") == 6
        async with signed_in(server, MEMBER) as http:
            assert (await http.get("/api/gatherings")).json()["replays"] == shelves
    finally:
        await asyncio.to_thread(server.interrupt)
    assert "Traceback" not in server.log()


async def plays(http: httpx.AsyncClient, card: dict[str, object], folder: Path) -> None:
    """Grant, poster, playlist; the map covers the programme; first and last segment decode."""
    granted = (await http.post(f"/api/gatherings/{card['id']}/replay-grant")).json()
    length_ms = card["duration_ms"]
    assert isinstance(length_ms, int)
    assert granted["duration_ms"] == length_ms
    (piece,) = granted["map"]
    assert (piece["programme_start_ms"], piece["file_start_ms"]) == (0, 0)
    assert piece["programme_end_ms"] == length_ms // 1000 * 1000, "the programme ends on a second"
    poster = await http.get(granted["poster_url"])
    assert poster.headers["content-type"] == "image/jpeg"
    base = granted["playlist_url"].rpartition("/")[0]
    assert (await http.get(granted["playlist_url"])).text.splitlines()[-1] == "V0.m3u8"
    playlist = (await http.get(f"{base}/V0.m3u8")).text
    assert "#EXT-X-ENDLIST" in playlist
    segments = read_playlist(playlist)
    for name in (segments[0].init, segments[0].file, segments[-1].file):
        (folder / name).write_bytes((await http.get(f"{base}/{name}")).content)
    first = decode(folder, segments[0].init, [segments[0].file])
    assert (first.frames[:2], first.audio_start_s) == ([0.0, 0.5], 0.0)
    last = decode(folder, segments[-1].init, [segments[-1].file])
    assert last.frames[0] == segments[-1].start_s
    assert abs(segments[-1].start_s + segments[-1].duration_s - length_ms / 1000) < 0.01


async def counts(http: httpx.AsyncClient, shelves: list[dict[str, list[dict[str, object]]]]) -> None:
    """Watching a lesson that the member was not asked to is accepted as far as time went by."""
    records = (await http.get("/api/me/record")).json()["items"]
    known = {item["gathering"]["id"] for item in records}
    new = next(card for shelf in shelves for card in shelf["items"] if card["id"] not in known)
    granted = (await http.post(f"/api/gatherings/{new['id']}/replay-grant")).json()
    report = {
        "watch_id": granted["watch_id"], "seq": 0, "position_ms": 1000, "rate": 1, "segments": [[0, 1000]]
    }  # fmt: skip
    answer = await http.post(f"/api/gatherings/{new['id']}/replay-progress", json=report)
    assert answer.json()["accepted"] == [[0, 1000]]
    assert answer.json()["coverage"]["replay_ms"] == 1000


async def some_are_finished_and_some_not(
    http: httpx.AsyncClient, shelves: list[dict[str, list[dict[str, object]]]]
) -> None:
    """What the home page shows is different from lesson to lesson."""
    ids = [str(card["id"]) for shelf in shelves for card in shelf["items"]]
    answer = await http.get("/api/me/coverage", params={"gathering": ids})
    covered = [item["coverage"]["share_percent_hundredths"] for item in answer.json()["items"]]
    assert 10_000 in covered
    assert any(1_000 < share < 9_000 for share in covered)


def left_by(server: RunningServer) -> tuple[dict[str, int], list[tuple[object, ...]]]:
    """Every file of every recording with the time it was written, and what the database says of them."""
    files = {str(path): path.stat().st_mtime_ns for path in (server.data_dir / "recordings").rglob("*")}
    with sqlite3.connect(server.data_dir / "zhijian.sqlite3") as connection:
        rows = connection.execute("SELECT * FROM recording ORDER BY id").fetchall()
        rows += connection.execute("SELECT * FROM recording_map ORDER BY gathering_id, version").fetchall()
    connection.close()
    return files, rows
