"""Whatever text comes as an offer or a fragment, the real WHIP and WHEP code over the native engine answers
it with a success or a 4xx that has a stable code: never a 5xx, never an exception.

Hypothesis mangles what browsers write: lines, words, numbers, bytes. `python tests/fuzz/fuzz_offers.py` does
so by coverage, with atheris, for as long as one likes.
"""

import asyncio
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.fuzz.mangled_offers import SEEDS, OfferTaker, mangled

RUN = settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck), database=None)
CRASHES = Path(__file__).parent / "crashes"


@pytest.fixture(scope="module")
def taker() -> Iterator[OfferTaker]:
    """A node and the loop it lives in, for all examples."""
    loop = asyncio.new_event_loop()
    with tempfile.TemporaryDirectory() as folder:
        opened = OfferTaker(loop, Path(folder))
        try:
            yield opened
        finally:
            opened.close()
            loop.close()


def test_seeds_are_answered_with_success(taker: OfferTaker) -> None:
    assert [taker.post(kind, text.encode()) for kind, text in SEEDS] == [201] * len(SEEDS)


@RUN
@given(kind=st.sampled_from(["whip", "whep"]), offer=mangled())
def test_mangled_offer_is_answered_or_refused(taker: OfferTaker, kind: str, offer: bytes) -> None:
    assert taker.post(kind, offer) < 500


@RUN
@given(fragment=mangled())
def test_mangled_fragment_is_answered_or_refused(taker: OfferTaker, fragment: bytes) -> None:
    assert taker.patch(fragment) < 500


@RUN
@given(room=st.text(max_size=80), source=st.text(max_size=12), token=st.binary(max_size=60))
def test_strange_address_is_answered_or_refused(
    taker: OfferTaker, room: str, source: str, token: bytes
) -> None:
    assert taker.post("whip", SEEDS[0][1].encode(), room=room, source=source, token=token) < 500


def test_what_once_broke_something_breaks_nothing_any_more(taker: OfferTaker) -> None:
    for path in sorted(CRASHES.glob("*.sdp")):
        statuses = [taker.post(kind, path.read_bytes()) for kind in ("whip", "whep")]
        assert max(*statuses, taker.patch(path.read_bytes())) < 500, path.stem
