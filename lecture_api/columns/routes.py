"""Columns: `/api/columns`."""

import uuid

from fastapi import APIRouter, status

from lecture_api.columns import service
from lecture_api.columns.access import refuse_unless_editor
from lecture_api.columns.schemas import ColumnIn, ColumnList, ColumnOut, ColumnPatch
from lecture_api.core.actor import CurrentActor
from lecture_api.core.problem_details import PROBLEM_RESPONSES
from lecture_api.core.runtime import CurrentRuntime

router = APIRouter(prefix="/api/columns", tags=["columns"], responses=PROBLEM_RESPONSES)


@router.get("")
async def list_columns(actor: CurrentActor, runtime: CurrentRuntime) -> ColumnList:
    """All columns in their order."""
    async with runtime.database.read() as db:
        return ColumnList(items=await service.list_columns(db))


@router.get("/{column_id}")
async def get_column(column_id: uuid.UUID, actor: CurrentActor, runtime: CurrentRuntime) -> ColumnOut:
    """One column."""
    async with runtime.database.read() as db:
        return await service.one(db, column_id)


@router.post("", status_code=status.HTTP_201_CREATED)
async def create_column(body: ColumnIn, actor: CurrentActor, runtime: CurrentRuntime) -> ColumnOut:
    """A new column, put last."""
    refuse_unless_editor(actor)
    async with runtime.database.write() as db:
        column_id = await service.create(db, runtime, body)
    async with runtime.database.read() as db:
        return await service.one(db, column_id)


@router.patch("/{column_id}")
async def change_column(
    column_id: uuid.UUID, body: ColumnPatch, actor: CurrentActor, runtime: CurrentRuntime
) -> ColumnOut:
    """Change title or description."""
    async with runtime.database.write() as db:
        changes = body.model_dump(exclude_unset=True, exclude_none=True)
        await service.change(db, actor, column_id, changes)
    async with runtime.database.read() as db:
        return await service.one(db, column_id)
