"""Records over HTTP: `/api/me/coverage`, `/api/me/record`, the roll, and replay progress, which answers
with coverage.
"""

import uuid
from typing import Annotated, Final

from fastapi import APIRouter, Query, Response, status
from fastapi.responses import StreamingResponse

from lecture_api.core.actor import CurrentActor
from lecture_api.core.clock import shanghai_year
from lecture_api.core.problem_details import PROBLEM_RESPONSES
from lecture_api.core.runtime import CurrentRuntime
from lecture_api.records import roll, self_study, service
from lecture_api.records.evidence_export import line_of, own_evidence, own_evidence_lines, roll_evidence
from lecture_api.records.evidence_file import EvidenceFile, sealed
from lecture_api.records.schemas import (
    MyCoverageList,
    ReplayProgressOut,
    RollEvidenceOut,
    RollOut,
    YearRecordOut,
)
from lecture_api.replays.claims import Claim
from lecture_api.replays.schemas import ReplayProgressIn
from lecture_api.replays.service import progress

_JSON_LINES: Final = "application/x-ndjson"

router = APIRouter(prefix="/api", tags=["records"], responses=PROBLEM_RESPONSES)


@router.get("/me/coverage")
async def my_coverage(
    gathering: Annotated[list[uuid.UUID], Query(max_length=100)], actor: CurrentActor, runtime: CurrentRuntime
) -> MyCoverageList:
    """The caller's coverage of these gatherings."""
    return MyCoverageList(items=await service.my_coverage(runtime, actor, gathering))


@router.get("/me/record")
async def my_record(
    actor: CurrentActor,
    runtime: CurrentRuntime,
    year: Annotated[int | None, Query(ge=2000, le=2200)] = None,
) -> YearRecordOut:
    """The caller's learning record of a year, the present one by default."""
    return await service.my_year(runtime, actor, year or shanghai_year(runtime.clock.now()))


@router.get("/me/evidence.jsonl", response_class=Response)
async def my_evidence(actor: CurrentActor, runtime: CurrentRuntime) -> Response:
    """The evidence of all the caller's records, to keep and to compute anew (docs/protocol/evidence.md)."""
    lines = await own_evidence_lines(runtime, actor)
    return Response(b"".join(lines), media_type=_JSON_LINES, headers=_attachment("my-evidence.jsonl"))


@router.get("/me/evidence/{gathering_id}")
async def my_evidence_of(
    gathering_id: uuid.UUID, actor: CurrentActor, runtime: CurrentRuntime, response: Response
) -> EvidenceFile:
    """The evidence of the caller's record of one gathering."""
    file = await own_evidence(runtime, actor, gathering_id)
    response.headers.update(_attachment(f"evidence-{file.gathering.code}.json"))
    return sealed(file)


@router.get("/gatherings/{gathering_id}/evidence.jsonl", response_class=StreamingResponse)
async def get_evidence(
    gathering_id: uuid.UUID,
    actor: CurrentActor,
    runtime: CurrentRuntime,
    person_id: Annotated[uuid.UUID | None, Query()] = None,
) -> StreamingResponse:
    """The evidence of a gathering's records, or of one person's, for who may hold the roll."""
    kept = await roll_evidence(runtime, actor, gathering_id, person_id)
    lines = (line_of(kept.file(subject_id)) for subject_id in kept.records)
    headers = _attachment(f"evidence-{kept.inputs.gathering.code}.jsonl")
    return StreamingResponse(lines, media_type=_JSON_LINES, headers=headers)


@router.post("/gatherings/{gathering_id}/replay-progress")
async def replay_progress(
    gathering_id: uuid.UUID, body: ReplayProgressIn, actor: CurrentActor, runtime: CurrentRuntime
) -> ReplayProgressOut:
    """What a player played; accepted as far as wall time allows."""
    claim = Claim(body.seq, body.position_ms, body.segments)
    accepted = await progress(runtime, actor, gathering_id, body.watch_id, claim)
    covered = await service.own_coverage(runtime, actor, accepted.gathering)
    ranges = [(span.start, span.end) for span in accepted.programme]
    return ReplayProgressOut(accepted=ranges, coverage=covered)


@router.get("/gatherings/{gathering_id}/roll")
async def get_roll(gathering_id: uuid.UUID, actor: CurrentActor, runtime: CurrentRuntime) -> RollOut:
    """The roll, for who may hold it."""
    return await roll.read_roll(runtime, actor, gathering_id)


@router.get("/gatherings/{gathering_id}/roll.csv", response_class=Response)
async def get_roll_csv(gathering_id: uuid.UUID, actor: CurrentActor, runtime: CurrentRuntime) -> Response:
    """The roll for a spreadsheet, with headers in the caller's language."""
    held = await roll.read_roll(runtime, actor, gathering_id)
    headers = {"Content-Disposition": f'attachment; filename="roll-{held.gathering.code}.csv"'}
    return Response(roll.to_csv(held, actor.locale), media_type="text/csv; charset=utf-8", headers=headers)


@router.get("/gatherings/{gathering_id}/roll/{person_id}")
async def get_roll_evidence(
    gathering_id: uuid.UUID, person_id: uuid.UUID, actor: CurrentActor, runtime: CurrentRuntime
) -> RollEvidenceOut:
    """What stands behind one row of the roll."""
    return await roll.read_evidence(runtime, actor, gathering_id, person_id)


@router.post("/gatherings/{gathering_id}/declare-self-study", status_code=status.HTTP_204_NO_CONTENT)
async def declare_self_study(gathering_id: uuid.UUID, actor: CurrentActor, runtime: CurrentRuntime) -> None:
    """Declare what was watched without being convened as self-study."""
    await self_study.declare(runtime, actor, gathering_id)


def _attachment(name: str) -> dict[str, str]:
    return {"Content-Disposition": f'attachment; filename="{name}"'}
