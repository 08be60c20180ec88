"""What the command line may do with people: the first administrator, roles of the whole installation."""

from dataclasses import dataclass

import httpx
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from lecture_api.accounts import people
from lecture_api.accounts.models import MembershipStage, PersonCategory
from lecture_api.composition.building import build_runtime, close_runtime
from lecture_api.core.actor import Role
from lecture_api.core.runtime import Runtime
from lecture_api.core.security import new_password
from lecture_api.organisations.models import Organisation, OrgType
from lecture_api.settings import Settings


@dataclass(frozen=True, slots=True)
class NewUser:
    """What `zhijian user add` was told."""

    person_no: str
    name: str
    role: str | None
    organisation: str | None
    college: str | None


@dataclass(frozen=True, slots=True)
class AddedUser:
    """What it answers."""

    person_no: str
    password: str


async def add_user(settings: Settings, new: NewUser) -> AddedUser:
    """Add a person with an account.

    Raises:
        ValueError: an unknown role or organisation, or a role that needs an organisation and has none.
        PersonNoTakenError: the number is somebody's.
    """
    role = Role(new.role) if new.role else None
    runtime = build_runtime(settings, media_http=httpx.AsyncClient(), recordings_http=httpx.AsyncClient())
    try:
        password = new_password()
        hashed = await runtime.passwords.hash(password)
        now = runtime.clock.now()
        async with runtime.database.write() as db:
            organisation = await _organisation(db, runtime, new)
            if role is not None and role not in people.INSTALLATION_ROLES and organisation is None:
                raise ValueError(f"the role {role.value} needs --organisation")
            person = await people.create_person(
                db,
                runtime,
                person_no=new.person_no,
                display_name=new.name,
                person_category=PersonCategory.FACULTY_STAFF,
                membership_stage=MembershipStage.MASSES,
            )
            await people.add_account(db, person.id, hashed, now, one_time=True)
            if role is not None:
                scope = None if role in people.INSTALLATION_ROLES else organisation
                await people.grant_role(
                    db, person_id=person.id, role=role, organisation_id=scope.id if scope else None, now=now
                )
    finally:
        await close_runtime(runtime)
    return AddedUser(new.person_no, password)


async def _organisation(db: AsyncSession, runtime: Runtime, new: NewUser) -> Organisation | None:
    if new.college is not None:
        if await db.scalar(select(Organisation.id).limit(1)) is not None:
            raise ValueError("--college is for an empty database; there are organisations already")
        college = Organisation(
            code="O00",
            name=new.college,
            org_type=OrgType.COLLEGE_COMMITTEE.value,
            branch_kind=None,
            parent_id=None,
            created_at=runtime.clock.now(),
        )
        db.add(college)
        await db.flush()
        return college
    if new.organisation is None:
        return None
    found: Organisation | None = await db.scalar(
        select(Organisation).where(Organisation.code == new.organisation)
    )
    if found is None:
        raise ValueError(f"no organisation of this code: {new.organisation}")
    return found
