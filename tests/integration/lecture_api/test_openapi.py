"""The OpenAPI document is complete, and no input it allows, or nearly allows, makes the API fail by
itself."""

from collections.abc import Iterator
from http import HTTPStatus
from pathlib import Path
from typing import Any

import httpx
import pytest
import schemathesis
from anyio.from_thread import BlockingPortal, start_blocking_portal
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import GenerationMode

from lecture_api.accounts.logins import COOKIE
from lecture_api.composition.openapi import document
from tests.support.api import College, college

_BASE = "http://zhijian.test"
_END_THE_LOGIN = {"/api/sign-out", "/api/me/password"}
#: Answers without a JSON body.
_NO_SCHEMA = {
    "/api/gatherings/{gathering_id}/calendar.ics",
    "/api/gatherings/{gathering_id}/roll.csv",
    "/api/gatherings/{gathering_id}/evidence.jsonl",
    "/api/me/evidence.jsonl",
}


@pytest.fixture(scope="module")
def openapi() -> dict[str, Any]:
    return document()


def operations(openapi: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, methods in openapi["paths"].items():
        for method, operation in methods.items():
            yield path, method, operation


def test_every_operation_has_a_unique_id_a_summary_and_a_tag(openapi: dict[str, Any]) -> None:
    ids = [operation["operationId"] for _path, _method, operation in operations(openapi)]
    assert len(ids) == len(set(ids))
    for path, _method, operation in operations(openapi):
        assert operation.get("description"), path
        assert operation.get("tags"), path


def test_every_answer_has_a_schema(openapi: dict[str, Any]) -> None:
    for path, _method, operation in operations(openapi):
        for status, answer in operation["responses"].items():
            if status == "204" or status.startswith("3") or path in _NO_SCHEMA:
                continue
            contents = answer.get("content", {}).values()
            assert any(content.get("schema") for content in contents), (path, status)


def test_every_api_operation_documents_its_problems(openapi: dict[str, Any]) -> None:
    for path, _method, operation in operations(openapi):
        if path.startswith("/api/"):
            assert "4XX" in operation["responses"], path


@pytest.mark.timeout(300)
def test_no_generated_request_makes_the_api_fail(
    sqlite_url: str, tmp_path: Path, openapi: dict[str, Any]
) -> None:
    with (
        start_blocking_portal() as portal,
        portal.wrap_async_context_manager(college(sqlite_url, tmp_path)) as place,
    ):
        known = {"gathering_id": portal.call(place.on_air), "person_id": str(place.people["member20"])}
        attacker = Attacker(place, portal, known)
        for result in schemathesis.openapi.from_dict(openapi).get_all_operations():
            operation = result.ok()
            if operation.path not in _END_THE_LOGIN:
                attacker.try_out(operation)
        assert attacker.attempts > 200
        assert attacker.failures == []


class Attacker:
    """An administrator whose browser sends anything; ids in paths are sometimes real."""

    def __init__(self, place: College, portal: BlockingPortal, known: dict[str, str]) -> None:
        self._place, self._portal, self._known = place, portal, known
        self._headers = portal.call(self._signed_in)
        self.attempts = 0
        self.failures: list[str] = []

    async def _signed_in(self) -> dict[str, str]:
        async with self._place.signed_in("admin") as http:
            return {"Cookie": f"{COOKIE}={http.cookies[COOKIE]}", "Sec-Fetch-Site": "same-origin"}

    def try_out(self, operation: Any) -> None:
        """A few requests that fit the schema, a few that do not, with known and with made-up ids."""
        wanted = {parameter.name for parameter in operation.path_parameters}
        known = {name: value for name, value in self._known.items() if name in wanted}
        for mode in GenerationMode:
            if mode.is_negative and not (operation.body or operation.query):
                continue
            for path_parameters in (known, {}) if known else ({},):
                given_ids = (
                    {"path_parameters": path_parameters} if len(path_parameters) == len(wanted) else {}
                )
                self._send_some(operation.as_strategy(generation_mode=mode, **given_ids))

    def _send_some(self, strategy: Any) -> None:
        @settings(
            max_examples=4,
            deadline=None,
            database=None,
            derandomize=True,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(case=strategy)
        def attempt(case: Any) -> None:
            self.attempts += 1
            answer = self._portal.call(self._send, case.as_transport_kwargs(base_url=_BASE))
            if answer.status_code >= HTTPStatus.INTERNAL_SERVER_ERROR:
                request = answer.request
                self.failures.append(f"{request.method} {request.url} {request.content!r}: {answer.text}")

        attempt()

    async def _send(self, arguments: dict[str, Any]) -> httpx.Response:
        transport = httpx.ASGITransport(self._place.app, raise_app_exceptions=False)
        body = {
            name: arguments[name] for name in ("json", "data", "params") if arguments.get(name) is not None
        }
        if isinstance(body.get("data"), str | bytes):
            body["content"] = body.pop("data")
        async with httpx.AsyncClient(transport=transport, base_url=_BASE, headers=self._headers) as http:
            return await http.request(arguments["method"], arguments["url"], **body)
