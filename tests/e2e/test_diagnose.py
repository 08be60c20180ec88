"""/diagnose in real Chromium against a real server: what works is said to work, what is blocked is named with
what to do, nobody need be signed in and nothing is left behind. Pictures: build/screenshots/diagnose/."""

import re
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Browser, Page

from lecture_api.core.clock import SystemClock
from lecture_api.core.room_tokens import RoomTokenMinter
from tests.support.chromium import LOOPBACK_CANDIDATES, chromium
from tests.support.server import RunningServer

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(240)]

ROOT = Path(__file__).resolve().parents[2]
AXE = (ROOT / "web_client" / "node_modules" / "axe-core" / "axe.min.js").read_text()
SCREENSHOTS = ROOT / "build" / "screenshots" / "diagnose"
#: WebRTC may then use no UDP but through a proxy, and there is none: what a strict firewall does.
NO_UDP = "--webrtc-ip-handling-policy=disable_non_proxied_udp"
SETTLED = """
() => [...document.querySelectorAll('[data-check]')].every((row) => row.dataset.state !== 'checking')
"""
ADDRESS = re.compile(r"\b\d{1,3}(\.\d{1,3}){3}\b")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    with RunningServer(tmp_path_factory.mktemp("diagnose") / "data", demo=False) as running:
        yield running


@asynccontextmanager
async def visiting(
    browser: Browser, server: RunningServer, size: tuple[int, int] = (1440, 900), locale: str = "zh-CN"
) -> AsyncIterator[Page]:
    context = await browser.new_context(viewport={"width": size[0], "height": size[1]}, locale=locale)
    page = await context.new_page()
    said: list[str] = []
    page.on("pageerror", lambda error: said.append(str(error)))
    # By name: a secure context, and no address in the report.
    await page.goto(f"{server.url.replace('127.0.0.1', 'localhost')}/diagnose")
    await page.locator("[data-check]").first.wait_for()
    yield page
    assert said == []
    await context.close()


async def found(page: Page) -> dict[str, str]:
    """State by check, once all have been tried."""
    await page.wait_for_function(SETTLED, timeout=90_000)
    rows: dict[str, str] = await page.evaluate(
        "Object.fromEntries([...document.querySelectorAll('[data-check]')]"
        ".map((row) => [row.dataset.check, row.dataset.state]))"
    )
    return rows


async def answers(page: Page) -> dict[str, str]:
    told: dict[str, str] = await page.evaluate(
        "Object.fromEntries([...document.querySelectorAll('[data-asks]')]"
        ".map((one) => [one.dataset.asks, one.dataset.answer]))"
    )
    return told


async def looks_right(page: Page, name: str) -> None:
    width = page.viewport_size["width"] if page.viewport_size else 0
    assert await page.evaluate("document.documentElement.scrollWidth") <= width, f"{name} scrolls sideways"
    await page.evaluate(AXE)
    result: dict[str, Any] = await page.evaluate("axe.run(document, {resultTypes: ['violations']})")
    assert [(one["id"], one["nodes"][0]["html"][:160]) for one in result["violations"]] == [], name
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    await page.evaluate("scrollTo(0, 0)")
    await page.screenshot(path=SCREENSHOTS / f"{name}-{width}.png", full_page=True)


@pytest.mark.parametrize(
    ("size", "locale"), [((1440, 900), "zh-CN"), ((390, 844), "zh-CN"), ((390, 844), "en")]
)
async def test_visitor_learns_that_everything_works_and_leaves_nothing_behind(
    server: RunningServer, size: tuple[int, int], locale: str
) -> None:
    async with chromium(LOOPBACK_CANDIDATES) as browser, visiting(browser, server, size, locale) as page:
        rows = await found(page)
        assert {name for name, state in rows.items() if state == "problem"} == set()
        needed = ("secure", "browser", "codecs", "server", "channel", "udp", "quality", "picture", "playlist")
        assert {name: rows[name] for name in needed} == dict.fromkeys(needed, "ok")
        assert await answers(page) == {"watch": "good", "lecture": "untried"}
        await looks_right(page, f"fine-{locale}")
        await page.locator("[aria-labelledby=diagnose-devices] button").first.click()
        await page.wait_for_function(
            "() => document.querySelector('[data-asks=lecture]').dataset.answer === 'good'", timeout=30_000
        )
        await page.get_by_role("meter").wait_for()
        await looks_right(page, f"devices-{locale}")


async def test_report_is_copied_and_names_neither_address_nor_device(server: RunningServer) -> None:
    async with chromium(LOOPBACK_CANDIDATES) as browser, visiting(browser, server) as page:
        await page.context.grant_permissions(["clipboard-read", "clipboard-write"])
        rows = await found(page)
        await page.get_by_role("button", name="试一试").click()
        await page.get_by_role("meter").wait_for()
        await page.get_by_role("button", name="复制报告").click()
        await page.get_by_role("button", name="已复制").wait_for()
        text: str = await page.evaluate("navigator.clipboard.readText()")
    assert all(f"{{{name}." in text for name in rows)
    assert "H264" in text
    without_versions = "\n".join(line for line in text.splitlines() if "Mozilla" not in line)
    assert not ADDRESS.search(without_versions)
    assert "fake" not in text.lower()


async def test_closed_udp_is_named_with_what_stands_in_for_it(server: RunningServer) -> None:
    async with chromium(NO_UDP) as browser, visiting(browser, server) as page:
        rows = await found(page)
        assert rows["udp"] == "problem"
        await page.get_by_text("UDP 过不去，多半是防火墙拦住了媒体端口").wait_for()
        # The test picture goes there and back by TCP instead.
        assert (rows["tcp"], rows["quality"], rows["picture"]) == ("ok", "ok", "ok")
        assert await answers(page) == {"watch": "weak", "lecture": "untried"}
        await looks_right(page, "no-udp")


async def test_page_is_one_click_from_signing_in_and_no_trial_outlives_it(server: RunningServer) -> None:
    async with chromium(LOOPBACK_CANDIDATES) as browser:
        page = await browser.new_page(locale="zh-CN")
        await page.goto(f"{server.url}/sign-in")
        await page.get_by_role("link", name="检查网络和设备").click()
        await page.get_by_role("heading", name="检查网络和设备").wait_for()
        await found(page)
        # The page has closed what it opened; nobody has heard of it.
        await page.wait_for_function(
            """async (token) => {
                const headers = { Authorization: `Bearer ${token}` }
                const status = await (await fetch('/control/status', { headers })).json()
                const told = await (await fetch('/control/events', { headers })).json()
                return status.sessions === 0 && told.events.length === 0
            }""",
            arg=RoomTokenMinter(server.data_dir / "keys", SystemClock()).control_token(),
        )
