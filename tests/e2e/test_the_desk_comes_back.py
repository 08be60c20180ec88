"""What can happen to a lecturer in mid-lecture, against a real server: a reload, a second desk, a shared
screen, a break, an End by mistake. Members' open pages follow by themselves."""

from pathlib import Path

import pytest
from playwright.async_api import Page, expect

from tests.e2e.support.in_the_room import DESKTOP, InTheRoom
from tests.support.chromium import LOOPBACK_CANDIDATES, chromium
from tests.support.installation import Installation
from tests.support.server import RunningServer

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

LECTURER, MEMBER = "DEMO0011", "DEMO0015"
LIVE = "() => document.body.innerText.includes('直播中') && /上行 \\d/.test(document.body.innerText)"
MOVES = """
async () => {
  const video = document.querySelector('video')
  const frames = () => video.getVideoPlaybackQuality().totalVideoFrames
  const before = frames()
  await new Promise((done) => setTimeout(done, 1500))
  return frames() - before
}
"""


async def on_air(page: Page) -> None:
    await page.wait_for_function(LIVE, timeout=30_000)


async def picture_moves(member: InTheRoom) -> None:
    """The picture that the member looks at gets new frames."""
    for _ in range(20):
        if await member.page.evaluate(MOVES) > 10:
            return
    raise AssertionError("the picture stands still")


async def test_a_lecturer_survives_reload_second_desk_break_and_a_mistaken_end(tmp_path: Path) -> None:
    with RunningServer(tmp_path / "data") as server:
        installation = Installation(server)
        path = f"/gatherings/{installation.schedule(LECTURER)['id']}"
        async with chromium(LOOPBACK_CANDIDATES) as browser:
            member = await InTheRoom.arrive(browser, installation, MEMBER, DESKTOP)
            first = await InTheRoom.arrive(browser, installation, LECTURER, DESKTOP)
            second = await InTheRoom.arrive(browser, installation, LECTURER, DESKTOP)
            await member.open(path)
            await first.open(f"{path}/studio")
            await first.page.get_by_role("button", name="开始直播").click()
            await on_air(first.page)
            await member.sees_live_picture()

            await comes_back_after_a_reload(first, member)
            await yields_to_a_second_desk(first, second, member, path)
            await takes_a_break(second, member)
            await takes_back_a_mistaken_end(second, member)
            assert [member.page_errors, first.page_errors, second.page_errors] == [[], [], []]


async def comes_back_after_a_reload(desk: InTheRoom, member: InTheRoom) -> None:
    # Leaving while on air is asked about first.
    async with desk.page.expect_event("dialog") as asked:
        desk.page.once("dialog", lambda dialog: dialog.accept())
        await desk.page.reload()
    assert (await asked.value).type == "beforeunload"
    await on_air(desk.page)
    await picture_moves(member)


async def yields_to_a_second_desk(first: InTheRoom, second: InTheRoom, member: InTheRoom, path: str) -> None:
    await second.open(f"{path}/studio")
    await second.page.get_by_role("button", name="回到直播").click()
    await on_air(second.page)
    await first.page.get_by_text("另一台设备正在直播这一场").wait_for(timeout=30_000)
    # Nobody takes it back: the second desk stays the one that sends.
    await second.page.wait_for_timeout(5000)
    await on_air(second.page)
    await expect(first.page.get_by_text("画面没有送出").first).to_be_visible()
    await picture_moves(member)


async def takes_a_break(desk: InTheRoom, member: InTheRoom) -> None:
    await desk.page.get_by_role("button", name="共享屏幕").click()
    await desk.page.get_by_role("button", name="停止共享").wait_for()
    await picture_moves(member)
    await desk.page.get_by_role("button", name="停止共享").click()
    await desk.page.get_by_role("button", name="休息").click()
    await member.page.get_by_role("heading", name="休息一下").wait_for()
    await desk.page.get_by_role("button", name="继续").click()
    await member.page.get_by_role("heading", name="休息一下").wait_for(state="detached")
    await picture_moves(member)


async def takes_back_a_mistaken_end(desk: InTheRoom, member: InTheRoom) -> None:
    await desk.page.get_by_role("button", name="结束直播").click()
    await desk.page.get_by_role("dialog").get_by_role("button", name="结束直播").click()
    await member.sees_replay()
    await desk.page.get_by_role("button", name="恢复直播").click()
    await on_air(desk.page)
    await member.page.get_by_text("直播中").first.wait_for()
    await picture_moves(member)
