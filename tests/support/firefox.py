"""Debian's Firefox ESR with fake devices, driven by WebDriver BiDi: no geckodriver, no patched build.

Firefox gathers no loopback candidates, so it belongs into a network namespace with an address and a default
route (tests.support.far_network); and it has no H264 where OpenH264 cannot be downloaded.
"""

import asyncio
import json
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from websockets.asyncio.client import ClientConnection, connect

EXECUTABLE = "/usr/bin/firefox-esr"
START_WAIT_S = 90.0
ANSWER_WAIT_S = 90.0
PREFERENCES = {
    "media.navigator.streams.fake": True,
    "media.navigator.permission.disabled": True,
    "media.autoplay.default": 0,
    "media.gmp-manager.updateEnabled": False,
    # Without a way to the internet Firefox would call itself offline and gather nothing.
    "network.manage-offline-status": False,
    "browser.shell.checkDefaultBrowser": False,
    "datareporting.policy.dataSubmissionEnabled": False,
    "toolkit.telemetry.reportingpolicy.firstRun": False,
    "app.normandy.enabled": False,
}


class Firefox:
    """One running browser. `evaluate` speaks JSON both ways."""

    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket
        self._last_id = 0
        self._one_at_a_time = asyncio.Lock()

    async def open_page(self, url: str, script: str) -> str:
        """Open a tab on the address and run the script there; return the tab's name."""
        tab = (await self.command("browsingContext.create", type="tab"))["context"]
        await self.command("browsingContext.navigate", context=tab, url=url, wait="complete")
        await self._run(tab, script)
        return str(tab)

    async def evaluate(self, tab: str, expression: str) -> Any:
        """Return what the expression, or its promise, comes to."""
        result = await self._run(tab, f"(async () => JSON.stringify((await ({expression})) ?? null))()")
        return json.loads(result["value"])

    async def _run(self, tab: str, script: str) -> dict[str, Any]:
        answer = await self.command(
            "script.evaluate",
            expression=script,
            target={"context": tab},
            awaitPromise=True,
            userActivation=True,
        )
        assert answer["type"] == "success", answer.get("exceptionDetails", answer)
        return dict(answer["result"])

    async def command(self, method: str, **params: Any) -> dict[str, Any]:
        """Send one BiDi command and return its result."""
        async with self._one_at_a_time, asyncio.timeout(ANSWER_WAIT_S):
            self._last_id += 1
            await self._socket.send(json.dumps({"id": self._last_id, "method": method, "params": params}))
            while True:
                message = json.loads(await self._socket.recv())
                if message.get("id") == self._last_id:
                    assert message["type"] == "success", message
                    return dict(message["result"])


@asynccontextmanager
async def firefox(folder: Path) -> AsyncIterator[Firefox]:
    """A headless browser with a profile of its own in the folder, in the network of the calling thread."""
    profile = folder / "firefox-profile"
    profile.mkdir()
    lines = [f"user_pref({json.dumps(name)}, {json.dumps(value)});" for name, value in PREFERENCES.items()]
    (profile / "user.js").write_text("\n".join(lines) + "\n")
    with (folder / "firefox.log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            EXECUTABLE,
            *("--headless", "--no-remote", "--profile", str(profile), "--remote-debugging-port", "0"),
            stdout=log,
            stderr=log,
            env=os.environ | {"HOME": str(folder), "MOZ_CRASHREPORTER_DISABLE": "1"},
        )
    try:
        where = await _listening(profile / "WebDriverBiDiServer.json", process)
        async with connect(f"ws://{where}/session", proxy=None, max_size=None) as socket:
            browser = Firefox(socket)
            await browser.command("session.new", capabilities={})
            yield browser
    finally:
        if process.returncode is None:
            process.terminate()
        try:
            await asyncio.wait_for(process.wait(), 15)
        except TimeoutError:
            process.kill()
            await process.wait()


async def _listening(file: Path, process: asyncio.subprocess.Process) -> str:
    async with asyncio.timeout(START_WAIT_S):
        while True:
            assert process.returncode is None, "Firefox ended"
            try:
                said = json.loads(file.read_text())
                return f"{said['ws_host']}:{said['ws_port']}"
            except (FileNotFoundError, ValueError):
                await asyncio.sleep(0.1)
