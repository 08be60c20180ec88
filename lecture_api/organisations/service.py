"""Reading and changing the organisation tree."""

import uuid
from collections import Counter
from typing import Any

from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from lecture_api.core.actor import Actor
from lecture_api.core.clock import shanghai_day
from lecture_api.core.runtime import Runtime
from lecture_api.organisations.access import organisation_for
from lecture_api.organisations.errors import OrganisationCodeTakenError, OrganisationCycleError
from lecture_api.organisations.homes import homes_on
from lecture_api.organisations.models import BranchKind, Organisation, OrgType
from lecture_api.organisations.schemas import OrganisationIn, OrganisationOut
from lecture_api.organisations.tree import load_tree


async def list_organisations(db: AsyncSession, runtime: Runtime) -> list[OrganisationOut]:
    """The tree in order of codes, with how many are at home where today."""
    tree = await load_tree(db)
    members = Counter((await homes_on(db, shanghai_day(runtime.clock.now()))).values())
    return [
        OrganisationOut(
            id=organisation.id,
            code=organisation.code,
            name=organisation.name,
            org_type=OrgType(organisation.org_type),
            branch_kind=BranchKind(organisation.branch_kind) if organisation.branch_kind else None,
            parent_id=organisation.parent_id,
            member_count=members[organisation.id],
        )
        for organisation in tree.by_id.values()
    ]


async def create(db: AsyncSession, runtime: Runtime, actor: Actor, body: OrganisationIn) -> uuid.UUID:
    """A new organisation below one the actor administers."""
    await organisation_for(db, actor, body.parent_id)
    organisation = Organisation(
        **body.model_dump(mode="json", exclude={"parent_id"}), parent_id=body.parent_id
    )
    organisation.created_at = runtime.clock.now()
    db.add(organisation)
    await _flush(db)
    return organisation.id


async def change(db: AsyncSession, actor: Actor, organisation_id: uuid.UUID, changes: dict[str, Any]) -> None:
    """Change an organisation; the new parent must be within the actor's scope too and not below itself."""
    organisation = await organisation_for(db, actor, organisation_id)
    parent_id = changes.get("parent_id")
    if parent_id is not None:
        await organisation_for(db, actor, parent_id)
        tree = await load_tree(db)
        if parent_id in tree.with_descendants([organisation_id]):
            raise OrganisationCycleError
    for name, value in changes.items():
        setattr(organisation, name, value)
    await _flush(db)


async def _flush(db: AsyncSession) -> None:
    try:
        await db.flush()
    except IntegrityError as error:
        raise OrganisationCodeTakenError from error
