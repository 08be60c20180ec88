"""The requests a WHIP or WHEP client makes of a node over the fake engine, each with the parts tests vary."""

import httpx

from tests.support.media_node_on_fake import NodeOnFake
from tests.support.media_tokens import bearer
from tests.support.offers import publisher_offer, viewer_offer

SDP_TYPE = "application/sdp"
FRAGMENT_TYPE = "application/trickle-ice-sdpfrag"
# The user name fragment is the one of tests.support.offers, so this only adds candidates.
TRICKLE = (
    "a=group:BUNDLE 0 1\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=mid:0\r\n"
    "a=ice-ufrag:EsAw\r\na=ice-pwd:bP+XJMM09aR8AiX1jdukzR6Y\r\n"
    "a=candidate:1387637174 1 udp 2122260223 192.0.2.1 61764 typ host generation 0 ufrag EsAw\r\n"
    "a=end-of-candidates\r\n"
)
RESTART = "a=ice-ufrag:nEw1\r\na=ice-pwd:aNewPasswordOf24Chars+++\r\n"


class SignallingClient:
    """A client of `/whip/room` or `/whep/room`; the media it names are those of tests.support.offers."""

    def __init__(self, node: NodeOnFake, kind: str) -> None:
        self._node = node
        self.kind, self.endpoint = kind, f"/{kind}/room"
        self.offer = publisher_offer() if kind == "whip" else viewer_offer()

    async def request(self, method: str, path: str, **options: object) -> httpx.Response:
        """Any request, with no token of its own."""
        return await self._node.http.request(method, path, **options)  # type: ignore[arg-type]

    async def post(
        self,
        offer: str | bytes | None = None,
        *,
        content_type: str | None = SDP_TYPE,
        token: str | None = None,
    ) -> httpx.Response:
        """POST an offer, by default a good one with a good token."""
        headers = bearer(token or self._node.mint.mint())
        if content_type:
            headers["Content-Type"] = content_type
        return await self.request(
            "POST", self.endpoint, content=self.offer if offer is None else offer, headers=headers
        )

    async def opened(self) -> tuple[str, str]:
        """Open a session; return its URL and entity tag."""
        response = await self.post()
        assert response.status_code == 201, response.text
        return response.headers["location"], response.headers["etag"]

    async def patch(
        self, location: str, body: str, *, if_match: str | None, content_type: str = FRAGMENT_TYPE
    ) -> httpx.Response:
        """PATCH a session."""
        headers = bearer(self._node.mint.mint()) | {"Content-Type": content_type}
        if if_match is not None:
            headers["If-Match"] = if_match
        return await self.request("PATCH", location, content=body, headers=headers)

    async def delete(self, location: str, **headers: str) -> httpx.Response:
        """DELETE a session."""
        fields = {name.replace("_", "-"): value for name, value in headers.items()}
        return await self.request("DELETE", location, headers=bearer(self._node.mint.mint()) | fields)
