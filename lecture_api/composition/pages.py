"""Serves the built web client: files by path, everything else the one page, whose router knows the rest."""

from pathlib import Path

from fastapi import FastAPI
from fastapi.responses import FileResponse, HTMLResponse, Response

from lecture_api.core.problem_details import problem_response

#: Paths that are never pages: an unknown one below them is an error, not the web client.
_NOT_PAGES = ("api/", "whip/", "whep/", "control/", "replay/", "assets/")
_FOR_EVER = "public, max-age=31536000, immutable"
_NOT_BUILT = (
    "<!doctype html><title>Zhijian</title><p>The web client is not built yet: run <code>make run</code>, or "
    "<code>npm ci && npm run build</code> in <code>web_client/</code>.</p>"
)


def install(app: FastAPI, web_dist: Path | None) -> None:
    """Serve the web client below every path that no route took. Must come after all routes."""
    root = web_dist.resolve() if web_dist is not None else None

    async def page(path: str) -> Response:
        if path.startswith(_NOT_PAGES):
            return problem_response(status=404, code="not_found", title="There is no such thing.")
        if root is None or not (root / "index.html").is_file():
            return HTMLResponse(_NOT_BUILT, status_code=503)
        wanted = (root / path).resolve() if "\0" not in path else root
        if path and wanted.is_relative_to(root) and wanted.is_file():
            # Vite names what is in assets/ by its content.
            caching = _FOR_EVER if path.startswith("assets/") else "no-cache"
            return FileResponse(wanted, headers={"Cache-Control": caching})
        return FileResponse(root / "index.html", headers={"Cache-Control": "no-cache"})

    async def asset(path: str) -> Response:
        wanted = (root / "assets" / path).resolve() if root is not None and "\0" not in path else None
        if (
            root is None
            or wanted is None
            or not wanted.is_relative_to(root / "assets")
            or not wanted.is_file()
        ):
            return problem_response(status=404, code="not_found", title="There is no such thing.")
        return FileResponse(wanted, headers={"Cache-Control": _FOR_EVER})

    app.add_api_route("/assets/{path:path}", asset, methods=["GET", "HEAD"], include_in_schema=False)
    app.add_api_route("/{path:path}", page, methods=["GET", "HEAD"], include_in_schema=False)
