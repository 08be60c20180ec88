"""Administration of people: `/api/people`."""

import uuid
from typing import Annotated

from fastapi import APIRouter, Query, status

from lecture_api.accounts import people
from lecture_api.accounts.access import PersonNeed, people_scope, person_for, refuse_takeover
from lecture_api.accounts.events import LoginsEnded
from lecture_api.accounts.models import Person
from lecture_api.accounts.schemas import (
    HomeBranchIn,
    OneTimePassword,
    PersonCreated,
    PersonIn,
    PersonOut,
    PersonPatch,
    RoleIn,
)
from lecture_api.core.actor import CurrentActor
from lecture_api.core.clock import shanghai_day
from lecture_api.core.errors import NotAuthorisedError
from lecture_api.core.problem_details import PROBLEM_RESPONSES
from lecture_api.core.runtime import CurrentRuntime, Runtime
from lecture_api.core.security import new_password
from lecture_api.core.wire_types import Page
from lecture_api.organisations.events import HomeMoved
from lecture_api.organisations.homes import move_home
from lecture_api.organisations.tree import load_tree

router = APIRouter(prefix="/api/people", tags=["people"], responses=PROBLEM_RESPONSES)

SearchText = Annotated[str | None, Query(max_length=100, pattern=r"^[^\x00-\x1f]*$")]


@router.get("")
async def list_people(
    actor: CurrentActor,
    runtime: CurrentRuntime,
    q: SearchText = None,
    branch: uuid.UUID | None = None,
    cursor: uuid.UUID | None = None,
) -> Page[PersonOut]:
    """People within reach, in order of entry."""
    async with runtime.database.read() as db:
        scope = await people_scope(db, actor, PersonNeed.SEE)
        items, after = await people.list_people(db, runtime, scope, text=q, branch_id=branch, after=cursor)
    return Page(items=items, next_cursor=str(after) if after else None)


@router.post("", status_code=status.HTTP_201_CREATED)
async def create_person(body: PersonIn, actor: CurrentActor, runtime: CurrentRuntime) -> PersonCreated:
    """Enter a person, at home in a branch from today on if one is given."""
    password = new_password() if body.create_account else None
    hashed = await runtime.passwords.hash(password) if password else None
    now = runtime.clock.now()
    async with runtime.database.write() as db:
        scope = await people_scope(db, actor, PersonNeed.ADMINISTER)
        if body.home_branch_id not in scope.organisations and not (
            body.home_branch_id is None and scope.unplaced
        ):
            raise NotAuthorisedError("the branch is outside your scope")
        person = await people.create_person(
            db,
            runtime,
            person_no=body.person_no,
            display_name=body.display_name,
            person_category=body.person_category,
            membership_stage=body.membership_stage,
        )
        if body.home_branch_id is not None:
            await move_home(
                db,
                person_id=person.id,
                organisation_id=body.home_branch_id,
                valid_from=shanghai_day(now),
                now=now,
            )
        if hashed:
            await people.add_account(db, person.id, hashed, now, one_time=True)
        [described] = await people.describe(db, runtime, scope.tree, [person])
    return PersonCreated(person=described, one_time_password=password)


@router.patch("/{person_id}")
async def correct_person(
    person_id: uuid.UUID, body: PersonPatch, actor: CurrentActor, runtime: CurrentRuntime
) -> PersonOut:
    """Correct what is known of a person."""
    async with runtime.database.write() as db:
        person, _ = await person_for(db, runtime, actor, person_id, PersonNeed.ADMINISTER)
        for name, value in body.model_dump(exclude_unset=True, exclude_none=True).items():
            setattr(person, name, value)
    return await _person_out(runtime, person_id)


@router.put("/{person_id}/home-branch")
async def move_person(
    person_id: uuid.UUID, body: HomeBranchIn, actor: CurrentActor, runtime: CurrentRuntime
) -> PersonOut:
    """Move a person to another home branch from a day on."""
    async with runtime.database.write() as db:
        _, scope = await person_for(db, runtime, actor, person_id, PersonNeed.ADMINISTER)
        if body.organisation_id in scope.tree.by_id and body.organisation_id not in scope.organisations:
            raise NotAuthorisedError("the branch is outside your scope")
        await move_home(
            db,
            person_id=person_id,
            organisation_id=body.organisation_id,
            valid_from=body.valid_from,
            now=runtime.clock.now(),
        )
        await runtime.hooks.publish(db, HomeMoved(person_id, body.valid_from))
    return await _person_out(runtime, person_id)


@router.post("/{person_id}/roles", status_code=status.HTTP_201_CREATED)
async def grant_role(
    person_id: uuid.UUID, body: RoleIn, actor: CurrentActor, runtime: CurrentRuntime
) -> PersonOut:
    """Grant a role in an organisation and all below it."""
    async with runtime.database.write() as db:
        _, scope = await person_for(db, runtime, actor, person_id, PersonNeed.ADMINISTER)
        await people.grant_role(
            db,
            person_id=person_id,
            role=body.role,
            organisation_id=body.organisation_id,
            now=runtime.clock.now(),
            until=body.until,
            granted_by=actor.subject_id,
            scope=scope,
        )
    return await _person_out(runtime, person_id)


@router.delete("/{person_id}/roles/{grant_id}")
async def end_role(
    person_id: uuid.UUID, grant_id: uuid.UUID, actor: CurrentActor, runtime: CurrentRuntime
) -> PersonOut:
    """End a role now."""
    async with runtime.database.write() as db:
        _, scope = await person_for(db, runtime, actor, person_id, PersonNeed.ADMINISTER)
        await people.end_role(
            db, person_id=person_id, grant_id=grant_id, now=runtime.clock.now(), scope=scope
        )
    return await _person_out(runtime, person_id)


@router.post("/{person_id}/password-reset")
async def reset_password(
    person_id: uuid.UUID, actor: CurrentActor, runtime: CurrentRuntime
) -> OneTimePassword:
    """Issue a one-time password; every login of the person ends."""
    password = new_password()
    hashed = await runtime.passwords.hash(password)
    async with runtime.database.write() as db:
        _, scope = await person_for(db, runtime, actor, person_id, PersonNeed.ADMINISTER)
        await refuse_takeover(db, person_id, scope)
        await people.reset_password(db, person_id, hashed, runtime.clock.now())
        await runtime.hooks.publish(db, LoginsEnded(person_id))
    return OneTimePassword(one_time_password=password)


async def _person_out(runtime: Runtime, person_id: uuid.UUID) -> PersonOut:
    async with runtime.database.read() as db:
        person = await db.get_one(Person, person_id)
        [described] = await people.describe(db, runtime, await load_tree(db), [person])
    return described
