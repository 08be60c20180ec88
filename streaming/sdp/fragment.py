"""Fragments of trickle ICE, `application/trickle-ice-sdpfrag` (RFC 8840 §4.4, §9), read and written."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from streaming.errors import SdpMalformed
from streaming.sdp.answer import ICE_LINES

LINE = re.compile(r"[a-z]=[^\r\n]*")
ICE_CHARS = re.compile(r"[A-Za-z0-9+/]+")
UFRAG_LENGTHS = range(4, 257)
PWD_LENGTHS = range(22, 257)


@dataclass(frozen=True, slots=True)
class IceFragment:
    """What a client says about its side. As an ICE-lite agent we need the names, not the candidates (RFC 8445
    §2.5)."""

    ufrag: str | None
    pwd: str | None
    mids: tuple[str, ...]
    candidate_count: int


def parse_fragment(text: str) -> IceFragment:
    """Parse a fragment.

    Raises:
        SdpMalformed: a line is not `x=...`, or ICE attributes are not in their grammar (RFC 8839 §5).
    """
    found: dict[str, str] = {}
    mids: list[str] = []
    candidates = 0
    for line in filter(None, text.replace("\r\n", "\n").split("\n")):
        if not LINE.fullmatch(line):
            raise SdpMalformed("the fragment has a line that is not an SDP line")
        name, _, value = line.removeprefix("a=").partition(":")
        if not line.startswith("a="):
            continue
        if name in ("ice-ufrag", "ice-pwd"):
            lengths = UFRAG_LENGTHS if name == "ice-ufrag" else PWD_LENGTHS
            if not ICE_CHARS.fullmatch(value) or len(value) not in lengths:
                raise SdpMalformed(f"the fragment has a bad value for: {name}")
            found.setdefault(name, value)
        elif name == "mid":
            mids.append(value)
        elif name == "candidate":
            if len(value.split()) < 8:  # foundation … typ host: RFC 8839 §5.1
                raise SdpMalformed("the fragment has a malformed candidate")
            candidates += 1
    if not found and not mids and not candidates:
        raise SdpMalformed("the fragment says nothing about ICE")
    return IceFragment(found.get("ice-ufrag"), found.get("ice-pwd"), tuple(mids), candidates)


def render_restart(mids: Iterable[tuple[str, str]], ufrag: str, pwd: str, candidates: Iterable[str]) -> str:
    """Return the fragment that answers an ICE restart (RFC 9725 §4.3.3).

    Args:
        mids: (kind, mid) of the bundled media descriptions, in order.
        ufrag: our new user name fragment.
        pwd: our new password.
        candidates: values of a=candidate.
    """
    bundled = list(mids)
    kind, first = bundled[0]
    lines = [
        *ICE_LINES,
        f"a=group:BUNDLE {' '.join(mid for _, mid in bundled)}",
        f"m={kind} 9 UDP/TLS/RTP/SAVPF 0",
        f"a=mid:{first}",
        f"a=ice-ufrag:{ufrag}",
        f"a=ice-pwd:{pwd}",
        *(f"a=candidate:{candidate}" for candidate in candidates),
        "a=end-of-candidates",
    ]
    return "\r\n".join(lines) + "\r\n"
