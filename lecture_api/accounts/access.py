"""Who may see and administer which people: the only way to a person row from a handler (domain.md §4.5)."""

import uuid
from dataclasses import dataclass
from enum import StrEnum

from sqlalchemy import ColumnElement, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from lecture_api.accounts.errors import PersonNotFoundError
from lecture_api.accounts.models import Person, RoleGrant
from lecture_api.core.actor import Actor, Role
from lecture_api.core.clock import shanghai_day
from lecture_api.core.errors import NotAuthorisedError
from lecture_api.core.runtime import Runtime
from lecture_api.organisations.models import HomeAssignment
from lecture_api.organisations.tree import OrganisationTree, load_tree

_ADMINISTRATORS = (Role.COLLEGE_ADMIN, Role.GENERAL_BRANCH_ADMIN)
_READERS = (*_ADMINISTRATORS, Role.SECRETARY, Role.COMMITTEE_MEMBER)


class PersonNeed(StrEnum):
    """What a caller wants of a person."""

    SEE = "see"
    ADMINISTER = "administer"


@dataclass(frozen=True, slots=True)
class PeopleScope:
    """The people an actor reaches: those at home or with a role in `organisations`; `unplaced`: also those
    nowhere."""

    tree: OrganisationTree
    organisations: frozenset[uuid.UUID]
    unplaced: bool

    def condition(self, runtime: Runtime) -> ColumnElement[bool]:
        """The scope as a condition on Person."""
        today = shanghai_day(runtime.clock.now())
        at_home = select(HomeAssignment.person_id).where(
            or_(HomeAssignment.valid_to.is_(None), HomeAssignment.valid_to > today)
        )
        granted = select(RoleGrant.person_id).where(
            or_(RoleGrant.valid_until.is_(None), RoleGrant.valid_until > runtime.clock.now())
        )
        inside = or_(
            Person.id.in_(at_home.where(HomeAssignment.organisation_id.in_(self.organisations))),
            Person.id.in_(granted.where(RoleGrant.organisation_id.in_(self.organisations))),
        )
        if not self.unplaced:
            return inside
        return or_(inside, Person.id.not_in(at_home) & Person.id.not_in(granted))


async def people_scope(db: AsyncSession, actor: Actor, need: PersonNeed) -> PeopleScope:
    """The people the actor reaches for `need`.

    Raises:
        NotAuthorisedError: nobody at all.
    """
    tree = await load_tree(db)
    roles = _ADMINISTRATORS if need is PersonNeed.ADMINISTER else _READERS
    organisations = tree.scope_of(actor, *roles)
    if not organisations:
        raise NotAuthorisedError
    # Who has no place yet belongs to whoever administers the top of the tree.
    tops = {organisation.id for organisation in tree.by_id.values() if organisation.parent_id is None}
    return PeopleScope(tree, organisations, unplaced=bool(tops & tree.scope_of(actor, *_ADMINISTRATORS)))


async def person_for(
    db: AsyncSession, runtime: Runtime, actor: Actor, person_id: uuid.UUID, need: PersonNeed
) -> tuple[Person, PeopleScope]:
    """A person the actor reaches for `need`, with the scope in which that holds.

    Raises:
        NotAuthorisedError: the actor reaches nobody.
        PersonNotFoundError: no such person, or beyond reach: which of the two is not said.
    """
    scope = await people_scope(db, actor, need)
    person = await db.scalar(select(Person).where(Person.id == person_id, scope.condition(runtime)))
    if person is None:
        raise PersonNotFoundError
    return person, scope


async def refuse_takeover(db: AsyncSession, person_id: uuid.UUID, scope: PeopleScope) -> None:
    """Refuse changes to the account of someone whose roles reach beyond the actor's own (a way to more
    power).

    Raises:
        NotAuthorisedError: the person holds a role outside the scope, or one of the whole installation.
    """
    organisations = await db.scalars(
        select(RoleGrant.organisation_id).where(RoleGrant.person_id == person_id)
    )
    if any(organisation is None or organisation not in scope.organisations for organisation in organisations):
        raise NotAuthorisedError("the person's roles reach beyond yours")
