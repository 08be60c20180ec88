"""`python -m streaming` as a process of its own: starts, is killed, starts again; what was not acknowledged
is still there."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import httpx

from tests.support.media_tokens import TokenMint, bearer
from tests.support.server import free_port


class NodeProcess:
    def __init__(self, data_dir: Path, **settings: str) -> None:
        self.mint = TokenMint()
        (data_dir / "keys").mkdir(parents=True)
        (data_dir / "keys" / "room_token.pub.pem").write_bytes(self.mint.public_pem)
        self.http_port = free_port()
        self.settings = {
            "ZHIJIAN_DATA_DIR": str(data_dir),
            "ZHIJIAN_MEDIA_PORT": "0",
            "ZHIJIAN_MEDIA_ADDRESSES": "127.0.0.1",
            "ZHIJIAN_MEDIA_HTTP_PORT": str(self.http_port),
        } | settings

    def start(self) -> subprocess.Popen[bytes]:
        process = subprocess.Popen(
            [sys.executable, "-m", "streaming"], env=os.environ | self.settings, stderr=subprocess.PIPE
        )
        deadline = time.monotonic() + 40
        while time.monotonic() < deadline and process.poll() is None:
            try:
                self.get("/control/status")
            except httpx.TransportError:
                time.sleep(0.1)
            else:
                return process
        raise AssertionError(f"the node did not start: {process.poll()}")

    def get(self, path: str) -> dict[str, Any]:
        response = httpx.get(
            f"http://127.0.0.1:{self.http_port}{path}", headers=bearer(self.mint.control()), trust_env=False
        )
        response.raise_for_status()
        return dict(response.json())


def test_node_survives_a_kill_with_a_new_epoch_and_its_journal(tmp_path: Path) -> None:
    node = NodeProcess(tmp_path)
    process = node.start()
    try:
        first = node.get("/control/status")
        assert first["addresses"][0].startswith("127.0.0.1:")
        # An event of this epoch that nobody fetches before the kill.
        (tmp_path / "media" / "events.jsonl").open("a").write(
            f'{{"node_epoch":"{first["media_epoch"]}","seq":1,"type":"viewer_delivered","room":"r"}}\n'
        )
        process.send_signal(signal.SIGKILL)
        process.wait(timeout=20)
        process = node.start()
        second = node.get("/control/status")
        assert second["media_epoch"] != first["media_epoch"]
        events = node.get("/control/events")["events"]
        assert [(event["node_epoch"], event["seq"]) for event in events] == [(first["media_epoch"], 1)]
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=20) in (0, 130)
        assert not (tmp_path / "media" / "feed.sock").exists()
    finally:
        process.kill()
        process.wait()
        assert process.stderr is not None
        process.stderr.close()
