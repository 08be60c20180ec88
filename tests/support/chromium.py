"""Debian's Chromium with fake devices, driven by playwright (aiortc.md §5.12, toolchain.md §6)."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from playwright.async_api import Browser, async_playwright

EXECUTABLE = "/usr/bin/chromium"
QUIET = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--autoplay-policy=no-user-gesture-required",
]
FAKE_DEVICES = ["--use-fake-device-for-media-stream=fps=30", "--use-fake-ui-for-media-stream"]
LOOPBACK_CANDIDATES = "--allow-loopback-in-peer-connection"
BACKGROUND_TABS_RUN = [
    "--disable-background-timer-throttling",
    "--disable-backgrounding-occluded-windows",
    "--disable-renderer-backgrounding",
]


@asynccontextmanager
async def chromium(*flags: str, executable: str = EXECUTABLE) -> AsyncIterator[Browser]:
    """A browser with fake camera and microphone; `flags` are added to the usual ones."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=executable, args=[*QUIET, *FAKE_DEVICES, *BACKGROUND_TABS_RUN, *flags]
        )
        try:
            yield browser
        finally:
            await browser.close()
