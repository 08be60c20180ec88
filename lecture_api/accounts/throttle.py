"""Slows down guessing of passwords: failures by account and by address, doubling waits. Rows, so a restart
forgets nothing."""

from datetime import datetime, timedelta

from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncSession

from lecture_api.accounts.models import SignInThrottle
from lecture_api.core.errors import TooManyAttemptsError
from lecture_api.core.security import KeyRing

#: Failures that cost nothing. An address may be a whole campus behind one router.
FREE_BY_ACCOUNT = 5
FREE_BY_ADDRESS = 30
LONGEST_WAIT = timedelta(minutes=15)
#: A bucket without a failure for so long starts anew.
FORGOTTEN_AFTER = timedelta(hours=1)


def account_bucket(keys: KeyRing, person_no: str) -> str:
    """The bucket of an account, whether it exists or not."""
    return keys.index(person_no, "throttle.account")


def address_bucket(keys: KeyRing, address: str) -> str:
    """The bucket of an address."""
    return keys.index(address, "throttle.address")


def wait_after(failures: int, free: int) -> timedelta:
    """How long the next attempt must wait: nothing while failures are free, then 2, 4, 8 … s, at most 15
    min."""
    if failures < free:
        return timedelta()
    return min(timedelta(seconds=2 ** min(failures - free + 1, 20)), LONGEST_WAIT)


async def refuse_if_blocked(db: AsyncSession, buckets: list[str], now: datetime) -> None:
    """Raises TooManyAttemptsError with Retry-After while one of the buckets waits."""
    for bucket in buckets:
        row = await db.get(SignInThrottle, bucket)
        if row is not None and row.blocked_until > now:
            wait_s = int((row.blocked_until - now).total_seconds()) + 1
            raise TooManyAttemptsError(extra={"retry_after_s": wait_s}, headers={"Retry-After": str(wait_s)})


async def count_failure(db: AsyncSession, bucket: str, free: int, now: datetime) -> None:
    """One more failure of a bucket. Two first failures at once are two failures of one row."""
    insert = sqlite.insert if db.get_bind().dialect.name == "sqlite" else postgresql.insert
    fresh = insert(SignInThrottle).values(bucket=bucket, failures=0, blocked_until=now, last_failure_at=now)
    await db.execute(fresh.on_conflict_do_nothing())
    row = await db.get_one(SignInThrottle, bucket, with_for_update=True)
    if now - row.last_failure_at > FORGOTTEN_AFTER:
        row.failures = 0
    row.failures += 1
    row.last_failure_at = now
    row.blocked_until = now + wait_after(row.failures, free)


async def forget(db: AsyncSession, bucket: str) -> None:
    """The bucket's owner has proved itself."""
    row = await db.get(SignInThrottle, bucket)
    if row is not None:
        await db.delete(row)
