"""What the API mints, media node and recordings service accept, and nothing else."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from lecture_api.core.clock import ManualClock, SystemClock
from lecture_api.core.room_tokens import ReplayGrantMinter, RoomTokenMinter
from recordings.errors import GrantExpired, GrantInvalid, RecordingsError
from recordings.grants import load_or_create_key, verify_grant
from recordings.tokens import ControlTokenVerifier
from streaming.errors import TokenExpired, TokenInvalid
from streaming.tokens import JwtVerifier

HOUR = timedelta(hours=1)


def test_media_node_reads_what_the_api_minted(tmp_path: Path) -> None:
    token = RoomTokenMinter(tmp_path, SystemClock()).mint(
        room="r1", participant="p1", grants=["watch", "publish"], ttl=HOUR
    )
    verified = JwtVerifier.from_pem_file(tmp_path / "room_token.pub.pem").verify(token)
    assert (verified.participant, verified.room, verified.grants) == ("p1", "r1", {"watch", "publish"})


def test_token_of_another_installation_is_refused(tmp_path: Path) -> None:
    RoomTokenMinter(tmp_path / "ours", SystemClock())
    foreign = RoomTokenMinter(tmp_path / "theirs", SystemClock()).control_token()
    with pytest.raises(TokenInvalid):
        JwtVerifier.from_pem_file(tmp_path / "ours" / "room_token.pub.pem").verify(foreign)


def test_expired_token_says_so(tmp_path: Path) -> None:
    past = ManualClock(datetime(2026, 1, 1, tzinfo=UTC))
    token = RoomTokenMinter(tmp_path, past).mint(room="r", participant="p", grants=["watch"], ttl=HOUR)
    with pytest.raises(TokenExpired):
        JwtVerifier.from_pem_file(tmp_path / "room_token.pub.pem").verify(token)


def test_both_services_take_the_control_token_and_it_is_renewed_in_time(tmp_path: Path) -> None:
    clock = ManualClock(SystemClock().now())
    minter = RoomTokenMinter(tmp_path, clock)
    first = minter.control_token()
    ControlTokenVerifier(tmp_path / "room_token.pub.pem")(f"Bearer {first}")
    assert JwtVerifier.from_pem_file(tmp_path / "room_token.pub.pem").verify(first).room == "*"
    clock.advance(seconds=400)
    assert minter.control_token() == first
    clock.advance(seconds=100)
    assert minter.control_token() != first


def test_recordings_service_refuses_a_viewer_s_token(tmp_path: Path) -> None:
    token = RoomTokenMinter(tmp_path, SystemClock()).mint(
        room="r", participant="p", grants=["watch"], ttl=HOUR
    )
    with pytest.raises(RecordingsError):
        ControlTokenVerifier(tmp_path / "room_token.pub.pem")(f"Bearer {token}")


def test_replay_grant_opens_its_own_recording_until_it_expires(tmp_path: Path) -> None:
    grant = ReplayGrantMinter(tmp_path).mint(
        recording_id="rec", participant="p", gathering_id="g", expires_at=2000
    )
    key = load_or_create_key(tmp_path / "replay.key")
    assert verify_grant(key, grant, "rec", 1999).participant_id == "p"
    with pytest.raises(GrantExpired):
        verify_grant(key, grant, "rec", 2000)
    with pytest.raises(GrantInvalid):
        verify_grant(key, grant, "another", 1999)


def test_private_key_stays_with_the_api(tmp_path: Path) -> None:
    RoomTokenMinter(tmp_path, SystemClock())
    assert (tmp_path / "room_token.pem").stat().st_mode & 0o777 == 0o600
    assert b"PRIVATE" not in (tmp_path / "room_token.pub.pem").read_bytes()
