"""People of a running demo installation: signed in over HTTP, as a browser would be."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
from websockets.asyncio.client import connect

from tests.support.server import RunningServer

ADMINISTRATOR, LECTURER, SECRETARY, MEMBER, OTHER_MEMBER = (
    "DEMO0900",
    "DEMO0003",
    "DEMO0011",
    "DEMO0015",
    "DEMO0016",
)


def password_of(server: RunningServer, number: str) -> str:
    """The password this installation printed for a demo account."""
    for line in (server.data_dir / "demo-accounts.txt").read_text(encoding="utf-8").splitlines():
        if line.startswith(f"{number}\t"):
            return line.split("\t")[1]
    raise LookupError(number)


@asynccontextmanager
async def signed_in(server: RunningServer, number: str) -> AsyncIterator[httpx.AsyncClient]:
    """An HTTP client with the login of a demo account."""
    headers = {"Origin": server.url}
    async with httpx.AsyncClient(base_url=server.url, headers=headers, timeout=30, trust_env=False) as http:
        answer = await http.post(
            "/api/sign-in", json={"person_no": number, "password": password_of(server, number)}
        )
        assert answer.status_code == 200, answer.text
        yield http


class Listener:
    """A member's room channel: answers every ping, keeps every event, comes back after a broken line."""

    def __init__(self, server: RunningServer, http: httpx.AsyncClient, gathering_id: str) -> None:
        self._url = f"{server.url.replace('http', 'ws', 1)}/api/gatherings/{gathering_id}/channel"
        self._headers = {"Origin": server.url, "Cookie": f"zhijian_login={http.cookies['zhijian_login']}"}
        self.hellos: list[dict[str, Any]] = []
        self.events: list[dict[str, Any]] = []
        self._news = asyncio.Condition()

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            try:
                await self._listen()
            except (OSError, TimeoutError, ConnectionError):
                pass
            except Exception as error:
                if "websockets" not in type(error).__module__:
                    raise
            await asyncio.sleep(0.2)

    async def _listen(self) -> None:
        seen = self.events[-1]["seq"] if self.events else 0
        async with connect(
            f"{self._url}?after={seen}",
            additional_headers=self._headers,
            compression=None,
            open_timeout=5,
            proxy=None,
        ) as channel:
            async for frame in channel:
                message = json.loads(frame)
                if message["type"] == "ping":
                    await channel.send(json.dumps({"type": "pong", "n": message["n"]}))
                elif message["type"] in ("hello", "event"):
                    async with self._news:
                        (self.hellos if message["type"] == "hello" else self.events).append(message)
                        self._news.notify_all()

    async def event(self, kind: str, **wanted: Any) -> dict[str, Any]:
        """The first event of a kind with these members, waited for."""
        async with asyncio.timeout(45), self._news:
            while True:
                for item in self.events:
                    if item["kind"] == kind and all(item.get(key) == value for key, value in wanted.items()):
                        return item
                await self._news.wait()
