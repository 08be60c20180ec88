"""Reading requests: the bearer token, the content type, a body within its limit."""

from starlette.requests import Request

from streaming.errors import BodyTooLarge, SdpMalformed, TokenMissing, UnsupportedMediaType
from streaming.tokens import AccessToken, Grant, TokenVerifier

BODY_BYTES_MAX = 64 * 1024
SDP = "application/sdp"
SDP_FRAGMENT = "application/trickle-ice-sdpfrag"


def authorise(request: Request, verifier: TokenVerifier, grant: Grant, room: str) -> AccessToken:
    """Return the verified token of `Authorization: Bearer`; a token in the URL does not count (RFC 6750
    §5.3).

    Raises:
        TokenMissing, TokenInvalid, TokenExpired, GrantMissing, RoomMismatch: see each.
    """
    scheme, _, text = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not text.strip():
        raise TokenMissing("send the token as: Authorization: Bearer …")
    token = verifier.verify(text.strip())
    token.require(grant, room)
    return token


def require_content_type(request: Request, expected: str) -> None:
    """Check the content type, parameters aside. Raises UnsupportedMediaType."""
    found = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if found != expected:
        raise UnsupportedMediaType(f"the content type must be: {expected}")


async def read_body(request: Request) -> bytes:
    """Read at most 64 KiB. Raises BodyTooLarge, without reading on."""
    announced = request.headers.get("content-length", "")
    if announced.isdecimal() and int(announced) > BODY_BYTES_MAX:
        raise BodyTooLarge(f"the body may have at most {BODY_BYTES_MAX} bytes")
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > BODY_BYTES_MAX:
            raise BodyTooLarge(f"the body may have at most {BODY_BYTES_MAX} bytes")
    return bytes(body)


async def read_sdp(request: Request, content_type: str) -> str:
    """Read a description or fragment as text.

    Raises:
        UnsupportedMediaType, BodyTooLarge: see each.
        SdpMalformed: the body is not UTF-8 (RFC 8866 §5).
    """
    require_content_type(request, content_type)
    try:
        return (await read_body(request)).decode()
    except UnicodeDecodeError as error:
        raise SdpMalformed("the body is not UTF-8") from error
