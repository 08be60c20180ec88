"""The gathering page in every state and the studio in every phase, in real Chromium, with the server replaced
by theatre_mock: fits, is accessible, holds the strict content security policy, and does what it says.
Screenshots go to build/screenshots/theatre/."""

import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Browser, Page, expect

from tests.e2e.support import page_fixtures as fixtures
from tests.e2e.support.page_mock import ORIGIN, install
from tests.e2e.support.theatre_mock import Theatre
from tests.support.chromium import LOOPBACK_CANDIDATES, chromium

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(240)]

ROOT = Path(__file__).resolve().parents[2]
AXE = (ROOT / "web_client" / "node_modules" / "axe-core" / "axe.min.js").read_text()
SCREENSHOTS = ROOT / "build" / "screenshots" / "theatre"
TEXTS = {
    locale: json.loads((ROOT / f"web_client/src/i18n/locales/{locale}/gathering.json").read_text("utf-8"))
    for locale in ("zh-CN", "en")
}
NOTICES = ["draft", "scheduled", "waiting", "interrupted", "on_break", "ended_processing", "ended"]
NOTICES += ["replay_pending_review", "replay_withdrawn", "not_recorded", "cancelled", "not_held"]
#: Camera and microphone exist only where the origin counts as secure.
SECURE = f"--unsafely-treat-insecure-origin-as-secure={ORIGIN}"
WHOLE_CLIENT = [(1440, 900), (390, 844)]


@asynccontextmanager
async def opened(
    browser: Browser,
    theatre: Theatre,
    path: str = "",
    *,
    size: tuple[int, int] = (1440, 900),
    locale: str = "zh-CN",
    script: str | None = None,
) -> AsyncIterator[Page]:
    page = await browser.new_page(viewport={"width": size[0], "height": size[1]}, locale=locale)
    said: list[str] = []
    page.on("pageerror", lambda error: said.append(str(error)))
    answers = {**fixtures.answers()}
    answers["/api/me"] = answers["/api/me"] | {"locale": locale}
    elsewhere = await install(page, answers)
    await theatre.install(page)
    if script is not None:
        await page.add_init_script(script)
    await page.goto(f"{ORIGIN}/gatherings/live1{path}")
    await page.locator("h1, h2").first.wait_for(state="attached")
    yield page
    assert [said, elsewhere] == [[], []]
    await page.close()


async def looks_right(page: Page, name: str) -> None:
    """No sideways scrolling, nothing serious for axe; keeps a picture."""
    width = page.viewport_size["width"] if page.viewport_size else 0
    assert await page.evaluate("document.documentElement.scrollWidth") <= width, f"{name} scrolls sideways"
    await page.evaluate(AXE)
    found: dict[str, Any] = await page.evaluate("axe.run(document, {resultTypes: ['violations']})")
    serious = [
        f"{one['id']}: {node['html'][:160]}"
        for one in found["violations"]
        if one["impact"] in {"serious", "critical"}
        for node in one["nodes"]
    ]
    assert serious == [], name
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    await page.screenshot(path=SCREENSHOTS / f"{name}-{width}.png")


@pytest.mark.parametrize(
    ("size", "locale"),
    [((1440, 900), "zh-CN"), ((390, 844), "zh-CN"), ((1440, 900), "en"), ((360, 640), "en")],
)
async def test_every_state_that_is_not_a_picture_says_so_with_one_action(
    size: tuple[int, int], locale: str
) -> None:
    async with chromium(LOOPBACK_CANDIDATES) as browser:
        for state in NOTICES:
            async with opened(browser, Theatre(state), size=size, locale=locale) as page:
                title = TEXTS[locale]["state"][state]["title"]
                notice = page.get_by_role("status").filter(has=page.get_by_role("heading", name=title))
                await notice.wait_for()
                assert await notice.locator("a, button").count() == 1
                await looks_right(page, f"{state}-{locale}")


@pytest.mark.parametrize("size", WHOLE_CLIENT)
async def test_the_live_page_shows_picture_recording_and_presence_and_carries_chat(
    size: tuple[int, int],
) -> None:
    theatre = Theatre("live")
    async with chromium(LOOPBACK_CANDIDATES) as browser, opened(browser, theatre, size=size) as page:
        await page.wait_for_function("() => document.querySelector('video').videoWidth > 0")
        await page.get_by_text("正在录制").wait_for()
        await page.get_by_text("到会 23 分钟 · 正在计时").click()
        await page.get_by_text("按服务器时间计算").wait_for()
        await looks_right(page, "presence")
        await page.keyboard.press("Escape")
        theatre.ping()
        await page.get_by_label("聊天内容").fill("听得很清楚")
        await page.keyboard.press("Enter")
        await page.get_by_text("听得很清楚").wait_for()
        await page.get_by_text("正在发送").wait_for(state="detached")
        assert "pong" in [message["type"] for message in theatre.said]
        await looks_right(page, "live")
        # The lecturer ends: the same page goes on without a reload.
        theatre.become("ended_processing")
        await page.get_by_role("heading", name="直播结束，回放正在准备").wait_for()
        theatre.become("replay")
        await page.get_by_label("播放位置").wait_for()
        await page.get_by_role("button", name="补看").first.wait_for()
        await looks_right(page, "replay")


async def test_without_webrtc_the_page_falls_back_and_says_so() -> None:
    script = "delete window.RTCPeerConnection"
    async with chromium() as browser, opened(browser, Theatre("live"), script=script) as page:
        async with page.expect_request("**/replay-grant"):
            pass
        await page.get_by_text("正在连接画面").wait_for()


async def test_who_may_not_watch_is_told_whom_to_ask() -> None:
    async with chromium() as browser:
        page = await browser.new_page()
        body = {"code": "not_authorised", "status": 403, "title": "closed", "detail": "请联系赵甲子。"}
        await install(page, fixtures.answers())
        await page.route("**/api/gatherings/live1", lambda route: route.fulfill(status=403, json=body))
        await page.goto(f"{ORIGIN}/gatherings/live1")
        notice = page.get_by_role("alert")
        await expect(notice).to_contain_text("赵甲子")
        assert await notice.locator("a, button").count() == 1
        await looks_right(page, "not_authorised")


@pytest.mark.parametrize("size", WHOLE_CLIENT)
async def test_the_studio_checks_goes_live_breaks_and_ends(size: tuple[int, int]) -> None:
    theatre = Theatre("waiting", lecturer=True)
    async with (
        chromium(LOOPBACK_CANDIDATES, SECURE) as browser,
        opened(browser, theatre, "/studio", size=size) as page,
    ):
        await page.get_by_text("摄像头正常").wait_for()
        await page.get_by_text("麦克风正常").wait_for()
        await looks_right(page, "studio-check")
        await page.get_by_role("button", name="开始直播").click()
        await page.get_by_text("观众看到的画面").wait_for()
        await page.get_by_text("前落盘").wait_for()
        await looks_right(page, "studio-on-air")
        await page.get_by_role("tab", name="在场名单").click()
        await page.get_by_text("1 人在场").wait_for()
        await looks_right(page, "studio-roster")
        await page.get_by_role("tab", name="聊天").click()
        await page.get_by_role("button", name="管理 孙丙寅 的消息").click()
        await page.get_by_role("menuitem", name="隐藏这条消息").click()
        await page.get_by_role("button", name="麦克风").click()
        assert await page.get_by_role("button", name="麦克风").get_attribute("aria-pressed") == "false"
        await page.get_by_role("button", name="休息").click()
        await page.get_by_text("画面和声音已暂停").wait_for()
        await looks_right(page, "studio-break")
        await page.get_by_role("button", name="继续").click()
        end = page.get_by_role("button", name="结束直播")
        await end.click()
        dialog = page.get_by_role("dialog")
        await looks_right(page, "studio-ending")
        await page.keyboard.press("Escape")
        await expect(end).to_be_focused()
        await end.click()
        await dialog.get_by_role("button", name="结束直播").click()
        await page.get_by_role("heading", name="直播结束了").wait_for()
        await page.get_by_role("button", name="恢复直播").wait_for()
        await looks_right(page, "studio-ended")
    assert {"type": "hide", "message_id": "m1"} in theatre.said


@pytest.mark.parametrize("size", WHOLE_CLIENT)
async def test_the_studio_hands_out_address_and_key_for_other_programs(size: tuple[int, int]) -> None:
    theatre = Theatre("waiting", lecturer=True)
    async with (
        chromium(LOOPBACK_CANDIDATES, SECURE) as browser,
        opened(browser, theatre, "/studio", size=size) as page,
    ):
        await page.get_by_text("摄像头正常").wait_for()
        await page.get_by_role("button", name="改用 OBS 或 ffmpeg").click()
        dialog = page.get_by_role("dialog")
        await expect(dialog.get_by_label("WHIP 地址", exact=True)).to_have_value(f"{ORIGIN}/whip/live1")
        await expect(dialog.get_by_label("推流密钥", exact=True)).to_have_attribute("type", "password")
        await looks_right(page, "studio-key-obs")
        await dialog.get_by_role("button", name="ffmpeg", exact=True).click()
        await expect(dialog.get_by_label("命令")).to_have_value(re.compile("-f whip"))
        await looks_right(page, "studio-key-ffmpeg")
        await dialog.get_by_role("button", name="密钥泄露了").click()
        await dialog.get_by_role("button", name="作废并更换", exact=True).click()
        await expect(dialog.get_by_label("推流密钥", exact=True)).to_have_value("key-2")
        await dialog.get_by_role("button", name="开始，由软件送画面").click()
        await page.get_by_role("button", name="查看地址和密钥").wait_for()
        await expect(page.get_by_role("button", name="摄像头")).to_have_count(0)
        await looks_right(page, "studio-key-awaited")


@pytest.mark.parametrize("size", WHOLE_CLIENT)
async def test_the_studio_says_before_start_what_will_not_work(size: tuple[int, int]) -> None:
    refused = (
        "navigator.mediaDevices.getUserMedia = () => Promise.reject(new DOMException('', 'NotAllowedError'));"
    )
    only_vp8 = "RTCRtpSender.getCapabilities = () => ({ codecs: [{ mimeType: 'video/VP8' }] })"
    async with chromium(SECURE) as browser:
        theatre = Theatre("waiting", lecturer=True)
        async with opened(browser, theatre, "/studio", size=size, script=refused + only_vp8) as page:
            await page.get_by_role("heading", name="摄像头或麦克风没有被允许").wait_for()
            await page.get_by_text("需要 H.264").wait_for()
            await expect(page.get_by_role("button", name="开始直播")).to_be_disabled()
            await looks_right(page, "studio-denied")
    waiting = Theatre("waiting", lecturer=True)
    async with chromium() as browser, opened(browser, waiting, "/studio", size=size) as page:
        await page.get_by_role("heading", name="浏览器不允许在这个地址使用摄像头").wait_for()
        await looks_right(page, "studio-insecure")


async def test_the_studio_is_closed_to_a_viewer() -> None:
    async with chromium() as browser, opened(browser, Theatre("waiting"), "/studio") as page:
        await page.get_by_role("heading", name="你不是这场的主讲人").wait_for()
        await looks_right(page, "studio-closed")
