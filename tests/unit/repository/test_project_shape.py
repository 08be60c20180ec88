"""The promises CONTRIBUTING makes about the tree itself."""

import re
import subprocess
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]


def test_named_libraries_are_direct_dependencies() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    direct = {re.split(r"[\[=<>~ ]", entry)[0] for entry in project["project"]["dependencies"]}
    assert {"aiortc", "fastapi", "websockets", "av", "redis", "sqlalchemy"} <= direct
    assert any(entry.startswith("pytest==") for entry in project["dependency-groups"]["dev"])


def test_every_direct_dependency_is_imported_somewhere() -> None:
    module_of = {
        "pyopenssl": "OpenSSL",
        "pydantic-settings": "pydantic_settings",
        "aiosqlite": "aiosqlite",
        "psycopg": "psycopg",
        "prometheus-client": "prometheus_client",
    }
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    sources = "\n".join(
        path.read_text()
        for package in ("streaming", "recordings", "lecture_api")
        for path in (ROOT / package).rglob("*.py")
    )
    unused = []
    for entry in project["project"]["dependencies"]:
        name = re.split(r"[\[=<>~ ]", entry)[0]
        module = module_of.get(name, name)
        # The two database drivers are named in URLs, not imported.
        if not re.search(rf"(^|\s)(import|from) {module}\b", sources) and f"+{module}" not in sources:
            unused.append(name)
    assert unused == []


def test_architecture_page_is_short() -> None:
    assert (ROOT / "ARCHITECTURE.md").read_text().count("\n") <= 200


def test_every_rfc_named_in_the_code_is_in_the_ledger() -> None:
    ledger = set(re.findall(r"RFC (\d{4})", (ROOT / "docs/specifications.md").read_text()))
    named: dict[str, str] = {}
    listed = subprocess.run(
        ["git", "ls-files", "*.py", "*.rs", "*.ts"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    for name in listed.split():
        if (ROOT / name).exists():
            for number in re.findall(r"RFC (\d{4})", (ROOT / name).read_text()):
                named.setdefault(number, name)
    assert {number: name for number, name in named.items() if number not in ledger} == {}


def test_links_between_documents_lead_somewhere() -> None:
    pages = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]
    broken = [
        f"{page.relative_to(ROOT)} -> {target}"
        for page in pages
        for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text())
        if not (page.parent / target).exists()
    ]
    assert broken == []


def test_every_make_target_in_the_documents_exists() -> None:
    targets = set(re.findall(r"^([a-z0-9-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    for page in [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]:
        assert set(re.findall(r"`make ([a-z0-9-]+)`", page.read_text())) <= targets, page


def test_every_test_a_promise_names_exists() -> None:
    for page in (ROOT / "README.md", ROOT / "README.zh-CN.md"):
        for named in re.findall(r"`(tests/[^`]+)`", page.read_text()):
            assert (ROOT / named).exists(), f"{page.name} names {named}"
