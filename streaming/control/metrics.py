"""`GET /metrics`: the numbers of this node for Prometheus (docs/protocol/media_node.md).

It needs a control token, or the fixed one of `ZHIJIAN_MEDIA_METRICS_TOKEN`, which may do nothing else. The
caller's address proves nothing: behind a reverse proxy everybody comes from this machine.
"""

import secrets

from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.exposition import choose_encoder
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from streaming.control.relay_metrics import RelayMetrics
from streaming.control.rooms import CONTROL_ROOM
from streaming.signalling.exchange import authorise
from streaming.signalling.services import NodeServices


def metrics_routes(services: NodeServices) -> list[Route]:
    """Return the route; the registry is this node's own, several nodes may live in one process."""
    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    registry.register(RelayMetrics(services))

    async def metrics(request: Request) -> Response:
        if not _is_scraper(request, services.metrics_token):
            authorise(request, services.verifier, "control", CONTROL_ROOM)
        encode, content_type = choose_encoder(request.headers.get("accept", ""))
        return Response(encode(registry), headers={"Content-Type": content_type})

    return [Route("/metrics", metrics, methods=["GET"])]


def _is_scraper(request: Request, token: str | None) -> bool:
    scheme, _, said = request.headers.get("authorization", "").partition(" ")
    if token is None or scheme.lower() != "bearer":
        return False
    return secrets.compare_digest(said.strip().encode(), token.encode())
