"""Playback over HTTP: signed prefix, playlists made on request, media files with ranges.

Nothing unfinished or unlisted is readable.
"""

import hashlib
import time
from collections.abc import Callable
from re import compile as pattern

from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import Route

from recordings.errors import RecordingNotFound
from recordings.grants import verify_grant
from recordings.library import POSTER, Library
from recordings.playlist import master_playlist, media_playlist

_PLAYLIST = pattern(r"(master|V[0-6])\.m3u8")
_MEDIA = pattern(r"V[0-6]-(init-\d{1,6}\.mp4|\d{6,9}\.m4s)")
_PLAYLIST_TYPE = "application/vnd.apple.mpegurl"


def replay_routes(library: Library, replay_key: Callable[[], bytes]) -> list[Route]:
    """Return the routes below /replay."""

    def serve(request: Request) -> Response:
        recording_id, name = request.path_params["recording_id"], request.path_params["name"]
        verify_grant(replay_key(), request.path_params["grant"], recording_id, time.time())
        catalogue = library.catalogue(recording_id)
        if found := _PLAYLIST.fullmatch(name):
            if found[1] == "master":
                text = master_playlist(catalogue)
            elif found[1] in catalogue.renditions or found[1] == "V0":
                text = media_playlist(catalogue, found[1])
            else:
                raise RecordingNotFound(f"no such rendition: {found[1]}")
            return _playlist_response(request, text)
        path = library.path(recording_id) / name
        is_poster = name == POSTER and catalogue.is_finished and path.is_file()
        if not is_poster and not (_MEDIA.fullmatch(name) and catalogue.is_readable(name)):
            raise RecordingNotFound(f"no such file: {name}")
        response = FileResponse(path, media_type="image/jpeg" if is_poster else "video/mp4")
        response.headers["Cache-Control"] = "private, max-age=86400, immutable"
        etag = f'"{recording_id}-{name}"'  # What is readable never changes any more.
        response.headers["ETag"] = etag
        if etag in request.headers.get("if-none-match", ""):
            return Response(status_code=304, headers={"ETag": etag, "Cache-Control": "private"})
        return response

    return [Route("/replay/{grant}/{recording_id}/{name}", serve, methods=["GET"])]


def _playlist_response(request: Request, text: str) -> Response:
    """Return a playlist with an ETag of its content, or 304."""
    etag = f'"{hashlib.sha256(text.encode()).hexdigest()[:32]}"'
    headers = {"ETag": etag, "Cache-Control": "private, no-cache"}
    if etag in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=headers)
    return Response(text, headers=headers, media_type=_PLAYLIST_TYPE)
