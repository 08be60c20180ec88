"""The built client in a real browser with the server replaced by fixtures: every request is answered here."""

import json
import mimetypes
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from playwright.async_api import Page, Route

DIST = Path(__file__).resolve().parents[3] / "web_client" / "dist"
ORIGIN = "http://zhijian.test"
#: As strict as the server's: nothing inline, nothing from elsewhere.
CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; font-src 'self'; "
    "media-src 'self' blob:; connect-src 'self'; worker-src 'self' blob:; base-uri 'none'; "
    "form-action 'self'; frame-ancestors 'none'"
)


def _problem(status: int, code: str) -> dict[str, Any]:
    body = json.dumps({"type": "about:blank", "title": code, "status": status, "code": code})
    return {"status": status, "body": body, "content_type": "application/problem+json"}


async def install(
    page: Page, answers: Mapping[str, Any], refused: Mapping[str, tuple[int, str]] | None = None
) -> list[str]:
    """Answer everything `page` asks for; returns the list that collects requests to other hosts."""
    elsewhere: list[str] = []

    async def answer(route: Route) -> None:
        url = urlsplit(route.request.url)
        path = unquote(url.path)
        if f"{url.scheme}://{url.netloc}" != ORIGIN:
            elsewhere.append(route.request.url)
            await route.abort()
        elif refused and path in refused:
            await route.fulfill(**_problem(*refused[path]))
        elif path.startswith("/api/"):
            found = answers.get(f"{path}?{url.query}", answers.get(path))
            if found is None and route.request.method == "GET":
                await route.fulfill(**_problem(404, "not_found"))
            else:
                await route.fulfill(json=found if found is not None else {})
        else:
            file = DIST / path.lstrip("/")
            if not file.is_file():
                file = DIST / "index.html"
            kind = mimetypes.guess_type(file.name)[0] or "text/html"
            await route.fulfill(
                body=file.read_bytes(),
                content_type=kind,
                headers={"Content-Security-Policy": CONTENT_SECURITY_POLICY},
            )

    await page.route("**/*", answer)
    return elsewhere
