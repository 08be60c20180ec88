"""Lock files name public hosts only, whatever index the machine that wrote them used (toolchain.md §1)."""

import json
import re
from pathlib import Path
from urllib.parse import urlsplit

ROOT = Path(__file__).resolve().parents[3]


def hosts(text: str) -> set[str]:
    return {urlsplit(url).hostname or "" for url in re.findall(r"https?://[^\s\"'#]+", text)}


def test_uv_lock_names_public_hosts_only() -> None:
    assert hosts((ROOT / "uv.lock").read_text()) <= {"pypi.org", "files.pythonhosted.org"}


def test_cargo_lock_names_public_hosts_only() -> None:
    assert hosts((ROOT / "Cargo.lock").read_text()) <= {"github.com"}  # The name of the crates.io index.


def test_npm_lock_names_public_hosts_only() -> None:
    packages = json.loads((ROOT / "web_client/package-lock.json").read_text())["packages"]
    resolved = {urlsplit(entry["resolved"]).hostname for entry in packages.values() if "resolved" in entry}
    assert resolved <= {"registry.npmjs.org"}
