"""`python -m streaming`: a media node apart, served by uvicorn. The command people use is `zhijian media`."""

import uvicorn

from streaming.app import MediaNode, app_of
from streaming.settings import StreamingSettings
from streaming.tokens import JwtVerifier


def run(settings: StreamingSettings | None = None) -> None:
    """Serve a media node until interrupted.

    Raises:
        OSError: a port is taken, or the token keys cannot be read.
    """
    settings = settings or StreamingSettings()
    node = MediaNode.open(settings, JwtVerifier.from_pem_file(settings.token_key_path))
    uvicorn.run(
        app_of(node),
        host=settings.media_http_host,
        port=settings.media_http_port,
        server_header=False,
        # A long poll of the API waits up to 20 s; a stop does not.
        timeout_graceful_shutdown=2,
    )


if __name__ == "__main__":
    run()
