"""A demo installation seen from outside: its accounts, and the HTTP API as one of them."""

from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx

from tests.support.server import RunningServer


class Installation:
    """The accounts `zhijian serve --demo` made for one data folder."""

    def __init__(self, server: RunningServer) -> None:
        self.server = server
        lines = (server.data_dir / "demo-accounts.txt").read_text(encoding="utf-8").splitlines()
        rows = [line.split("\t") for line in lines if line and not line.startswith("#")]
        self.passwords = {row[0]: row[1] for row in rows}
        self.names = {row[0]: row[2] for row in rows}

    def signed_in(self, person_no: str) -> httpx.Client:
        """An API caller signed in as this person. The caller closes it."""
        caller = httpx.Client(
            base_url=self.server.url, headers={"Origin": self.server.url}, trust_env=False, timeout=20
        )
        answer = caller.post(
            "/api/sign-in", json={"person_no": person_no, "password": self.passwords[person_no]}
        )
        answer.raise_for_status()
        return caller

    def schedule(self, host_no: str, **wishes: Any) -> dict[str, Any]:
        """The host schedules a gathering of the own branch, about to start; `wishes` overrides the body.

        Returns: the Detail of docs/protocol/http_api.md.
        """
        with closing(self.signed_in(host_no)) as host:
            me = host.get("/api/me").json()
            now = datetime.now(UTC)
            body = {
                "title": "校史馆里的一张旧课桌",
                "kind": "party_lecture",
                "organisation_id": me["home_branch"]["id"],
                "lecturer_id": me["person_id"],
                "scheduled_start": now.isoformat(),
                "scheduled_end": (now + timedelta(minutes=45)).isoformat(),
                "credit_hundredths": 100,
                "convened": {"organisation_ids": [me["home_branch"]["id"]], "person_ids": []},
                "may_watch": "college",
            } | wishes
            created = host.post("/api/gatherings", json=body)
            assert created.status_code == 201, created.text
            detail = created.json()
            if detail["state"] == "draft":
                scheduled = host.post(f"/api/gatherings/{detail['id']}/schedule")
                assert scheduled.status_code == 200, scheduled.text
                detail = scheduled.json()
        assert isinstance(detail, dict)
        return detail
