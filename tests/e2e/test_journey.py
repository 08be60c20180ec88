"""From a lecturer's browser to a member's learning record: the whole main path of the product, with the
server killed once in between. Pictures: build/screenshots/journey/, figures: build/bench/journey.json."""

import asyncio
import csv
import io
import json
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.support.in_the_room import DESKTOP, PHONE, InTheRoom
from tests.support.chromium import LOOPBACK_CANDIDATES, chromium
from tests.support.installation import Installation
from tests.support.server import RunningServer

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(480)]

LECTURER, STAYS, LEAVES = "DEMO0011", "DEMO0015", "DEMO0019"
#: An interval closes at its last evidence plus the grace of joints.md §8.
BEAT_GRACE_MS = 20_000
FIGURES = Path(__file__).resolve().parents[2] / "build" / "bench" / "journey.json"


async def test_from_the_lecturers_browser_to_the_members_record(tmp_path: Path) -> None:
    figures: dict[str, float] = {}
    with RunningServer(tmp_path / "data") as server:
        installation = Installation(server)
        gathering = installation.schedule(LECTURER)
        page = f"/gatherings/{gathering['id']}"
        async with chromium(LOOPBACK_CANDIDATES) as browser:
            lecturer = await InTheRoom.arrive(browser, installation, LECTURER, DESKTOP)
            stays = await InTheRoom.arrive(browser, installation, STAYS, DESKTOP)
            leaves = await InTheRoom.arrive(browser, installation, LEAVES, PHONE)
            await goes_on_air(lecturer, stays, leaves, page)
            await watch_with_picture_and_sound(stays, leaves, figures)
            await chat_passes(leaves, stays, lecturer)

            figures["restart_s"] = await outlive_a_killed_server(server, lecturer, stays, leaves)
            await stays.page.wait_for_timeout(10_000)
            left_at_ms = await leave_half_way(installation, leaves, page)
            await stays.page.wait_for_timeout(35_000)

            figures["end_to_replay_s"] = await end_becomes_replay(lecturer, stays)
            back = await InTheRoom.arrive(browser, installation, LEAVES, PHONE)
            before = record_of(installation, LEAVES, gathering["id"])
            assert abs(live_end_ms(before) - left_at_ms) <= BEAT_GRACE_MS
            await watch_what_was_missed(installation, back, page, gathering["id"])
            await look_at_the_records(lecturer, stays, back, page)
            assert [lecturer.page_errors, stays.page_errors, back.page_errors] == [[], [], []]
        the_records_tell_what_happened(installation, gathering["id"])
    FIGURES.parent.mkdir(parents=True, exist_ok=True)
    FIGURES.write_text(json.dumps(figures, indent=1))


async def goes_on_air(lecturer: InTheRoom, stays: InTheRoom, leaves: InTheRoom, page: str) -> None:
    await stays.open(page)
    await leaves.open(page)
    await stays.page.get_by_text("讲师还没有开始").wait_for()
    await leaves.picture("waiting-390")
    await lecturer.open(f"{page}/studio")
    await lecturer.page.get_by_text("摄像头正常").wait_for()
    await lecturer.picture("green-room-1440")
    await lecturer.page.get_by_role("button", name="开始直播").click()
    await lecturer.page.get_by_text("直播中").first.wait_for()


async def watch_with_picture_and_sound(
    stays: InTheRoom, leaves: InTheRoom, figures: dict[str, float]
) -> None:
    for member in (stays, leaves):
        await member.sees_live_picture()
        inbound = await member.inbound()
        assert inbound["video"]["codec"] == "video/H264"
        assert inbound["transport"] == {"dtls": "FEFD", "srtp": "SRTP_AEAD_AES_128_GCM"}
    desktop_fps, phone_fps = await asyncio.gather(stays.frames_per_second(), leaves.frames_per_second())
    figures |= {"fps_desktop": desktop_fps, "fps_phone": phone_fps}
    assert min(desktop_fps, phone_fps) >= 20
    for member in (stays, leaves):
        assert (await member.inbound())["audio"]["energy"] > 0
        await member.page.get_by_text("正在录制").wait_for()
        await member.page.get_by_text("正在计时").first.wait_for()


async def chat_passes(leaves: InTheRoom, stays: InTheRoom, lecturer: InTheRoom) -> None:
    await leaves.page.get_by_label("聊天内容").fill("后排也听得很清楚")
    await leaves.page.get_by_role("button", name="发送").click()
    for other in (stays, lecturer):
        await other.page.get_by_text("后排也听得很清楚").wait_for()
    await lecturer.picture("studio-1440")
    await stays.picture("live-1440")
    await leaves.picture("live-390")


async def outlive_a_killed_server(
    server: RunningServer, lecturer: InTheRoom, stays: InTheRoom, leaves: InTheRoom
) -> float:
    """SIGKILL, start again: everyone comes back without touching anything. Returns the seconds that took."""
    killed = time.monotonic()
    server.kill()
    for member in (stays, leaves):
        await member.page.evaluate("window.before = window.peerConnections.length")
    await asyncio.to_thread(server.start)
    for member in (stays, leaves):
        await member.page.wait_for_function(
            "() => window.peerConnections.length > window.before && "
            "window.peerConnections.at(-1).connectionState === 'connected'",
            timeout=60_000,
        )
        await member.sees_live_picture()
    await lecturer.page.get_by_text("直播中").first.wait_for()
    took = time.monotonic() - killed
    # What was said before is still there, once.
    assert await stays.page.get_by_text("后排也听得很清楚").count() == 1
    return took


async def leave_half_way(installation: Installation, leaves: InTheRoom, page: str) -> int:
    """Returns where the programme clock stood, in ms."""
    with closing(installation.signed_in(LECTURER)) as api:
        programme = api.get(f"/api{page}").json()["programme"]
    await leaves.leave()
    assert programme["running"]
    return int(programme["ms"])


async def end_becomes_replay(lecturer: InTheRoom, stays: InTheRoom) -> float:
    """The lecturer ends; returns the seconds until the replay plays in the member's open page."""
    await lecturer.page.get_by_role("button", name="结束直播").click()
    dialog = lecturer.page.get_by_role("dialog")
    await dialog.wait_for()
    ended = time.monotonic()
    await dialog.get_by_role("button", name="结束直播").click()
    await stays.sees_replay()
    took = time.monotonic() - ended
    await stays.picture("replay-1440")
    await lecturer.page.get_by_text("直播结束了").wait_for()
    await lecturer.picture("ended-studio-1440")
    return took


async def watch_what_was_missed(
    installation: Installation, back: InTheRoom, page: str, gathering_id: str
) -> None:
    await back.open(page)
    await back.sees_replay()
    await back.page.get_by_role("button", name="补看").last.click()
    for _ in range(240):
        if record_of(installation, LEAVES, gathering_id)["makeup_status"] == "made_up":
            break
        await back.page.wait_for_timeout(500)
    await back.picture("replay-390")


async def look_at_the_records(lecturer: InTheRoom, stays: InTheRoom, back: InTheRoom, page: str) -> None:
    await stays.open("/record")
    await stays.page.get_by_text("全程到场").first.wait_for()
    await stays.picture("record-1440")
    await back.open("/record")
    await back.page.get_by_text("已补学").first.wait_for()
    await back.picture("record-390")
    await lecturer.open(f"{page}/roll")
    await lecturer.page.get_by_text(lecturer.installation.names[LEAVES]).first.wait_for()
    await lecturer.picture("roll-1440")


def record_of(installation: Installation, person_no: str, gathering_id: str) -> dict[str, Any]:
    """The line of this gathering on the person's own record."""
    with closing(installation.signed_in(person_no)) as api:
        year = api.get("/api/me/record").json()
    found: dict[str, Any] = next(item for item in year["items"] if item["gathering"]["id"] == gathering_id)
    return found


def live_end_ms(record: dict[str, Any]) -> int:
    """Where on the programme clock the person was last seen live."""
    return max(span["end_ms"] for span in record["coverage"]["spans"] if span["kind"] == "live")


def the_records_tell_what_happened(installation: Installation, gathering_id: str) -> None:
    stayed = record_of(installation, STAYS, gathering_id)
    assert stayed["attendance_status"] == "present"
    assert stayed["coverage"]["length_ms"] - stayed["coverage"]["covered_ms"] <= BEAT_GRACE_MS
    assert stayed["credit"] == {"hundredths": 100, "category": "collective", "status": "confirmed"}

    left = record_of(installation, LEAVES, gathering_id)
    assert left["makeup_status"] == "made_up"
    assert left["coverage"]["replay_ms"] > 0
    assert left["coverage"]["share_percent_hundredths"] >= 9000

    with closing(installation.signed_in(LECTURER)) as api:
        exported = api.get(f"/api/gatherings/{gathering_id}/roll.csv")
        roll = api.get(f"/api/gatherings/{gathering_id}/roll").json()
    assert exported.content.startswith(b"\xef\xbb\xbf")
    rows = {row["姓名"]: row for row in csv.DictReader(io.StringIO(exported.content.decode("utf-8-sig")))}
    for person_no, record in ((STAYS, stayed), (LEAVES, left)):
        name = installation.names[person_no]
        line = next(row for row in roll["rows"] if row["person"]["name"] == name)
        assert line["attendance_status"] == record["attendance_status"]
        assert line["makeup_status"] == record["makeup_status"]
        assert line["covered_percent_hundredths"] == record["coverage"]["share_percent_hundredths"]
        assert rows[name]["覆盖（%）"] == f"{record['coverage']['share_percent_hundredths'] / 100:.2f}"
        assert rows[name]["补学"] == ("已补学" if record["makeup_status"] == "made_up" else "")
        assert rows[name]["学时"] == f"{record['credit']['hundredths'] / 100:.2f}"
