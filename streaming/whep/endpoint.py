"""`/whep/{room}` and `/whep/{room}/{session}` (draft-ietf-wish-whep-03, docs/protocol/media_node.md)."""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from streaming.rooms.entry import Entry
from streaming.signalling.exchange import SDP, authorise, read_sdp
from streaming.signalling.services import NodeServices
from streaming.signalling.session_resource import SessionResource, created, endpoint_get, endpoint_options


def whep_routes(services: NodeServices) -> list[Route]:
    """Return the routes of the WHEP endpoint and its sessions."""
    resource = SessionResource(services, "viewer")

    async def play(request: Request) -> Response:
        services.offer_pace.require(request)
        room = request.path_params["room"]
        token = authorise(request, services.verifier, "watch", room)
        offer = await read_sdp(request, SDP)
        opened = services.opener.open_viewer(room, Entry.of(token), offer)
        return created(request, opened, services)

    return [
        Route("/whep/{room}", play, methods=["POST"]),
        Route("/whep/{room}", endpoint_get, methods=["GET"]),
        Route("/whep/{room}", endpoint_options(services, "viewer"), methods=["OPTIONS"]),
        Route("/whep/{room}/{session_id}", resource.patch, methods=["PATCH"]),
        Route("/whep/{room}/{session_id}", resource.delete, methods=["DELETE"]),
        Route("/whep/{room}/{session_id}", resource.get, methods=["GET"]),
        Route("/whep/{room}/{session_id}", resource.options, methods=["OPTIONS"]),
    ]
