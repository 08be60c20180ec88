"""Tokens: verified in full, never repeated."""

import logging

import pytest

from streaming.errors import GrantMissing, RoomMismatch, TokenExpired, TokenInvalid
from streaming.tokens import JwtVerifier
from tests.support.media_tokens import TokenMint

MINT = TokenMint()


def test_good_token_says_who_where_and_what() -> None:
    token = MINT.verifier.verify(MINT.mint("p7", "lecture", ["watch"]))
    assert (token.participant, token.room, token.grants) == ("p7", "lecture", {"watch"})
    token.require("watch", "lecture")


def test_token_opens_nothing_else() -> None:
    token = MINT.verifier.verify(MINT.mint("p7", "lecture", ["watch"]))
    with pytest.raises(GrantMissing):
        token.require("publish", "lecture")
    with pytest.raises(RoomMismatch):
        token.require("watch", "other")


def test_expiry_has_thirty_seconds_of_leeway() -> None:
    MINT.verifier.verify(MINT.mint(ttl_s=-20))
    with pytest.raises(TokenExpired):
        MINT.verifier.verify(MINT.mint(ttl_s=-40))


@pytest.mark.parametrize(
    "claims",
    [
        {"iss": "somebody"},
        {"aud": "web"},
        {"iss": None},
        {"aud": None},
        {"exp": None},
        {"sub": None},
        {"sub": "x" * 129},
        {"sub": 7},
        {"room": None},
        {"room": 3},
        {"grants": "publish"},
        {"grants": [1]},
        {"grants": None},
        {"nbf": 4_000_000_000},
        {"exp": "tomorrow"},
    ],
    ids=str,
)
def test_wrong_claims_are_invalid(claims: dict[str, object]) -> None:
    with pytest.raises(TokenInvalid):
        MINT.verifier.verify(MINT.mint(claims=claims))


@pytest.mark.parametrize("text", ["", "x", "a.b.c", "....", "ey" * 200, "\x00", "é"])
def test_garbage_is_invalid(text: str) -> None:
    with pytest.raises(TokenInvalid):
        MINT.verifier.verify(text)


def test_foreign_key_is_invalid_even_under_our_kid() -> None:
    with pytest.raises(TokenInvalid):
        MINT.verifier.verify(TokenMint().mint())


def test_unsigned_token_is_invalid() -> None:
    payload = MINT.mint().split(".")[1]
    with pytest.raises(TokenInvalid):
        MINT.verifier.verify(f"eyJhbGciOiJub25lIn0.{payload}.")


def test_refusal_never_repeats_the_token(caplog: pytest.LogCaptureFixture) -> None:
    token = MINT.mint(ttl_s=-100)
    caplog.set_level(logging.DEBUG)
    with pytest.raises(TokenExpired) as caught:
        MINT.verifier.verify(token)
    assert token not in str(caught.value) + caplog.text


def test_keys_are_read_from_pem_and_found_by_thumbprint(tmp_path) -> None:
    path, other = tmp_path / "room_token.pub.pem", TokenMint()
    path.write_bytes(MINT.public_pem + b"\n" + other.public_pem)
    verifier = JwtVerifier.from_pem_file(path)
    assert verifier.verify(MINT.mint()).participant == "p1"
    assert verifier.verify(other.mint()).participant == "p1"


def test_pem_without_a_key_is_an_error() -> None:
    with pytest.raises(ValueError, match="no public key"):
        JwtVerifier.from_pem(b"")
