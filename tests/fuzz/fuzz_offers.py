"""Fuzzes WHIP and WHEP by coverage with atheris (development only: `uv pip install atheris==3.0.0`).

    python tests/fuzz/fuzz_offers.py -max_total_time=600 /tmp/corpus

An input that ends it goes to tests/fuzz/crashes/ as `<what it broke>.sdp`, without its first byte.
"""

import asyncio
import sys
import tempfile
from pathlib import Path

import atheris

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
with atheris.instrument_imports(include=["streaming"]):
    from tests.fuzz.mangled_offers import FRAGMENT, SEEDS, OfferTaker

KINDS = ("whip", "whep", "patch")


def main() -> None:
    """Run until libFuzzer says stop."""
    taker = OfferTaker(asyncio.new_event_loop(), Path(tempfile.mkdtemp()))
    corpus = Path(sys.argv[-1])
    corpus.mkdir(parents=True, exist_ok=True)
    for number, (kind, text) in enumerate([*SEEDS, ("patch", FRAGMENT)]):
        (corpus / f"seed_{number}").write_bytes(bytes([KINDS.index(kind)]) + text.encode())

    def check(data: bytes) -> None:
        kind = KINDS[data[0] % len(KINDS)] if data else "whip"
        status = taker.patch(data[1:]) if kind == "patch" else taker.post(kind, data[1:])
        assert status < 500, status

    atheris.Setup(sys.argv, check)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
