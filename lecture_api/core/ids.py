"""Identifiers: UUIDv7 (RFC 9562 §5.7) for rows, random ones where order must not show, short codes a
person can type."""

import secrets
import threading
import time
import uuid

# No vowels (no words), no 0/O, 1/I/L, 2/Z, 5/S, 8/B pairs.
CODE_ALPHABET = "3479CDFGHJKMNPQRTVWXY"
CODE_LENGTH = 6

_lock = threading.Lock()
_last = 0


def new_id() -> uuid.UUID:
    """A UUIDv7, strictly increasing within this process (RFC 9562 §6.2, method 3: sub-millisecond bits)."""
    global _last  # noqa: PLW0603 - one counter per process is the point.
    with _lock:
        # 48 bits of milliseconds and 12 bits of the fraction, as one number that only grows.
        stamp = max(_last + 1, time.time_ns() * 4096 // 1_000_000)
        _last = stamp
    value = (stamp >> 12) << 80 | 0x7 << 76 | (stamp & 0xFFF) << 64 | 0b10 << 62 | secrets.randbits(62)
    return uuid.UUID(int=value)


def random_id() -> uuid.UUID:
    """A random UUIDv4: for subject ids, which must say nothing about when the person came."""
    return uuid.uuid4()


def new_code() -> str:
    """Six characters that are easy to read aloud and type, such as `7KTM3W`."""
    return "".join(secrets.choice(CODE_ALPHABET) for _ in range(CODE_LENGTH))


def normalise_code(text: str) -> str:
    """A typed code as it is stored: upper case, without spaces and dashes."""
    return text.replace(" ", "").replace("-", "").upper()
