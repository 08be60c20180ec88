"""Replay grants: expired, forged, for another recording are refused."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recordings.errors import GrantExpired, GrantInvalid
from recordings.grants import ReplayGrant, load_or_create_key, mint_grant, verify_grant

KEY = bytes(range(32))
GRANT = ReplayGrant("rec-1", "p-1", "g-1", 2_000)


def test_grant_is_good_for_its_recording_until_it_expires() -> None:
    text = mint_grant(KEY, GRANT)
    assert verify_grant(KEY, text, "rec-1", 1_999) == GRANT
    with pytest.raises(GrantExpired):
        verify_grant(KEY, text, "rec-1", 2_000)
    with pytest.raises(GrantInvalid, match="another recording"):
        verify_grant(KEY, text, "rec-2", 1_000)


def test_format_is_that_of_the_protocol_page() -> None:
    import base64
    import hashlib
    import hmac

    body, signature = mint_grant(KEY, GRANT).split(".")
    assert json.loads(base64.urlsafe_b64decode(body + "==")) == {
        "r": "rec-1",
        "p": "p-1",
        "g": "g-1",
        "e": 2000,
    }
    expected = hmac.new(KEY, body.encode(), hashlib.sha256).digest()
    assert base64.urlsafe_b64encode(expected).rstrip(b"=").decode() == signature


@given(st.integers(0, 100), st.integers(1, 255))
def test_any_changed_byte_is_forged(position: int, change: int) -> None:
    text = bytearray(mint_grant(KEY, GRANT).encode())
    position %= len(text)
    text[position] ^= change
    if position == len(text) - 1 and _decode_last(text) == _decode_last(mint_grant(KEY, GRANT).encode()):
        return  # The unused low bits of the last base64url digit carry no information.
    with pytest.raises(GrantInvalid):
        verify_grant(KEY, text.decode("latin-1"), "rec-1", 1_000)


def _decode_last(text: bytes | bytearray) -> int | None:
    digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    return digits.index(chr(text[-1])) >> 2 if chr(text[-1]) in digits else None


@given(st.text(max_size=80))
def test_any_text_is_refused_as_a_grant_error(text: str) -> None:
    with pytest.raises(GrantInvalid):
        verify_grant(KEY, text, "rec-1", 1_000)


def test_other_key_does_not_open() -> None:
    with pytest.raises(GrantInvalid):
        verify_grant(bytes(32), mint_grant(KEY, GRANT), "rec-1", 1_000)


def test_key_is_made_once_and_private(tmp_path: Path) -> None:
    path = tmp_path / "keys" / "replay.key"
    key = load_or_create_key(path)
    assert len(key) == 32
    assert load_or_create_key(path) == key
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700
    assert [found.name for found in path.parent.iterdir()] == ["replay.key"]
