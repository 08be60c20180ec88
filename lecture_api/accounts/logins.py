"""Login sessions: made at sign-in, recognised by cookie, kept alive by use.

Expiry never cuts a running lecture: an open room channel and media grants extend the login they belong to,
beyond its absolute end if need be.
"""

import uuid
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta

from sqlalchemy import or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.requests import HTTPConnection
from starlette.responses import Response

from lecture_api.accounts.models import Account, LoginSession, Person, PersonSubject, RoleGrant
from lecture_api.core.actor import Actor, Grant, Role
from lecture_api.core.errors import NotSignedInError
from lecture_api.core.runtime import Runtime
from lecture_api.core.security import new_token, token_hash

COOKIE = "zhijian_login"
#: A login in use in a lecture lasts at least so long from the last sign of use.
LECTURE_GRACE = timedelta(hours=2)
#: How much later the end must become before it is worth a write.
_WORTH_WRITING = timedelta(minutes=1)


async def begin(db: AsyncSession, runtime: Runtime, person_id: uuid.UUID) -> str:
    """Make a login session; returns the token for the cookie, which is stored nowhere."""
    now = runtime.clock.now()
    token = new_token()
    db.add(
        LoginSession(
            person_id=person_id,
            token_hash=token_hash(token),
            created_at=now,
            idle_until=now + timedelta(minutes=runtime.settings.login_idle_minutes),
            absolute_until=now + timedelta(days=runtime.settings.login_days),
        )
    )
    await db.flush()
    return token


async def revoke(
    db: AsyncSession, now: datetime, *, person_id: uuid.UUID, keep: uuid.UUID | None = None
) -> None:
    """End all logins of a person, except `keep`."""
    statement = update(LoginSession).where(
        LoginSession.person_id == person_id, LoginSession.revoked_at.is_(None)
    )
    if keep is not None:
        statement = statement.where(LoginSession.id != keep)
    await db.execute(statement.values(revoked_at=now))


async def revoke_one(db: AsyncSession, now: datetime, login_session_id: uuid.UUID) -> None:
    """End this login."""
    await db.execute(update(LoginSession).where(LoginSession.id == login_session_id).values(revoked_at=now))


def set_cookie(response: Response, token: str, *, secure: bool, days: int) -> None:
    """Hand the token to the browser: HttpOnly, SameSite=Lax, Secure on https."""
    response.set_cookie(
        COOKIE, token, max_age=days * 86400, path="/", httponly=True, samesite="lax", secure=secure
    )


def identifier(runtime: Runtime) -> Callable[[HTTPConnection], Awaitable[Actor]]:
    """What composition puts into `Runtime.identify`: the person behind a request's cookie."""

    async def identify(connection: HTTPConnection) -> Actor:
        token = connection.cookies.get(COOKIE)
        if not token:
            raise NotSignedInError
        now = runtime.clock.now()
        async with runtime.database.read() as db:
            actor, login = await _recognise(db, token, now)
        idle_until = now + timedelta(minutes=runtime.settings.login_idle_minutes)
        if idle_until - login.idle_until > _WORTH_WRITING:
            async with runtime.database.write() as db:
                await db.execute(
                    update(LoginSession).where(LoginSession.id == login.id).values(idle_until=idle_until)
                )
        return actor

    return identify


def extender(runtime: Runtime) -> Callable[[uuid.UUID], Awaitable[None]]:
    """What composition puts into `Runtime.extend_login`."""

    async def extend(login_session_id: uuid.UUID) -> None:
        now = runtime.clock.now()
        async with runtime.database.read() as db:
            login = await db.get(LoginSession, login_session_id)
        if login is None or login.revoked_at is not None:
            return
        idle_until = max(login.idle_until, now + timedelta(minutes=runtime.settings.login_idle_minutes))
        absolute_until = max(login.absolute_until, now + LECTURE_GRACE)
        later = (idle_until - login.idle_until) + (absolute_until - login.absolute_until)
        if later > _WORTH_WRITING:
            async with runtime.database.write() as db:
                await db.execute(
                    update(LoginSession)
                    .where(LoginSession.id == login_session_id)
                    .values(idle_until=idle_until, absolute_until=absolute_until)
                )

    return extend


async def _recognise(db: AsyncSession, token: str, now: datetime) -> tuple[Actor, LoginSession]:
    found = (
        await db.execute(
            select(LoginSession, Account, Person, PersonSubject)
            .join(Account, Account.person_id == LoginSession.person_id)
            .join(Person, Person.id == Account.person_id)
            .join(PersonSubject, PersonSubject.person_id == Person.id)
            .where(LoginSession.token_hash == token_hash(token))
        )
    ).one_or_none()
    if found is None:
        raise NotSignedInError
    login, account, person, subject = found
    over = login.revoked_at is not None or min(login.idle_until, login.absolute_until) <= now
    if over or account.disabled_at is not None:
        raise NotSignedInError
    return (
        Actor(
            person_id=person.id,
            subject_id=subject.subject_id,
            display_name=person.display_name,
            locale=account.locale,
            grants=tuple(await grants_in_force(db, person.id, now)),
            login_session_id=login.id,
        ),
        login,
    )


async def grants_in_force(db: AsyncSession, person_id: uuid.UUID, now: datetime) -> list[Grant]:
    """The roles a person holds at `now`."""
    rows = await db.scalars(
        select(RoleGrant)
        .where(
            RoleGrant.person_id == person_id,
            RoleGrant.valid_from <= now,
            or_(RoleGrant.valid_until.is_(None), RoleGrant.valid_until > now),
        )
        .order_by(RoleGrant.id)
    )
    return [Grant(row.id, Role(row.role), row.organisation_id) for row in rows]
