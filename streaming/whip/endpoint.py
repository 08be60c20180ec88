"""`/whip/{room}` and `/whip/{room}/{session}` (RFC 9725, docs/protocol/media_node.md)."""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from streaming.errors import SdpUnsupported
from streaming.rooms.entry import Entry
from streaming.rooms.media_session import PublisherSource
from streaming.signalling.exchange import SDP, authorise, read_sdp
from streaming.signalling.services import NodeServices
from streaming.signalling.session_resource import SessionResource, created, endpoint_get, endpoint_options

SOURCES: dict[str, PublisherSource] = {
    "camera": "camera",
    "screen": "screen",
    "microphone": "microphone",
}


def whip_routes(services: NodeServices) -> list[Route]:
    """Return the routes of the WHIP endpoint and its sessions."""
    resource = SessionResource(services, "publisher")

    async def publish(request: Request) -> Response:
        services.offer_pace.require(request)
        room = request.path_params["room"]
        token = authorise(request, services.verifier, "publish", room)
        source = SOURCES.get(request.query_params.get("source", "camera"))
        if source is None:
            raise SdpUnsupported(f"the source must be one of: {', '.join(SOURCES)}")
        offer = await read_sdp(request, SDP)
        opened = services.opener.open_publisher(room, Entry.of(token), source, offer)
        return created(request, opened, services)

    return [
        Route("/whip/{room}", publish, methods=["POST"]),
        Route("/whip/{room}", endpoint_get, methods=["GET"]),
        Route("/whip/{room}", endpoint_options(services, "publisher"), methods=["OPTIONS"]),
        Route("/whip/{room}/{session_id}", resource.patch, methods=["PATCH"]),
        Route("/whip/{room}/{session_id}", resource.delete, methods=["DELETE"]),
        Route("/whip/{room}/{session_id}", resource.get, methods=["GET"]),
        Route("/whip/{room}/{session_id}", resource.options, methods=["OPTIONS"]),
    ]
