"""The web client's files, the security headers, and addresses that are safe for demo accounts."""

from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI

from lecture_api.composition.pages import install
from lecture_api.composition.security_headers import SecurityHeaders, content_security_policy
from lecture_api.composition.serve import CannotServeError, is_loopback, refuse_demo_beyond_loopback
from lecture_api.settings import Settings


@pytest.fixture
def dist(tmp_path: Path) -> Path:
    folder = tmp_path / "dist"
    (folder / "assets").mkdir(parents=True)
    (folder / "index.html").write_text("the page")
    (folder / "assets" / "entry-1a2b.js").write_text("script")
    (folder / "favicon.svg").write_text("icon")
    (tmp_path / "secret.txt").write_text("secret")
    return folder


def browser(dist: Path | None) -> httpx.AsyncClient:
    app = FastAPI()
    install(app, dist)
    app.add_middleware(SecurityHeaders)
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://zhijian.test")


@pytest.mark.parametrize("path", ["/", "/gatherings/1", "/index.html", "/me/record"])
async def test_every_page_is_the_one_page_and_is_asked_for_again(dist: Path, path: str) -> None:
    async with browser(dist) as http:
        answer = await http.get(path)
    assert (answer.status_code, answer.text) == (200, "the page")
    assert answer.headers["cache-control"] == "no-cache"


async def test_files_named_by_content_are_kept_for_ever(dist: Path) -> None:
    async with browser(dist) as http:
        answer = await http.get("/assets/entry-1a2b.js")
        assert (await http.get("/assets/gone-9.js")).status_code == 404
    assert "immutable" in answer.headers["cache-control"]
    assert answer.headers["content-type"].startswith("text/javascript")


@pytest.mark.parametrize(
    "path",
    ["/..%2fsecret.txt", "/%2e%2e/secret.txt", "/assets/..%2f..%2f..%2fsecret.txt", "/a%00b", "/assets/%00"],
)
async def test_nothing_outside_the_folder_is_served(dist: Path, path: str) -> None:
    async with browser(dist) as http:
        answer = await http.get(path)
    assert "secret" not in answer.text
    assert answer.status_code in (200, 404)


@pytest.mark.parametrize("path", ["/api/nothing", "/whip/x", "/control/x", "/replay/x"])
async def test_unknown_service_path_is_a_problem_and_no_page(dist: Path, path: str) -> None:
    async with browser(dist) as http:
        answer = await http.get(path)
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


async def test_missing_web_client_says_how_to_build_it() -> None:
    async with browser(None) as http:
        answer = await http.get("/")
    assert answer.status_code == 503
    assert "make run" in answer.text


async def test_pages_may_talk_to_their_own_host_only(dist: Path) -> None:
    async with browser(dist) as http:
        headers = (await http.get("/")).headers
    policy = headers["content-security-policy"]
    assert policy.startswith("default-src 'self'; connect-src 'self' ws://zhijian.test wss://zhijian.test;")
    assert "unsafe" not in policy
    assert headers["x-content-type-options"] == "nosniff"


def test_strange_host_header_adds_nothing_to_the_policy() -> None:
    assert "ws:" not in content_security_policy("a; script-src *")


@pytest.mark.parametrize(
    ("host", "safe"),
    [
        ("127.0.0.1", True),
        ("127.9.9.9", True),
        ("::1", True),
        ("localhost", True),
        ("0.0.0.0", False),
        ("::", False),
    ],
)
def test_loopback(host: str, safe: bool) -> None:
    assert is_loopback(host) is safe


def test_demo_accounts_are_refused_beyond_loopback_by_wish_and_by_their_file(tmp_path: Path) -> None:
    open_to_all = Settings(data_dir=tmp_path, http_host="0.0.0.0")
    refuse_demo_beyond_loopback(open_to_all, with_demo=False)
    with pytest.raises(CannotServeError, match=r"0\.0\.0\.0"):
        refuse_demo_beyond_loopback(open_to_all, with_demo=True)
    (tmp_path / "demo-accounts.txt").touch()
    with pytest.raises(CannotServeError):
        refuse_demo_beyond_loopback(open_to_all, with_demo=False)
