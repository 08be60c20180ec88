"""Signing in and out, one's own password and language, and what a person is told about themselves."""

import uuid

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from lecture_api.accounts import logins, throttle
from lecture_api.accounts.errors import CredentialsWrongError, PasswordTooWeakError
from lecture_api.accounts.events import LoginsEnded
from lecture_api.accounts.models import PERSON_NO_FIELD, Account, Person
from lecture_api.accounts.schemas import May, Me, RoleOut
from lecture_api.core.actor import Actor, Grant, Role
from lecture_api.core.clock import shanghai_day
from lecture_api.core.runtime import Runtime
from lecture_api.core.security import mask
from lecture_api.organisations.homes import home_branch_on
from lecture_api.organisations.tree import OrganisationTree, load_tree

PASSWORD_LENGTH_MIN = 10
_ADMINISTER_PEOPLE = (Role.COLLEGE_ADMIN, Role.GENERAL_BRANCH_ADMIN)
_CREATE_GATHERINGS = (*_ADMINISTER_PEOPLE, Role.SECRETARY, Role.COMMITTEE_MEMBER)


async def sign_in(runtime: Runtime, *, person_no: str, password: str, address: str) -> tuple[str, uuid.UUID]:
    """Check a number and a password; returns the login token and the person.

    Raises:
        TooManyAttemptsError: this account or this address has to wait (429, Retry-After).
        CredentialsWrongError: 401; takes as long for an unknown number as for a wrong password.
    """
    by_account = throttle.account_bucket(runtime.keys, person_no)
    by_address = throttle.address_bucket(runtime.keys, address)
    now = runtime.clock.now()
    async with runtime.database.write() as db:
        await throttle.refuse_if_blocked(db, [by_account, by_address], now)
        # Counted before the check, so that guesses sent side by side do not slip through; forgotten on
        # success.
        await throttle.count_failure(db, by_account, throttle.FREE_BY_ACCOUNT, now)
        account = await _account_by_no(db, runtime, person_no)
    usable = account is not None and account.disabled_at is None
    fits = await runtime.passwords.fits(password, account.password_hash if account and usable else None)
    async with runtime.database.write() as db:
        if account is None or not fits:
            await throttle.count_failure(db, by_address, throttle.FREE_BY_ADDRESS, now)
        else:
            await throttle.forget(db, by_account)
            token = await logins.begin(db, runtime, account.person_id)
    if account is None or not fits:
        raise CredentialsWrongError
    return token, account.person_id


async def change_password(runtime: Runtime, actor: Actor, *, old: str, new: str) -> None:
    """Set a new password; all other logins of the person end.

    Raises:
        CredentialsWrongError: the old one is wrong.
        PasswordTooWeakError: too short, or the same again.
        TooManyAttemptsError: the old one was guessed at too often.
    """
    if len(new) < PASSWORD_LENGTH_MIN or new == old:
        raise PasswordTooWeakError
    bucket = throttle.account_bucket(runtime.keys, f"change:{actor.person_id}")
    now = runtime.clock.now()
    async with runtime.database.write() as db:
        await throttle.refuse_if_blocked(db, [bucket], now)
        await throttle.count_failure(db, bucket, throttle.FREE_BY_ACCOUNT, now)
        account = await db.get_one(Account, actor.person_id)
    if not await runtime.passwords.fits(old, account.password_hash):
        raise CredentialsWrongError
    hashed = await runtime.passwords.hash(new)
    async with runtime.database.write() as db:
        await throttle.forget(db, bucket)
        account = await db.get_one(Account, actor.person_id)
        account.password_hash = hashed
        account.one_time = False
        await logins.revoke(db, now, person_id=actor.person_id, keep=actor.login_session_id)
        await runtime.hooks.publish(db, LoginsEnded(actor.person_id))


async def me(runtime: Runtime, person_id: uuid.UUID) -> Me:
    """What a person is told about themselves."""
    now = runtime.clock.now()
    async with runtime.database.read() as db:
        person = await db.get_one(Person, person_id)
        account = await db.get_one(Account, person_id)
        tree = await load_tree(db)
        grants = await logins.grants_in_force(db, person_id, now)
        home = await home_branch_on(db, person_id, shanghai_day(now))
    roles = {grant.role for grant in grants}
    return Me(
        person_id=person.id,
        display_name=person.display_name,
        person_no_masked=mask(runtime.keys.decrypt(person.person_no_encrypted, PERSON_NO_FIELD)),
        locale="en" if account.locale == "en" else "zh-CN",
        roles=role_list(grants, tree),
        home_branch=tree.ref(home),
        may=May(
            administer_people=not roles.isdisjoint(_ADMINISTER_PEOPLE),
            administer_organisations=not roles.isdisjoint(_ADMINISTER_PEOPLE),
            create_gatherings=not roles.isdisjoint(_CREATE_GATHERINGS),
        ),
        password_is_one_time=account.one_time,
    )


def role_list(grants: list[Grant], tree: OrganisationTree) -> list[RoleOut]:
    """Roles with the names of their organisations."""
    return [
        RoleOut(grant_id=grant.grant_id, role=grant.role, organisation=tree.ref(grant.organisation_id))
        for grant in grants
    ]


async def _account_by_no(db: AsyncSession, runtime: Runtime, person_no: str) -> Account | None:
    index = runtime.keys.index(person_no, PERSON_NO_FIELD)
    found: Account | None = await db.scalar(
        select(Account).join(Person, Person.id == Account.person_id).where(Person.person_no_index == index)
    )
    return found
