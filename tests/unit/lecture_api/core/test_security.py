"""Encrypted fields, indexes, key files, passwords, tokens."""

import stat
import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lecture_api.core import key_files
from lecture_api.core.security import KeyRing, PasswordKeeper, mask, new_password, new_token, token_hash


def test_encrypted_field_comes_back_and_never_looks_the_same_twice(tmp_path: Path) -> None:
    ring = KeyRing(tmp_path)
    first, second = ring.encrypt("20260001", "person.person_no"), ring.encrypt("20260001", "person.person_no")
    assert first != second
    assert ring.decrypt(first, "person.person_no") == ring.decrypt(second, "person.person_no") == "20260001"


def test_value_of_one_field_is_refused_in_another(tmp_path: Path) -> None:
    ring = KeyRing(tmp_path)
    with pytest.raises(ValueError, match="does not decrypt"):
        ring.decrypt(ring.encrypt("x", "person.phone"), "person.person_no")


def test_rotated_ring_reads_old_values_and_writes_with_the_new_key(tmp_path: Path) -> None:
    ring = KeyRing(tmp_path)
    old = ring.encrypt("x", "f")
    index = ring.index("x", "f")
    assert ring.rotate() == "k2"
    assert ring.encrypt("x", "f").startswith("k2:")
    again = KeyRing(tmp_path)
    assert again.decrypt(old, "f") == "x"
    assert again.encrypt("x", "f").startswith("k2:")
    assert again.index("x", "f") == index


def test_unknown_key_is_named(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="k9"):
        KeyRing(tmp_path).decrypt("k9:AAAA", "f")


def test_index_ignores_case_and_outer_spaces_only(tmp_path: Path) -> None:
    ring = KeyRing(tmp_path)
    assert ring.index(" demo0001", "f") == ring.index("DEMO0001 ", "f")
    assert ring.index("DEMO0001", "f") != ring.index("DEMO0001", "g")
    assert ring.index("DEMO0001", "f") != ring.index("DEMO0002", "f")


def test_key_files_are_for_their_owner_only(tmp_path: Path) -> None:
    KeyRing(tmp_path / "keys")
    for path in (tmp_path / "keys").iterdir():
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "keys").stat().st_mode) == 0o700


def test_starters_at_the_same_time_get_the_same_key(tmp_path: Path) -> None:
    found: list[bytes] = []
    threads = [
        threading.Thread(
            target=lambda number=number: found.append(
                key_files.load_or_create(tmp_path / "k", lambda: b"key %d" % number)
            )
        )
        for number in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(found)) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["k"]


async def test_password_fits_only_itself_and_nobody_has_none() -> None:
    keeper = PasswordKeeper(time_cost=1, memory_kib=64)
    stored = await keeper.hash("correct horse")
    assert stored.startswith("$argon2id$")
    assert await keeper.fits("correct horse", stored)
    assert not await keeper.fits("correct hors", stored)
    assert not await keeper.fits("correct horse", None)


def test_issued_secrets_are_long_and_different() -> None:
    assert len({new_password() for _ in range(100)}) == 100
    assert len({new_token() for _ in range(100)}) == 100
    assert all(len(password) == 14 for password in (new_password(),))
    assert token_hash("a") != token_hash("b")


@given(st.text(max_size=40))
def test_mask_hides_the_middle(text: str) -> None:
    shown = mask(text)
    assert len(shown) <= 7
    if len(text) > 4:
        assert shown == f"{text[:2]}***{text[-2:]}"
    else:
        assert shown == "***"
