"""Every light page of the built client in real Chromium, in both languages and at three widths, with fixtures
for a server: nothing scrolls sideways, nothing is asked of another host, the strict content security policy
holds, axe finds nothing serious. Screenshots go to build/screenshots/pages/."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Page

from tests.e2e.support import page_fixtures as fixtures
from tests.e2e.support.page_mock import DIST, ORIGIN, install
from tests.support.chromium import chromium

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(240)]

ROOT = Path(__file__).resolve().parents[2]
AXE = ROOT / "web_client" / "node_modules" / "axe-core" / "axe.min.js"
SCREENSHOTS = ROOT / "build" / "screenshots" / "pages"
PAGES = {
    "home": "/",
    "columns": "/columns",
    "column": f"/columns/{fixtures.LESSONS['id']}",
    "replays": "/replays",
    "record": "/record",
    "roll": "/gatherings/live1/roll",
    "account": "/account",
    "people": "/administration/people",
    "organisations": "/administration/organisations",
    "manage-columns": "/administration/columns",
    "gatherings": "/administration/gatherings",
    "new-gathering": "/administration/gatherings/new",
    "edit-gathering": "/administration/gatherings/up1",
    "not-found": "/nowhere/at/all",
}
#: A problem of these impacts is a failure; the rules are axe's own.
SERIOUS = {"serious", "critical"}


class Watched:
    """A page with what it said and asked for."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.complaints: list[str] = []
        self.elsewhere: list[str] = []
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on(
            "console",
            lambda message: (
                self.complaints.append(message.text) if message.type in {"error", "warning"} else None
            ),
        )

    async def open(self, path: str) -> None:
        await self.page.goto(ORIGIN + path)
        await self.page.wait_for_load_state("networkidle")
        await self.page.locator("#main > *").first.wait_for(state="attached")

    async def findings(self) -> list[str]:
        """Rule and place of everything serious that axe finds."""
        await self.page.evaluate(AXE.read_text())
        result: dict[str, Any] = await self.page.evaluate("axe.run(document, {resultTypes: ['violations']})")
        return [
            f"{one['id']}: {node['html'][:160]}"
            for one in result["violations"]
            if one["impact"] in SERIOUS
            for node in one["nodes"]
        ]


@asynccontextmanager
async def watched(
    *, width: int = 1440, height: int = 900, locale: str = "zh-CN", **server: Any
) -> AsyncIterator[Watched]:
    assert (DIST / "index.html").is_file(), "the client is not built: npm run build in web_client"
    async with chromium() as browser:
        page = await browser.new_page(viewport={"width": width, "height": height}, locale=locale)
        made = Watched(page)
        answers = {**fixtures.answers(), **server.get("answers", {})}
        answers["/api/me"] = answers["/api/me"] | {"locale": locale}
        made.elsewhere = await install(page, answers, server.get("refused"))
        yield made


@pytest.mark.parametrize("locale", ["zh-CN", "en"])
@pytest.mark.parametrize(("width", "height"), [(1440, 900), (390, 844), (360, 740)])
async def test_every_page_fits_stays_home_and_is_accessible(width: int, height: int, locale: str) -> None:
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    problems: dict[str, list[str]] = {}
    async with watched(width=width, height=height, locale=locale) as client:
        for name, path in PAGES.items():
            client.complaints.clear()
            await client.open(path)
            found = [*client.complaints, *client.elsewhere]
            across = await client.page.evaluate("document.documentElement.scrollWidth")
            if across > width:
                found.append(f"scrolls sideways: {across}")
            if width != 360:
                found += await client.findings()
                await client.page.screenshot(
                    path=SCREENSHOTS / f"{name}-{width}-{locale}.png", full_page=True
                )
            if found:
                problems[name] = found
    assert problems == {}


@pytest.mark.parametrize("locale", ["zh-CN", "en"])
async def test_a_person_signs_in_by_keyboard_alone_and_lands_where_they_wanted(locale: str) -> None:
    refused = {"/api/me": (401, "not_signed_in")}
    answers = {"/api/sign-in": fixtures.me(administers=False) | {"locale": locale}}
    async with watched(locale=locale, refused=refused, answers=answers) as client:
        await client.open("/record")
        assert client.page.url == f"{ORIGIN}/sign-in?next=/record"
        assert await client.findings() == []
        await client.page.screenshot(path=SCREENSHOTS / f"sign-in-1440-{locale}.png")
        await client.page.locator("input[name=username]").focus()
        await client.page.keyboard.type("DEMO0011")
        await client.page.keyboard.press("Tab")
        await client.page.keyboard.type("secret")
        await client.page.keyboard.press("Enter")
        await client.page.wait_for_url(f"{ORIGIN}/record")
        await client.page.locator("h1").wait_for()


@pytest.mark.parametrize(
    ("status", "code"),
    [(500, "internal_error"), (403, "not_authorised"), (404, "gathering_not_found")],
)
async def test_a_failing_answer_has_a_designed_state_with_one_action(status: int, code: str) -> None:
    async with watched(
        width=390, height=844, refused={"/api/gatherings/live1/roll": (status, code)}
    ) as client:
        await client.open("/gatherings/live1/roll")
        notice = client.page.get_by_role("alert")
        await notice.wait_for()
        assert await notice.locator("h2").count() == 1
        assert await notice.locator("a, button").count() == 1
        assert await client.findings() == []
        await client.page.screenshot(path=SCREENSHOTS / f"failing-{status}-390-zh-CN.png")


async def test_an_empty_house_says_so_on_every_list() -> None:
    nothing = {"items": [], "next_cursor": None}
    year = fixtures.record() | {"items": [], "collective_hundredths": 0, "self_study_hundredths": 0}
    answers = {
        "/api/gatherings?view=home": {"live": [], "upcoming": [], "replays": []},
        "/api/gatherings?view=manage": nothing,
        "/api/columns": nothing,
        "/api/people": nothing,
        "/api/organisations": nothing,
        "/api/me/record": year,
    }
    async with watched(width=390, height=844, answers=answers) as client:
        for name in ("home", "columns", "replays", "record", "people", "organisations", "gatherings"):
            await client.open(PAGES[name])
            await client.page.locator("section h2").first.wait_for()
            assert await client.findings() == []
            await client.page.screenshot(path=SCREENSHOTS / f"empty-{name}-390-zh-CN.png")


async def test_a_member_finds_administration_closed() -> None:
    async with watched(answers={"/api/me": fixtures.me(administers=False)}) as client:
        await client.open("/administration/people")
        await client.page.locator("section h2").wait_for()
        assert await client.page.get_by_role("table").count() == 0


async def test_the_language_changes_in_place_and_is_kept() -> None:
    async with watched() as client:
        await client.open("/record")
        await client.page.get_by_role("button", name="English").click()
        await client.page.get_by_role("heading", name="My learning record").wait_for()
        assert await client.page.evaluate("document.documentElement.lang") == "en"
        assert await client.page.title() == "My record · Zhijian"


async def test_a_new_person_s_password_is_shown_once() -> None:
    made = {"person": fixtures.people()["items"][0], "one_time_password": "kite-river-47"}
    async with watched(width=390, height=844) as client:
        await client.page.route(
            "**/api/people",
            lambda route: route.fulfill(json=made) if route.request.method == "POST" else route.fallback(),
        )
        await client.open("/administration/people")
        await client.page.get_by_role("button", name="新增人员").click()
        dialog = client.page.get_by_role("dialog")
        await dialog.get_by_label("姓名").fill("蒋丁丑")
        await dialog.get_by_label("工号或学号").fill("DEMO0013")
        await client.page.screenshot(path=SCREENSHOTS / "dialog-person-390-zh-CN.png")
        assert await client.findings() == []
        await dialog.get_by_role("button", name="新增", exact=True).click()
        await dialog.get_by_text("kite-river-47").wait_for()
        await dialog.get_by_role("button", name="已记下").click()
        await client.page.get_by_text("kite-river-47").wait_for(state="detached")
