"""The recordings service over HTTP: control with tokens, replay with grants, mounted in a parent app."""

import time
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from joserfc import jwt
from joserfc.jwk import OKPKey
from starlette.applications import Starlette
from starlette.routing import Mount

from recordings.app import create_app
from recordings.grants import ReplayGrant, load_or_create_key, mint_grant
from recordings.poster import make_poster
from recordings.settings import RecordingsSettings
from tests.support.recording_checks import DirectFeed, decode, read_playlist
from tests.support.synthetic_media import Publisher


class Tokens:
    """The API's side of the key pair."""

    def __init__(self, data_dir: Path) -> None:
        private = Ed25519PrivateKey.generate()
        self.key = OKPKey.import_key(
            private.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        )
        (data_dir / "keys").mkdir(parents=True)
        (data_dir / "keys" / "room_token.pub.pem").write_bytes(
            private.public_key().public_bytes(
                serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
            )
        )

    def mint(self, **claims: object) -> str:
        now = int(time.time())
        body = {
            "iss": "zhijian",
            "aud": "media",
            "sub": "api",
            "room": "*",
            "grants": ["control"],
            "iat": now,
            "nbf": now,
            "exp": now + 60,
            "jti": "1",
            **claims,
        }
        return "Bearer " + jwt.encode({"alg": "Ed25519", "kid": "k"}, body, self.key, algorithms=["Ed25519"])


@pytest.fixture
def settings(tmp_path: Path) -> RecordingsSettings:
    return RecordingsSettings(data_dir=tmp_path / "data", recorder_restart_s=0.1)


@pytest.fixture
def tokens(settings: RecordingsSettings) -> Tokens:
    return Tokens(settings.data_dir)


@pytest.fixture
async def http(settings: RecordingsSettings, tokens: Tokens) -> AsyncIterator[httpx.AsyncClient]:
    app = create_app(settings)
    parent = Starlette(routes=[Mount("/media", app)])
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=httpx.ASGITransport(parent), base_url="http://zhijian/media") as client,
    ):
        yield client


def recorded(settings: RecordingsSettings, recording_id: str = "r1", *, is_final: bool = True) -> DirectFeed:
    feed = DirectFeed(settings.recordings_dir / recording_id)
    for event in Publisher(100.0).events(15):
        feed.put(event)
    if is_final:
        feed.finish()
    return feed


def grant(settings: RecordingsSettings, recording_id: str = "r1", expires_in_s: int = 60) -> str:
    key = load_or_create_key(settings.replay_key)
    return mint_grant(key, ReplayGrant(recording_id, "p", "g", int(time.time()) + expires_in_s))


async def test_replay_plays_from_master_to_decoded_media(
    http: httpx.AsyncClient, settings: RecordingsSettings, tmp_path: Path
) -> None:
    recorded(settings)
    base = f"/replay/{grant(settings)}/r1"
    master = await http.get(f"{base}/master.m3u8")
    assert master.headers["content-type"].startswith("application/vnd.apple.mpegurl")
    assert master.text.splitlines()[-1] == "V0.m3u8"
    playlist = await http.get(f"{base}/V0.m3u8")
    segments = read_playlist(playlist.text)
    assert "#EXT-X-ENDLIST" in playlist.text
    for name in {name for segment in segments for name in (segment.init, segment.file)}:
        response = await http.get(f"{base}/{name}")
        assert response.headers["content-type"] == "video/mp4"
        assert "private" in response.headers["cache-control"]
        (tmp_path / name).write_bytes(response.content)
    frames = [at for segment in segments for at in decode(tmp_path, segment.init, [segment.file]).frames]
    assert len(frames) == 75


async def test_ranges_and_etags(http: httpx.AsyncClient, settings: RecordingsSettings) -> None:
    recorded(settings)
    url = f"/replay/{grant(settings)}/r1/V0-000000.m4s"
    whole = await http.get(url)
    part = await http.get(url, headers={"Range": "bytes=10-19"})
    assert (part.status_code, part.content) == (206, whole.content[10:20])
    assert part.headers["content-range"] == f"bytes 10-19/{len(whole.content)}"
    suffix = await http.get(url, headers={"Range": "bytes=-5"})
    assert suffix.content == whole.content[-5:]
    beyond = await http.get(url, headers={"Range": "bytes=99999999-"})
    assert beyond.status_code == 416
    for target in (url, url.replace("V0-000000.m4s", "V0.m3u8")):
        etag = (await http.get(target)).headers["etag"]
        assert (await http.get(target, headers={"If-None-Match": etag})).status_code == 304
    assert (await http.head(url)).headers["content-length"] == str(len(whole.content))


async def test_live_playlist_is_event_and_the_open_segment_is_not_readable(
    http: httpx.AsyncClient, settings: RecordingsSettings
) -> None:
    feed = recorded(settings, is_final=False)
    base = f"/replay/{grant(settings)}/r1"
    first = (await http.get(f"{base}/V0.m3u8")).text
    assert "#EXT-X-PLAYLIST-TYPE:EVENT" in first
    assert "#EXT-X-ENDLIST" not in first
    last = read_playlist(first)[-1].file
    following = f"V0-{int(last[3:9]) + 1:06d}.m4s"
    assert (settings.recordings_dir / "r1" / following).exists()
    assert (await http.get(f"{base}/{last}")).status_code == 200
    assert (await http.get(f"{base}/{following}")).status_code == 404
    feed.finish()
    final = (await http.get(f"{base}/V0.m3u8")).text
    assert read_playlist(final)[: len(read_playlist(first))] == read_playlist(first), "EVENT only grows"
    assert (await http.get(f"{base}/{following}")).status_code == 200


@pytest.mark.parametrize(
    ("name", "status"),
    [
        ("journal.jsonl", 404),
        ("lock", 404),
        ("V1.m3u8", 404),
        ("V0-000999.m4s", 404),
        ("V0-00000\N{SUPERSCRIPT TWO}.m4s", 404),
        ("..%2F..%2Fkeys%2Freplay.key", 404),
        ("%2e%2e/%2e%2e/keys/replay.key", 404),
        ("../r2/V0.m3u8", 403),
    ],
)
async def test_nothing_else_is_readable(
    http: httpx.AsyncClient, settings: RecordingsSettings, name: str, status: int
) -> None:
    recorded(settings)
    response = await http.get(f"/replay/{grant(settings)}/r1/{name}")
    assert response.status_code == status


async def test_poster_is_served_once_it_is_made(
    http: httpx.AsyncClient, settings: RecordingsSettings
) -> None:
    recorded(settings)
    url = f"/replay/{grant(settings)}/r1/poster.jpg"
    assert (await http.get(url)).status_code == 404
    assert make_poster(settings.recordings_dir / "r1")
    response = await http.get(url)
    assert response.headers["content-type"] == "image/jpeg"
    assert response.content.startswith(b"\xff\xd8")
    feed = DirectFeed(settings.recordings_dir / "empty")
    feed.finish()
    assert not make_poster(feed.directory)


async def test_expired_forged_and_foreign_grants_are_403(
    http: httpx.AsyncClient, settings: RecordingsSettings
) -> None:
    recorded(settings)
    good = grant(settings)
    forged = mint_grant(bytes(32), ReplayGrant("r1", "p", "g", 1 << 40))
    for text, code in (
        (grant(settings, expires_in_s=-1), "grant_expired"),
        (forged, "grant_invalid"),
        (grant(settings, "r2"), "grant_invalid"),
        (good.split(".")[0], "grant_invalid"),
        ("x", "grant_invalid"),
    ):
        response = await http.get(f"/replay/{text}/r1/V0.m3u8")
        assert response.status_code == 403
        assert response.headers["content-type"] == "application/problem+json"
        assert response.json()["code"] == code
        assert "cookie" not in response.headers


async def test_control_needs_a_control_token(http: httpx.AsyncClient, tokens: Tokens) -> None:
    other = OKPKey.generate_key("Ed25519")
    mine, tokens.key = tokens.key, other
    foreign = tokens.mint()
    tokens.key = mine
    for header, status, code in (
        (None, 401, "token_missing"),
        ("Bearer x", 401, "token_invalid"),
        (foreign, 401, "token_invalid"),
        (tokens.mint(exp=int(time.time()) - 100), 401, "token_expired"),
        (tokens.mint(aud="web"), 401, "token_invalid"),
        (tokens.mint(grants=["publish"]), 403, "grant_missing"),
        (tokens.mint(room="room-1"), 403, "grant_missing"),
    ):
        response = await http.get(
            "/control/recordings/r1", headers={"Authorization": header} if header else None
        )
        assert (response.status_code, response.json()["code"]) == (status, code), header
    good = {"Authorization": tokens.mint()}
    missing = await http.get("/control/recordings/r1", headers=good)
    assert (missing.status_code, missing.json()["code"]) == (404, "recording_not_found")
    malformed = await http.put("/control/recordings/r1", headers=good, json={"room": "../x"})
    assert (malformed.status_code, malformed.json()["code"]) == (422, "request_invalid")
    assert (await http.get("/control/recordings/r.1", headers=good)).status_code == 422
    assert (await http.post("/control/recordings/r1/finish", headers=good)).status_code == 404
    service = (await http.get("/control/status", headers=good)).json()
    assert service["state"] in ("ok", "disk_low")
    assert service["recorders"] == 0


async def test_delete_really_deletes(
    http: httpx.AsyncClient, settings: RecordingsSettings, tokens: Tokens
) -> None:
    recorded(settings)
    good = {"Authorization": tokens.mint()}
    assert (await http.delete("/control/recordings/r1", headers=good)).status_code == 204
    assert not (settings.recordings_dir / "r1").exists()
    assert (await http.get("/control/recordings/r1", headers=good)).status_code == 404
    assert (await http.get(f"/replay/{grant(settings)}/r1/V0.m3u8")).status_code == 404


async def test_recording_without_recorder_is_finished_at_rest(
    http: httpx.AsyncClient, settings: RecordingsSettings, tokens: Tokens
) -> None:
    recorded(settings, is_final=False).archive.close()
    good = {"Authorization": tokens.mint()}
    for _ in range(2):
        response = await http.post("/control/recordings/r1/finish", headers=good)
        assert response.json()["state"] == "finished"
    assert response.json()["duration_ms"] == pytest.approx(15_000, abs=1_100)
    assert "#EXT-X-ENDLIST" in (await http.get(f"/replay/{grant(settings)}/r1/V0.m3u8")).text
