"""A gathering for the live page and the studio without a server: details in every page state, a room channel
that greets, pings, echoes chat and tells news, host actions that move the state."""

import json
import time
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from playwright.async_api import Page, Route, WebSocketRoute

from tests.e2e.support.page_fixtures import LIVE, coverage, instant, ref

Json = Any
MEDIA_NODE = Path(__file__).with_name("fake_media_node.js")
LECTURER = {"watch": True, "publish": True, "host": True, "hold_roll": True, "edit": True}
VIEWER = dict.fromkeys(LECTURER, False) | {"watch": True}
#: page_state → state, where they differ.
STATES = {"waiting": "scheduled", "not_authorised": "scheduled", "not_recorded": "ended"} | dict.fromkeys(
    ("ended_processing", "replay", "replay_pending_review", "replay_withdrawn"), "ended"
)
ON_AIR = ("live", "interrupted", "on_break")
CHAT = [("孙丙寅", "大家好，画面和声音都很清楚。"), ("严壬辰", "研究生支部到了 12 人，在会议室一起看。")]


def detail(page_state: str, permissions: Json, **changes: Any) -> Json:
    """Everything the page reads about the gathering."""
    state = STATES.get(page_state, page_state)
    started = instant(minutes=-24) if state in (*ON_AIR, "ended") else None
    return (
        LIVE
        | {
            "page_state": page_state,
            "state": state,
            "scheduled_start": instant(hours=2) if page_state == "scheduled" else instant(minutes=-24),
            "actual_start": started,
            "actual_end": instant(minutes=-1) if state == "ended" else None,
            "description": "从一张 1952 年的课桌讲起。",
            "may_watch": "college",
            "replay_release": "at_end",
            "permissions": permissions,
            "recording": {"state": "recording" if state in ON_AIR else "off", "reason_off": None},
            "programme": {"ms": 1_421_000, "running": state == "live", "as_of": instant()},
            "rules": {"threshold_percent": 80, "makeup_percent": 80, "makeup_days": 30},
            "host": ref("赵甲子"),
            "calendar_url": "/api/gatherings/live1/calendar.ics",
            "state_reason": None,
            "convened_entries": None,
        }
        | changes
    )


class Theatre:
    """One gathering as the page meets it. `said` holds what the page said on the channel."""

    def __init__(self, page_state: str, *, lecturer: bool = False, **changes: Any) -> None:
        self._permissions = LECTURER if lecturer else VIEWER
        self._changes = changes
        self.detail = detail(page_state, self._permissions, **changes)
        self.said: list[Json] = []
        self.key_generation = 1
        self._seq = len(CHAT)
        self._channel: WebSocketRoute | None = None

    async def install(self, page: Page) -> None:
        """Answer for this gathering; everything else is left to page_mock."""
        await page.add_init_script(path=MEDIA_NODE)
        await page.route("**/api/gatherings/live1**", self._answer)
        await page.route("**/api/me/coverage**", self._coverage)
        await page.route_web_socket("**/channel*", self._greet)

    def become(self, page_state: str) -> None:
        """The gathering moves on and the room is told."""
        self.detail = detail(page_state, self._permissions, **self._changes)
        running = page_state == "live"
        self.tell(
            "state",
            page_state=page_state,
            gathering_state=self.detail["state"],
            programme_ms=1_421_000,
            programme_running=running,
        )

    def tell(self, kind: str, **members: Any) -> None:
        """An event for everybody in the room."""
        self._seq += 1
        self._send({"type": "event", "seq": self._seq, "at_ms": _now_ms(), "kind": kind} | members)

    def ping(self) -> None:
        """Ask for a beat."""
        self._send({"type": "ping", "n": self._seq, "server_ms": _now_ms()})

    def _send(self, message: Json) -> None:
        if self._channel is not None:
            self._channel.send(json.dumps(message, ensure_ascii=False))

    async def _answer(self, route: Route) -> None:
        path = urlsplit(route.request.url).path.removeprefix("/api/gatherings/live1")
        moves = {"/start": "live", "/break": "on_break", "/continue": "live", "/end": "ended_processing"}
        if path in moves:
            self.become(moves[path])
        if path == "" or path in moves:
            await route.fulfill(json=self.detail)
        elif path == "/media-grant":
            kind = "whip" if route.request.post_data_json["purpose"] == "publish" else "whep"
            grant = {"token": "t", "url": f"/{kind}/live1", "expires_at": instant(hours=1)}
            await route.fulfill(json=grant | {"media_epoch": "e1", "ice_servers": []})
        elif path in ("/stream-key", "/stream-key/renew"):
            self.key_generation += path == "/stream-key/renew"
            key = {"key": f"key-{self.key_generation}", "url": "/whip/live1", "in_force": True}
            await route.fulfill(
                json=key | {"expires_at": instant(hours=12), "generation": self.key_generation}
            )
        elif path == "/studio":
            recorder = {
                "state": "recording",
                "last_part_age_ms": 600,
                "disk_free_ratio": 0.6,
                "warnings": [],
            }
            counts = {"viewers": 128, "peak_viewers": 140, "uplink": None, "publications": []}
            await route.fulfill(json=counts | {"recorder": recorder})
        else:
            await route.fulfill(
                status=404,
                content_type="application/problem+json",
                body=json.dumps({"title": "no replay", "status": 404, "code": "no_replay"}),
            )

    async def _coverage(self, route: Route) -> None:
        mine = coverage(24, ("live", 0, 9), ("bridged", 9, 9.5), ("live", 9.5, 16), ("replay", 20, 22))
        ended = self.detail["state"] == "ended"
        found = {"gathering_id": "live1", "coverage": mine, "attendance_status": "late"}
        found |= {"makeup_status": "none", "credit": None}
        await route.fulfill(json={"items": [found] if ended else []})

    def _greet(self, channel: WebSocketRoute) -> None:
        self._channel = channel
        channel.on_message(self._hear)
        on_air = self.detail["state"] in ON_AIR
        reasons = {"live": "counting", "on_break": "on_break", "interrupted": "interrupted"}
        hello = {"type": "hello", "connection_id": "c", "gathering_id": "live1", "media_epoch": "e1"}
        hello |= {"seq": self._seq, "page_state": self.detail["page_state"], "viewer_count": 128}
        self._send(hello | {"counted": True, "ping_interval_ms": 2000, "server_ms": _now_ms()})
        for seq, (name, text) in enumerate(CHAT, start=1):
            self._send(_line(seq, name, text, f"c{seq}"))
        reason = reasons.get(self.detail["state"], "not_live")
        counted = {"type": "presence", "counted_ms": 1_380_000 if on_air else 0}
        self._send(counted | {"counting": reason == "counting", "reason": reason})

    def _hear(self, frame: str | bytes) -> None:
        message = json.loads(frame)
        self.said.append(message)
        if message["type"] == "chat":
            self._seq += 1
            self._send(_line(self._seq, "褚乙亥", message["text"], message["client_id"]))
            self._send({"type": "ack", "client_id": message["client_id"], "seq": self._seq})
        elif message == {"type": "roster", "on": True}:
            row = {"participant_id": "p1", "display_name": "孙丙寅", "branch": "教工第一党支部"}
            self._send({"type": "roster", "rows": [row | {"state": "here", "since_ms": _now_ms()}]})


def _line(seq: int, name: str, text: str, client_id: str) -> Json:
    author = {"participant_id": f"id-{name}", "display_name": name}
    head = {"type": "event", "kind": "chat", "seq": seq, "at_ms": _now_ms(), "message_id": f"m{seq}"}
    return head | {"author": author, "text": text, "client_id": client_id}


def _now_ms() -> int:
    return int(time.time() * 1000)
