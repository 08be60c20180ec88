"""The organisation tree as a value: who is above and below whom. Pure once loaded."""

import uuid
from collections import defaultdict
from collections.abc import Iterable

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from lecture_api.core.actor import Actor, Role
from lecture_api.core.wire_types import Ref
from lecture_api.organisations.models import Organisation, OrgType


class OrganisationTree:
    """All organisations of the installation: tens to hundreds of rows, so it is read whole."""

    def __init__(self, organisations: Iterable[Organisation]) -> None:
        self.by_id = {organisation.id: organisation for organisation in organisations}
        self._below: dict[uuid.UUID, list[uuid.UUID]] = defaultdict(list)
        for organisation in self.by_id.values():
            if organisation.parent_id is not None:
                self._below[organisation.parent_id].append(organisation.id)

    def ref(self, organisation_id: uuid.UUID | None) -> Ref | None:
        """Id and name, None for None or an unknown id."""
        found = self.by_id.get(organisation_id) if organisation_id else None
        return Ref(id=found.id, name=found.name) if found else None

    def with_descendants(self, organisation_ids: Iterable[uuid.UUID]) -> frozenset[uuid.UUID]:
        """The organisations and everything below them."""
        found: set[uuid.UUID] = set()
        waiting = list(organisation_ids)
        while waiting:
            current = waiting.pop()
            if current not in found:
                found.add(current)
                waiting.extend(self._below.get(current, ()))
        return frozenset(found)

    def lineage(self, organisation_id: uuid.UUID | None) -> frozenset[uuid.UUID]:
        """The organisation and everything above it; empty for None."""
        found: set[uuid.UUID] = set()
        while organisation_id is not None and organisation_id not in found:
            found.add(organisation_id)
            above = self.by_id.get(organisation_id)
            organisation_id = above.parent_id if above else None
        return frozenset(found)

    def is_external(self, organisation_id: uuid.UUID) -> bool:
        """Whether it belongs to somebody else's tree."""
        found = self.by_id.get(organisation_id)
        return found is not None and found.org_type == OrgType.EXTERNAL_ORGANIZATION

    def scope_of(self, actor: Actor, *roles: Role) -> frozenset[uuid.UUID]:
        """The organisations in which the actor acts as one of `roles`: a role reaches all below its
        organisation."""
        return self.with_descendants(actor.organisations_as(roles))


async def load_tree(db: AsyncSession) -> OrganisationTree:
    """The tree as it is now."""
    return OrganisationTree(await db.scalars(select(Organisation).order_by(Organisation.code)))
