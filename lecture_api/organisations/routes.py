"""The organisation tree: `/api/organisations`."""

import uuid

from fastapi import APIRouter, status

from lecture_api.core.actor import CurrentActor
from lecture_api.core.problem_details import PROBLEM_RESPONSES
from lecture_api.core.runtime import CurrentRuntime, Runtime
from lecture_api.organisations import service
from lecture_api.organisations.schemas import (
    OrganisationIn,
    OrganisationList,
    OrganisationOut,
    OrganisationPatch,
)

router = APIRouter(prefix="/api/organisations", tags=["organisations"], responses=PROBLEM_RESPONSES)


@router.get("")
async def list_organisations(actor: CurrentActor, runtime: CurrentRuntime) -> OrganisationList:
    """The whole tree."""
    async with runtime.database.read() as db:
        return OrganisationList(items=await service.list_organisations(db, runtime))


@router.post("", status_code=status.HTTP_201_CREATED)
async def create_organisation(
    body: OrganisationIn, actor: CurrentActor, runtime: CurrentRuntime
) -> OrganisationOut:
    """A new organisation below one that you administer."""
    async with runtime.database.write() as db:
        organisation_id = await service.create(db, runtime, actor, body)
    return await _one(runtime, organisation_id)


@router.patch("/{organisation_id}")
async def change_organisation(
    organisation_id: uuid.UUID, body: OrganisationPatch, actor: CurrentActor, runtime: CurrentRuntime
) -> OrganisationOut:
    """Rename, recode or move an organisation."""
    async with runtime.database.write() as db:
        changes = body.model_dump(exclude_unset=True, exclude_none=True)
        await service.change(db, actor, organisation_id, changes)
    return await _one(runtime, organisation_id)


async def _one(runtime: Runtime, organisation_id: uuid.UUID) -> OrganisationOut:
    async with runtime.database.read() as db:
        everything = await service.list_organisations(db, runtime)
    return next(item for item in everything if item.id == organisation_id)
