"""Who may change which organisation. Reading the tree is for everyone signed in."""

import uuid

from sqlalchemy.ext.asyncio import AsyncSession

from lecture_api.core.actor import Actor, Role
from lecture_api.core.errors import NotAuthorisedError
from lecture_api.organisations.errors import OrganisationNotFoundError
from lecture_api.organisations.models import Organisation
from lecture_api.organisations.tree import load_tree


async def organisation_for(db: AsyncSession, actor: Actor, organisation_id: uuid.UUID) -> Organisation:
    """An organisation the actor administers.

    Raises:
        OrganisationNotFoundError: there is none of this id.
        NotAuthorisedError: it is outside the actor's scope.
    """
    tree = await load_tree(db)
    organisation = tree.by_id.get(organisation_id)
    if organisation is None:
        raise OrganisationNotFoundError
    if organisation_id not in tree.scope_of(actor, Role.COLLEGE_ADMIN, Role.GENERAL_BRANCH_ADMIN):
        raise NotAuthorisedError
    return organisation
