"""Whether a request comes from our own pages: against cross-site request forgery, for unsafe methods and
WebSockets.

Cookies are SameSite=Lax besides; this check needs no token in forms (OWASP: Fetch Metadata, Origin).
"""

from urllib.parse import urlsplit

from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Receive, Scope, Send

from lecture_api.core.errors import CrossSiteError
from lecture_api.core.problem_details import response_to

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


def is_same_origin(connection: HTTPConnection, public_url: str | None) -> bool:
    """Judge by Sec-Fetch-Site, else by Origin.

    A request with neither comes from no present browser: it is fine unless it carries cookies.

    Args:
        connection: a request or a WebSocket handshake.
        public_url: the address people use, when a proxy changes Host.
    """
    site = connection.headers.get("sec-fetch-site")
    origin = connection.headers.get("origin")
    if site is not None:
        # "none": typed into the address bar; no page can make a browser send that.
        return site in ("same-origin", "none")
    if origin is None:
        return not connection.cookies
    try:
        host = urlsplit(origin).netloc
        ours = {connection.headers.get("host", ""), urlsplit(public_url or "").netloc}
    except ValueError:
        return False
    return host != "" and host in ours


class SameOriginMiddleware:
    """Refuses unsafe requests from other sites with 403 `cross_site_request`."""

    def __init__(self, app: ASGIApp, *, public_url: str | None) -> None:
        self._app = app
        self._public_url = public_url

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or refuse it."""
        unsafe = scope["type"] == "http" and scope["method"] not in SAFE_METHODS
        if unsafe and not is_same_origin(HTTPConnection(scope), self._public_url):
            await response_to(CrossSiteError())(scope, receive, send)
        else:
            await self._app(scope, receive, send)
