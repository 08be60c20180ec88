"""Offers that are nearly right, and a node that takes them through its real HTTP interface."""

import asyncio
import re
import urllib.parse
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

import httpx
from hypothesis import strategies as st

from streaming.app import MediaNode, app_of
from streaming.settings import StreamingSettings
from tests.support.media_tokens import TokenMint
from tests.support.offers import H264, OPUS, VP8, data_channel, media, offer, publisher_offer, viewer_offer

SIMULCAST = (
    "a=extmap:10 urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id",
    "a=extmap:11 urn:ietf:params:rtp-hdrext:sdes:repaired-rtp-stream-id",
    "a=rid:l send",
    "a=rid:m send",
    "a=rid:h send",
    "a=simulcast:send l;m;h",
)
SEEDS = [
    ("whip", publisher_offer()),
    ("whip", publisher_offer(has_video=False)),
    ("whip", offer(media("video", "0", "sendonly", [*VP8, *H264], extra=SIMULCAST))),
    ("whip", publisher_offer(setup="active")),
    ("whep", viewer_offer()),
    ("whep", viewer_offer(7, 3)),
    ("whep", offer(media("audio", "a", "recvonly", OPUS), data_channel())),
]
FRAGMENT = "\r\n".join(
    [
        "a=ice-ufrag:EsAw",
        "a=ice-pwd:bP+XJMM09aR8AiX1jdukzR6Y",
        "m=video 9 UDP/TLS/RTP/SAVPF 0",
        "a=mid:0",
        "a=candidate:1 1 udp 2130706431 192.0.2.1 3478 typ host",
        "a=end-of-candidates",
        "",
    ]
)
LINES = sorted({line for _, text in SEEDS for line in text.split("\r\n")} | set(FRAGMENT.split("\r\n")))
WORDS = [
    *("0", "-1", "1", "65535", "65536", "4294967295", "4294967296", "9" * 20, "1e9", "\u0663", "\u00b2"),
    *(
        "",
        " ",
        ":",
        "/",
        ";",
        "=",
        "\t",
        "\x00",
        "\u2028",
        "é",
        "𠮷",
        "*",
        "-",
        "~",
        "%s",
        "{}",
        "\\",
        "\x85",
    ),
    *(
        "sendrecv",
        "inactive",
        "rtx/90000",
        "H264/90000",
        "opus/48000/2",
        "apt=96",
        "FID",
        "BUNDLE",
        "9" * 5000,
    ),
    *("nack pli", "sha-1", "sha-512", "AB:CD", "actpass", "passive", "profile-level-id=zz"),
]
LONG = 3000
ENDS = st.sampled_from(["\r\n", "\n", "\r", "\r\n\r\n", "\x0b", "\x1c"])


@st.composite
def mangled(draw: st.DrawFn) -> bytes:
    """A seed with a few things wrong: whole lines, words of a line, line ends, single bytes."""
    text = draw(st.sampled_from([*(seed for _, seed in SEEDS), FRAGMENT]))
    lines = text.split("\r\n")
    for _ in range(draw(st.integers(0, 6))):
        where = draw(st.integers(0, len(lines) - 1))
        match draw(st.integers(0, 8)):
            case 0 if len(lines) > 1:
                del lines[where]
            case 1:
                lines.insert(where, draw(st.sampled_from(LINES)))
            case 2:
                other = draw(st.integers(0, len(lines) - 1))
                lines[where], lines[other] = lines[other], lines[where]
            case 3:
                lines.insert(where, lines[where])
            case 4:
                lines[where] *= draw(st.sampled_from([2, LONG // (len(lines[where]) + 1)]))
            case 5:
                lines = lines[: where + 1]
            case _:
                lines[where] = draw(other_words(lines[where]))
    end = draw(ENDS) if draw(st.integers(0, 9)) == 0 else "\r\n"
    encoded = end.join(lines).encode()
    if draw(st.integers(0, 7)) == 0 and encoded:
        where = draw(st.integers(0, len(encoded) - 1))
        encoded = encoded[:where] + draw(st.binary(max_size=4)) + encoded[where + 1 :]
    return encoded


@st.composite
def other_words(draw: st.DrawFn, line: str) -> str:
    """The line with one of its words replaced."""
    words = re.split(r"([ :/;=,]+)", line)
    where = draw(st.integers(0, len(words) - 1))
    words[where] = draw(st.sampled_from(WORDS) | st.text(st.characters(codec="utf-8"), max_size=6))
    return "".join(words)


class OfferTaker:
    """A media node with the native engine. Sessions that come into being are deleted at once."""

    def __init__(self, loop: asyncio.AbstractEventLoop, data_dir: Path) -> None:
        self._loop = loop
        self._mint = TokenMint()
        self._headers = {"Authorization": f"Bearer {self._mint.mint('p', 'room', ttl_s=86_400)}"}
        settings = StreamingSettings(
            data_dir=data_dir,
            media_port=0,
            media_addresses=("127.0.0.1",),
            media_max_offers_per_address=10**6,
        )
        self._node = MediaNode.open(settings, self._mint.verifier)
        # An exception within the app is an exception here.
        transport = httpx.ASGITransport(app_of(self._node), raise_app_exceptions=True)
        self._http = httpx.AsyncClient(transport=transport, base_url="http://media.test")
        self._run(self._node.start())

    def close(self) -> None:
        """Stop the node."""
        self._run(self._http.aclose())
        self._run(self._node.stop())

    def post(
        self,
        kind: str,
        body: bytes,
        *,
        room: str = "room",
        source: str = "camera",
        token: bytes | None = None,
    ) -> int:
        """POST an offer; returns the status. Raises AssertionError for a refusal without a code."""
        return int(self._run(self._post(kind, body, room, source, token)))

    def patch(self, body: bytes) -> int:
        """PATCH a fresh session with a fragment; returns the status."""
        return int(self._run(self._patch(body)))

    async def _post(self, kind: str, body: bytes, room: str, source: str, token: bytes | None) -> int:
        authorization = self._headers["Authorization"].encode()
        if token is not None:
            text = bytes(octet for octet in token if octet not in b"\0\r\n")
            authorization = authorization + text if len(text) % 2 else text
        response = await self._http.post(
            f"/{kind}/{urllib.parse.quote(room, safe='', errors='replace')}",
            params={"source": source.encode(errors="replace").decode()},
            content=body,
            headers={b"Authorization": authorization, b"Content-Type": b"application/sdp"},
        )
        _check(response)
        if response.status_code == 201:
            gone = await self._http.delete(response.headers["location"], headers=self._headers)
            assert gone.status_code == 200
        return response.status_code

    async def _patch(self, body: bytes) -> int:
        headers = self._headers | {"Content-Type": "application/sdp"}
        opened = await self._http.post("/whip/room", content=SEEDS[0][1], headers=headers)
        headers = headers | {"Content-Type": "application/trickle-ice-sdpfrag", "If-Match": "*"}
        response = await self._http.patch(opened.headers["location"], content=body, headers=headers)
        _check(response)
        await self._http.delete(opened.headers["location"], headers=self._headers)
        return response.status_code

    def _run(self, work: Coroutine[Any, Any, Any]) -> Any:
        return self._loop.run_until_complete(work)


def _check(response: httpx.Response) -> None:
    """A refusal is a problem with a stable code."""
    if response.status_code >= 400:
        assert response.json()["code"].replace("_", "").isalpha(), response.text
