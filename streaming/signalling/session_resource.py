"""The resource a WHIP or WHEP session is: created by POST, PATCHed for ICE, DELETEd at the end (RFC 9725
§4)."""

import asyncio
from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import Response

from streaming.errors import EtagMismatch, EtagMissing, SdpMalformed, SessionNotFound
from streaming.ice.servers import LIFETIME_S
from streaming.rooms.entry import TRIAL_TURN_SECONDS, Entry
from streaming.rooms.media_session import MediaSession, Role
from streaming.rooms.opening import Opened
from streaming.rooms.pace import PaceTable
from streaming.rooms.session_states import Signal
from streaming.sdp.fragment import IceFragment, parse_fragment
from streaming.signalling.cors import PREFLIGHT_HEADERS
from streaming.signalling.exchange import SDP, SDP_FRAGMENT, authorise, read_sdp
from streaming.signalling.pacing import slow_down
from streaming.signalling.services import NodeServices
from streaming.tokens import Grant

GRANTS: dict[Role, Grant] = {"publisher": "publish", "viewer": "watch"}
# Guesses at session URLs are counted by participant; the last ones to guess are remembered.
MISS_BURST, MISSES_PER_SECOND, GUESSERS_MAX = 30, 1.0, 1024


class SessionResource:
    """PATCH, DELETE, GET and OPTIONS of `/whip/{room}/{session}` and `/whep/{room}/{session}`."""

    def __init__(self, services: NodeServices, role: Role) -> None:
        self._services = services
        self._role = role
        self._misses = PaceTable(MISS_BURST, MISSES_PER_SECOND, size=GUESSERS_MAX)

    async def patch(self, request: Request) -> Response:
        """Take trickled candidates (204) or restart ICE (200 with a fragment and a new ETag): RFC 9725
        §4.3."""
        media_session = self._find(request)
        slow_down(media_session.patch_pace.wait_s(_now_s()))
        text = await read_sdp(request, SDP_FRAGMENT)
        _require_etag(request, media_session)
        fragment = parse_fragment(text)
        if not _is_restart(fragment, media_session):
            # An ICE-lite agent learns addresses from checks; candidates need no action (RFC 8445 §2.5).
            return Response(status_code=204)
        answer = self._services.opener.restart_ice(media_session, fragment)
        return Response(answer, 200, {"ETag": media_session.etag}, SDP_FRAGMENT)

    async def delete(self, request: Request) -> Response:
        """End the session (RFC 9725 §4.2)."""
        self._services.life_cycle.signal(self._find(request), Signal.DELETED)
        return Response(status_code=200)

    async def get(self, request: Request) -> Response:
        """Answer that there is nothing to see (RFC 9725 §4.1)."""
        self._services.registry.session(request.path_params["room"], request.path_params["session_id"])
        return Response(status_code=204)

    async def options(self, _: Request) -> Response:
        """Answer what may be sent here; what may be posted to the endpoint stands in every answer to
        OPTIONS (RFC 9725 §4.2)."""
        headers = {"Accept-Post": SDP, "Accept-Patch": SDP_FRAGMENT, **PREFLIGHT_HEADERS}
        return Response(status_code=200, headers=headers)

    def _find(self, request: Request) -> MediaSession:
        room, session_id = request.path_params["room"], request.path_params["session_id"]
        token = authorise(request, self._services.verifier, GRANTS[self._role], room)
        try:
            media_session = self._services.registry.session(room, session_id)
            Entry.of(token).require_current(media_session.room.key_generation)
            if media_session.participant != token.participant or media_session.role != self._role:
                raise SessionNotFound("no such session of this participant")
        except SessionNotFound:
            slow_down(self._misses.wait_s(token.participant, _now_s()))
            raise
        return media_session


def created(request: Request, opened: Opened, services: NodeServices) -> Response:
    """Return 201 with the answer, the session's URL, its ETag and ICE servers (RFC 9725 §4.2, §4.6)."""
    path = request.url.path.rstrip("/")
    response = Response(
        opened.answer,
        201,
        {
            "Location": f"{path}/{opened.media_session.session_id}",
            "ETag": opened.media_session.etag,
            "Accept-Patch": SDP_FRAGMENT,
        },
        SDP,
    )
    _link_ice_servers(response, services, opened.media_session.entry)
    return response


def endpoint_options(services: NodeServices, role: Role) -> Callable[[Request], Awaitable[Response]]:
    """Return what answers OPTIONS of an endpoint (RFC 9725 §4.2)."""

    async def options(request: Request) -> Response:
        response = Response(status_code=200, headers={"Accept-Post": SDP, **PREFLIGHT_HEADERS})
        if "authorization" in request.headers:
            # For clients that must know them before their offer (RFC 9725 §4.6). A preflight has no token.
            token = authorise(request, services.verifier, GRANTS[role], request.path_params["room"])
            _link_ice_servers(response, services, Entry.of(token))
        return response

    return options


async def endpoint_get(_: Request) -> Response:
    """Answer GET and HEAD of an endpoint: a success without content (RFC 9725 §4.1)."""
    return Response(status_code=204)


def _link_ice_servers(response: Response, services: NodeServices, entry: Entry) -> None:
    lifetime_s = TRIAL_TURN_SECONDS if entry.is_trial else LIFETIME_S
    for link in services.ice_servers.links(entry.participant, services.clock.now_ms() // 1000, lifetime_s):
        response.headers.append("Link", link)


def _now_s() -> float:
    return asyncio.get_running_loop().time()


def _require_etag(request: Request, media_session: MediaSession) -> None:
    wanted = request.headers.get("if-match")
    if wanted is None:
        raise EtagMissing('PATCH needs If-Match with the ETag of the ICE session, or "*" to restart ICE')
    tags = {tag.strip() for tag in wanted.split(",")}
    if tags != {"*"} and media_session.etag not in tags:
        raise EtagMismatch("the ETag is of an earlier ICE session")


def _is_restart(fragment: IceFragment, media_session: MediaSession) -> bool:
    if fragment.ufrag in (None, media_session.remote_ufrag):
        return False
    if fragment.pwd is None:
        raise SdpMalformed("a new ice-ufrag needs a new ice-pwd")
    return True
