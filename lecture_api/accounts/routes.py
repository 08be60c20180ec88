"""Signing in and out and what is one's own: `/api/sign-in`, `/api/sign-out`, `/api/me`."""

from fastapi import APIRouter, Request, Response, status

from lecture_api.accounts import logins, service
from lecture_api.accounts.events import LoginsEnded
from lecture_api.accounts.models import Account
from lecture_api.accounts.schemas import LocaleIn, Me, PasswordIn, SignIn
from lecture_api.core.actor import CurrentActor
from lecture_api.core.errors import NotSignedInError
from lecture_api.core.problem_details import PROBLEM_RESPONSES
from lecture_api.core.runtime import CurrentRuntime

router = APIRouter(prefix="/api", tags=["accounts"], responses=PROBLEM_RESPONSES)


@router.post("/sign-in")
async def sign_in(body: SignIn, request: Request, response: Response, runtime: CurrentRuntime) -> Me:
    """Sign in with person number and password; sets the login cookie."""
    address = request.client.host if request.client else "unknown"
    token, person_id = await service.sign_in(
        runtime, person_no=body.person_no, password=body.password, address=address
    )
    # A proxy that is not trusted to say so may have taken the TLS off.
    secure = request.url.scheme == "https" or (runtime.settings.public_url or "").startswith("https:")
    logins.set_cookie(response, token, secure=secure, days=runtime.settings.login_days)
    return await service.me(runtime, person_id)


@router.post("/sign-out", status_code=status.HTTP_204_NO_CONTENT)
async def sign_out(request: Request, response: Response, runtime: CurrentRuntime) -> None:
    """End this login. Also fine when there is none."""
    try:
        actor = await runtime.identify(request)
    except NotSignedInError:
        pass
    else:
        async with runtime.database.write() as db:
            await logins.revoke_one(db, runtime.clock.now(), actor.login_session_id)
            await runtime.hooks.publish(db, LoginsEnded(actor.person_id))
    response.delete_cookie(logins.COOKIE, path="/")


@router.get("/me")
async def me(actor: CurrentActor, runtime: CurrentRuntime) -> Me:
    """The signed-in person."""
    return await service.me(runtime, actor.person_id)


@router.put("/me/locale")
async def set_locale(body: LocaleIn, actor: CurrentActor, runtime: CurrentRuntime) -> Me:
    """Choose the language of the pages."""
    async with runtime.database.write() as db:
        account = await db.get_one(Account, actor.person_id)
        account.locale = body.locale
    return await service.me(runtime, actor.person_id)


@router.put("/me/password", status_code=status.HTTP_204_NO_CONTENT)
async def set_password(body: PasswordIn, actor: CurrentActor, runtime: CurrentRuntime) -> None:
    """Set a new password; all other logins end."""
    await service.change_password(runtime, actor, old=body.old, new=body.new)
