"""A lecture sent by another program: the lecturer takes address and key from the studio, aiortc publishes
with them, a member watches, and revoking the key cuts the program off at once."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import httpx
import pytest
from playwright.async_api import Page, expect

from tests.e2e.support.in_the_room import DESKTOP, InTheRoom
from tests.support.aiortc_peers import Publisher, publishing, use_loopback
from tests.support.chromium import LOOPBACK_CANDIDATES, chromium
from tests.support.installation import Installation
from tests.support.media_tokens import bearer
from tests.support.offers import publisher_offer
from tests.support.server import RunningServer

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(240)]

LECTURER, MEMBER = "DEMO0011", "DEMO0015"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[RunningServer]:
    with RunningServer(tmp_path / "data") as running:
        yield running


async def address_and_key(page: Page) -> tuple[str, str]:
    dialog = page.get_by_role("dialog")
    key = dialog.get_by_label("推流密钥", exact=True)
    await key.wait_for()
    return await dialog.get_by_label("WHIP 地址", exact=True).input_value(), await key.input_value()


async def ended(publisher: Publisher) -> None:
    """Until the program has noticed that it was cut off."""
    async with asyncio.timeout(30):
        while publisher.pc.connectionState not in ("closed", "failed"):
            await asyncio.sleep(0.05)


async def test_program_publishes_with_the_key_of_the_page_until_it_is_revoked(
    server: RunningServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    use_loopback(monkeypatch)
    installation = Installation(server)
    gathering_id = installation.schedule(LECTURER)["id"]
    async with (
        chromium(LOOPBACK_CANDIDATES) as browser,
        httpx.AsyncClient(base_url=server.url, trust_env=False, timeout=20) as http,
    ):
        lecturer = await InTheRoom.arrive(browser, installation, LECTURER, DESKTOP)
        page = lecturer.page
        await lecturer.open(f"/gatherings/{gathering_id}/studio")
        await page.get_by_role("button", name="改用 OBS 或 ffmpeg").click()
        address, key = await address_and_key(page)
        assert address == f"{server.url}/whip/{gathering_id}"
        offer = {"content": publisher_offer(), "headers": bearer(key) | {"Content-Type": "application/sdp"}}
        early = await http.post(address, **offer)
        assert (early.status_code, early.json()["code"]) == (401, "key_revoked")
        await page.get_by_role("button", name="开始，由软件送画面").click()
        await page.get_by_role("button", name="查看地址和密钥").wait_for()

        node = SimpleNamespace(http=http, mint=SimpleNamespace(mint=lambda _participant, _room: key))
        async with publishing(node, room=gathering_id) as program:
            await page.get_by_text("观众看到的画面").wait_for(timeout=60_000)
            await expect(page.get_by_text("等待软件的画面")).to_have_count(0)
            member = await InTheRoom.arrive(browser, installation, MEMBER, DESKTOP)
            await member.open(f"/gatherings/{gathering_id}")
            await member.sees_live_picture()
            await lecturer.picture("studio-by-program")

            await page.get_by_role("button", name="OBS").click()
            await page.get_by_role("button", name="密钥泄露了").click()
            await page.get_by_role("button", name="作废并更换", exact=True).click()
            await ended(program)
        refused = await http.post(address, **offer)
        assert (refused.status_code, refused.json()["code"]) == (401, "key_revoked")
        await expect(page.get_by_role("dialog").get_by_label("推流密钥", exact=True)).not_to_have_value(key)
        _, fresh = await address_and_key(page)
        node.mint = SimpleNamespace(mint=lambda _participant, _room: fresh)
        async with publishing(node, room=gathering_id):
            await member.sees_live_picture()
        assert [*lecturer.page_errors, *member.page_errors] == []
