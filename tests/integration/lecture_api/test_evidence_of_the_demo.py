"""The demo's records, exported from a real database, are computed by the command to what is stored."""

import asyncio
import json
from pathlib import Path

import httpx
import pytest
from sqlalchemy import select
from typer.testing import CliRunner

from lecture_api.composition.building import build_runtime, close_runtime
from lecture_api.composition.cli import app
from lecture_api.composition.demo import load_if_empty
from lecture_api.records.evidence_export import line_of, load_evidence
from lecture_api.records.models import AttendanceRecord
from lecture_api.settings import Settings


async def exported(settings: Settings) -> tuple[bytes, dict[tuple[str, str], str]]:
    """All evidence as JSON lines, and the stored hashes by gathering and subject."""
    runtime = build_runtime(settings, media_http=httpx.AsyncClient(), recordings_http=httpx.AsyncClient())
    try:
        async with runtime.database.read() as db:
            rows = list(await db.scalars(select(AttendanceRecord)))
            lines = []
            for gathering_id in sorted({row.gathering_id for row in rows}):
                kept = await load_evidence(db, runtime, gathering_id)
                lines += [line_of(kept.file(subject_id)) for subject_id in kept.records]
    finally:
        await close_runtime(runtime)
    return b"".join(lines), {(str(r.gathering_id), str(r.subject_id)): r.input_hash for r in rows}


@pytest.mark.timeout(300)
def test_every_record_of_the_demo_is_computed_from_its_export(either_url: str, tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path / "data", database_url=either_url)
    for _line in load_if_empty(settings):
        pass
    data, stored = asyncio.run(exported(settings))
    path = tmp_path / "evidence.jsonl"
    path.write_bytes(data)
    result = CliRunner().invoke(app, ["record", "compute", str(path)])
    assert result.exit_code == 0, result.output
    computed = [json.loads(line) for line in result.stdout.splitlines()]
    assert all(item["agrees"] is True for item in computed)
    hashes = {(item["gathering_id"], item["subject_id"]): item["hashes"]["input"] for item in computed}
    assert hashes == stored
    assert len(computed) > 100
    assert {item["attendance_status"] for item in computed} >= {"absent", "pending", "present"}
