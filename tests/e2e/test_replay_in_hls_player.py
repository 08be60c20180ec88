"""A recording with slate, gap and changed picture sizes, played in Chromium by the web client's library."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.responses import FileResponse, HTMLResponse
from starlette.routing import Mount, Route

from recordings.app import create_app
from recordings.grants import ReplayGrant, load_or_create_key, mint_grant
from recordings.settings import RecordingsSettings
from tests.support.chromium import chromium
from tests.support.recording_checks import DirectFeed
from tests.support.synthetic_media import Publisher

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(120)]

HLS = Path(__file__).parents[2] / "web_client/node_modules/hls.js/dist/hls.min.js"
PAGE = """<!doctype html><link rel=icon href=data:,><video id=video muted playsinline></video>
<script src=/hls.js></script><script>
const errors = [];
function play(url) {
  const hls = new Hls();
  hls.on(Hls.Events.ERROR, (_, data) => errors.push(`${data.details} at ${video.currentTime}`));
  hls.loadSource(url);
  hls.attachMedia(video);
  video.playbackRate = 4;
  return video.play();
}
const state = () => ({
  ended: video.ended, at: video.currentTime, duration: video.duration, errors,
  buffered: [...Array(video.buffered.length).keys()].map(
    (index) => [video.buffered.start(index), video.buffered.end(index)]),
});
</script>"""


class _Server(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@asynccontextmanager
async def served(settings: RecordingsSettings) -> AsyncIterator[str]:
    app = create_app(settings, token_verifier=lambda _: None)
    routes = [
        Route("/", lambda _: HTMLResponse(PAGE)),
        Route("/hls.js", lambda _: FileResponse(HLS)),
        Mount("/", app),
    ]
    server = _Server(uvicorn.Config(Starlette(routes=routes), port=0, log_level="warning", lifespan="off"))
    serving = asyncio.create_task(server.serve())
    while not server.started:
        await asyncio.sleep(0.01)
    yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    server.should_exit = True
    await serving


def record(directory: Path) -> int:
    """A camera with 5 s of slate, 5 s of nothing, a bigger screen whose sound is late, the camera again."""
    feed = DirectFeed(directory)
    first = Publisher(100.0, fps=25, packet_ms=20, width=320, height=240)
    screen = Publisher(125.0, 2, fps=25, packet_ms=20, width=640, height=480, audio_from_s=0.5)
    again = Publisher(135.0, 3, fps=25, packet_ms=20, width=320, height=240)
    events = [event for event in first.events(20) if event[1] == "A0" or not 7 < event[0] / 1e9 - 100 < 12]
    for event in (*events, *screen.events(10), *again.events(8)):
        feed.put(event)
    return feed.finish().duration_ms


async def test_replay_plays_through_slate_gap_and_size_changes_without_a_hole(tmp_path: Path) -> None:
    settings = RecordingsSettings(data_dir=tmp_path)
    duration_s = await asyncio.to_thread(record, settings.recordings_dir / "r1") / 1000
    grant = mint_grant(
        load_or_create_key(settings.replay_key), ReplayGrant("r1", "p", "g", int(time.time()) + 600)
    )
    async with served(settings) as url, chromium() as browser:
        page = await browser.new_page()
        await page.goto(url)
        await page.evaluate("play", f"{url}/replay/{grant}/r1/master.m3u8")
        async with asyncio.timeout(90):
            while not (state := await page.evaluate("state()"))["ended"]:
                await asyncio.sleep(0.5)
    assert state["errors"] == []
    assert state["duration"] == pytest.approx(duration_s, abs=0.05)
    assert state["buffered"] == [[pytest.approx(0, abs=0.05), pytest.approx(duration_s, abs=0.05)]]
