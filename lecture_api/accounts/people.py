"""Administration of people: create, correct, move, grant roles, issue passwords. Who may is in `access`."""

import uuid
from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import or_, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from lecture_api.accounts import logins
from lecture_api.accounts.access import PeopleScope
from lecture_api.accounts.errors import (
    GrantNotFoundError,
    NoAccountError,
    PersonNoTakenError,
    RoleNotGrantableError,
)
from lecture_api.accounts.models import (
    PERSON_NO_FIELD,
    Account,
    MembershipStage,
    Person,
    PersonCategory,
    PersonSubject,
    RoleGrant,
)
from lecture_api.accounts.schemas import PersonOut
from lecture_api.accounts.service import role_list
from lecture_api.core.actor import Grant, Role
from lecture_api.core.clock import shanghai_day
from lecture_api.core.errors import NotAuthorisedError
from lecture_api.core.runtime import Runtime
from lecture_api.core.security import mask
from lecture_api.organisations.homes import homes_on
from lecture_api.organisations.tree import OrganisationTree

#: Roles of the whole installation: the three keep apart, so only the command line grants them (domain.md
# §4.5).
INSTALLATION_ROLES = frozenset({Role.SYSTEM_ADMIN, Role.SECURITY_AUDITOR})
PAGE_SIZE = 100


async def create_person(
    db: AsyncSession,
    runtime: Runtime,
    *,
    person_no: str,
    display_name: str,
    person_category: PersonCategory,
    membership_stage: MembershipStage,
) -> Person:
    """A new person with a subject id of their own.

    Raises:
        PersonNoTakenError: the number is somebody else's.
    """
    person = Person(
        display_name=display_name,
        person_no_encrypted=runtime.keys.encrypt(person_no, PERSON_NO_FIELD),
        person_no_index=runtime.keys.index(person_no, PERSON_NO_FIELD),
        person_category=person_category.value,
        membership_stage=membership_stage.value,
        created_at=runtime.clock.now(),
    )
    db.add(person)
    try:
        await db.flush()
    except IntegrityError as error:
        raise PersonNoTakenError from error
    db.add(PersonSubject(person_id=person.id))
    await db.flush()
    return person


async def add_account(
    db: AsyncSession, person_id: uuid.UUID, password_hash: str, now: datetime, *, one_time: bool
) -> None:
    """Let a person sign in. The password is hashed by the caller, outside the transaction."""
    db.add(Account(person_id=person_id, password_hash=password_hash, one_time=one_time, created_at=now))
    await db.flush()


async def reset_password(db: AsyncSession, person_id: uuid.UUID, password_hash: str, now: datetime) -> None:
    """Replace the password by an issued one; every login of the person ends.

    Raises:
        NoAccountError: there is none to reset.
    """
    account = await db.get(Account, person_id)
    if account is None:
        raise NoAccountError
    account.password_hash = password_hash
    account.one_time = True
    await logins.revoke(db, now, person_id=person_id)


async def grant_role(
    db: AsyncSession,
    *,
    person_id: uuid.UUID,
    role: Role,
    organisation_id: uuid.UUID | None,
    now: datetime,
    until: datetime | None = None,
    granted_by: uuid.UUID | None = None,
    scope: PeopleScope | None = None,
) -> RoleGrant:
    """Grant a role from now on. `scope`: of the acting administrator; None on the command line, which may
    all.

    Raises:
        RoleNotGrantableError: a role of the installation, or an end that has passed.
        NotAuthorisedError: the organisation is outside the administrator's scope.
    """
    if scope is not None:
        if role in INSTALLATION_ROLES or (until is not None and until <= now):
            raise RoleNotGrantableError
        if organisation_id not in scope.organisations:
            raise NotAuthorisedError("the organisation is outside your scope")
    grant = RoleGrant(
        person_id=person_id,
        role=role.value,
        organisation_id=organisation_id,
        valid_from=now,
        valid_until=until,
        granted_by=granted_by,
    )
    db.add(grant)
    await db.flush()
    return grant


async def end_role(
    db: AsyncSession, *, person_id: uuid.UUID, grant_id: uuid.UUID, now: datetime, scope: PeopleScope
) -> None:
    """The role ends now; the row stays as history.

    Raises:
        GrantNotFoundError: the person holds no such role within the scope.
    """
    grant = await db.get(RoleGrant, grant_id)
    over = grant is None or (grant.valid_until is not None and grant.valid_until <= now)
    if (
        grant is None
        or over
        or grant.person_id != person_id
        or grant.organisation_id not in scope.organisations
    ):
        raise GrantNotFoundError
    grant.valid_until = now


async def list_people(
    db: AsyncSession,
    runtime: Runtime,
    scope: PeopleScope,
    *,
    text: str | None,
    branch_id: uuid.UUID | None,
    after: uuid.UUID | None,
) -> tuple[list[PersonOut], uuid.UUID | None]:
    """A page of people in order of entry, and the id to go on after.

    Args:
        text: part of a name, or a whole person number.
        branch_id: only those at home there or below.
        after: id of the last person of the page before.
    """
    statement = select(Person).where(scope.condition(runtime)).order_by(Person.id).limit(PAGE_SIZE + 1)
    if text:
        by_no = Person.person_no_index == runtime.keys.index(text, PERSON_NO_FIELD)
        statement = statement.where(or_(Person.display_name.contains(text, autoescape=True), by_no))
    if branch_id is not None:
        below = scope.tree.with_descendants([branch_id])
        homes = await homes_on(db, shanghai_day(runtime.clock.now()), organisation_ids=below)
        statement = statement.where(Person.id.in_(list(homes)))
    if after is not None:
        statement = statement.where(Person.id > after)
    people = (await db.scalars(statement)).all()
    page = people[:PAGE_SIZE]
    return await describe(db, runtime, scope.tree, page), (page[-1].id if len(people) > PAGE_SIZE else None)


async def describe(
    db: AsyncSession, runtime: Runtime, tree: OrganisationTree, people: Sequence[Person]
) -> list[PersonOut]:
    """People as an administrator sees them, in three queries whatever their number."""
    now = runtime.clock.now()
    ids = [person.id for person in people]
    homes = await homes_on(db, shanghai_day(now), person_ids=ids)
    accounts = set(await db.scalars(select(Account.person_id).where(Account.person_id.in_(ids))))
    grants: dict[uuid.UUID, list[Grant]] = {person_id: [] for person_id in ids}
    rows = await db.scalars(
        select(RoleGrant)
        .where(RoleGrant.person_id.in_(ids), RoleGrant.valid_from <= now)
        .where(or_(RoleGrant.valid_until.is_(None), RoleGrant.valid_until > now))
        .order_by(RoleGrant.id)
    )
    for row in rows:
        grants[row.person_id].append(Grant(row.id, Role(row.role), row.organisation_id))
    return [
        PersonOut(
            id=person.id,
            display_name=person.display_name,
            person_no_masked=mask(runtime.keys.decrypt(person.person_no_encrypted, PERSON_NO_FIELD)),
            person_category=PersonCategory(person.person_category),
            membership_stage=MembershipStage(person.membership_stage),
            home_branch=tree.ref(homes.get(person.id)),
            roles=role_list(grants[person.id], tree),
            has_account=person.id in accounts,
        )
        for person in people
    ]


async def person_by_no(db: AsyncSession, runtime: Runtime, person_no: str) -> Person | None:
    """The person with this number."""
    index = runtime.keys.index(person_no, PERSON_NO_FIELD)
    found: Person | None = await db.scalar(select(Person).where(Person.person_no_index == index))
    return found
