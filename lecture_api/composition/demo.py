"""Puts the fictional demo data into an empty database and makes its accounts, with passwords of this
installation only."""

import asyncio
import os
import uuid
from collections.abc import AsyncIterator, Iterator
from datetime import datetime, timedelta
from pathlib import Path

import httpx
from rich.console import Console
from rich.table import Table
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from lecture_api.accounts import people
from lecture_api.accounts.models import MembershipStage, Person, PersonCategory
from lecture_api.columns.models import TopicColumn
from lecture_api.composition import demo_data
from lecture_api.composition.building import build_runtime, close_runtime
from lecture_api.composition.demo_history import write_history
from lecture_api.core.actor import Role
from lecture_api.core.clock import shanghai_day, shanghai_day_bounds
from lecture_api.core.runtime import Runtime
from lecture_api.core.security import new_password
from lecture_api.gatherings.convened import replace_entries
from lecture_api.gatherings.editing import free_code, suggested_credit_hundredths
from lecture_api.gatherings.models import Gathering
from lecture_api.gatherings.page_state import ReplayRelease
from lecture_api.gatherings.states import GatheringState
from lecture_api.organisations.homes import move_home
from lecture_api.organisations.models import Organisation
from lecture_api.replays import service as replays
from lecture_api.settings import Settings

_ROLE_WORDS = {
    "college_admin": "college administrator 学院党委管理员",
    "secretary": "branch secretary 支部书记",
    "committee_member": "branch committee 支委",
    "guest": "guest 嘉宾",
    "applicant": "applicant 积极分子",
    None: "member 党员",
}
_MEMBERS_SINCE = timedelta(days=400)


def accounts_file(settings: Settings) -> Path:
    """Where the demo accounts' passwords are kept, 0600: number, password, name, role, separated by tabs."""
    return settings.data_dir / "demo-accounts.txt"


def load_if_empty(settings: Settings) -> Iterator[str]:
    """Load the demo data if the database holds nobody, while being iterated: lines say what was done.

    Blocking, with event loops of its own: never inside of one.
    """
    with asyncio.Runner() as runner:
        runtime = build_runtime(settings, media_http=httpx.AsyncClient(), recordings_http=httpx.AsyncClient())
        replays.register(runtime)
        lines = _load_if_empty(runtime)

        async def following() -> str | None:
            return await anext(lines, None)

        try:
            while (line := runner.run(following())) is not None:
                yield line
        finally:
            runner.run(close_runtime(runtime))


def print_accounts(settings: Settings, console: Console) -> None:
    """Show the demo accounts, if there are any."""
    path = accounts_file(settings)
    if not path.exists():
        return
    table = Table(title="demo accounts (fictional; passwords of this installation)", title_justify="left")
    for heading in ("number", "password", "name", "role"):
        table.add_column(heading)
    for line in path.read_text(encoding="utf-8").splitlines():
        if line and not line.startswith("#"):
            table.add_row(*line.split("\t"))
    console.print(table)


async def _load_if_empty(runtime: Runtime) -> AsyncIterator[str]:
    async with runtime.database.read() as db:
        occupied = await db.scalar(select(Person.id).limit(1)) or await db.scalar(
            select(Organisation.id).limit(1)
        )
    if occupied:
        yield "demo data: the database is not empty, nothing loaded"
        return
    passwords = {
        person.number: new_password() for person in (*demo_data.MEMBERS, *demo_data.OTHERS) if person.account
    }
    hashes = dict(
        zip(passwords, await asyncio.gather(*map(runtime.passwords.hash, passwords.values())), strict=True)
    )
    # Passwords first: better known passwords without accounts than the other way round.
    _keep_passwords(runtime.settings, passwords)
    now = runtime.clock.now()
    async with runtime.database.write() as db:
        organisations = await _organisations(db, now)
        persons = await _persons(db, runtime, organisations, hashes, now)
        columns = await _columns(db, now)
        gatherings = await _gatherings(db, organisations, persons, columns, now)
    yield f"demo data    {len(persons)} fictional people, {len(gatherings)} gatherings"
    over = [item for item in gatherings if item.state == GatheringState.ENDED]
    async for line in write_history(runtime, over):
        yield line


def _keep_passwords(settings: Settings, passwords: dict[str, str]) -> None:
    lines = ["# number\tpassword\tname\trole"]
    for person in (*demo_data.OTHERS[:1], *demo_data.MEMBERS, *demo_data.OTHERS[1:]):
        if person.number in passwords:
            role = _ROLE_WORDS[person.role]
            lines.append(f"{person.number}\t{passwords[person.number]}\t{person.name}\t{role}")
    path = accounts_file(settings)
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write("\n".join(lines) + "\n")


async def _organisations(db: AsyncSession, now: datetime) -> dict[str, uuid.UUID]:
    ids: dict[str, uuid.UUID] = {}
    for item in demo_data.ORGANISATIONS:
        row = Organisation(
            code=item.code,
            name=item.name,
            org_type=item.org_type,
            branch_kind=item.branch_kind,
            parent_id=ids[item.parent] if item.parent else None,
            created_at=now,
        )
        db.add(row)
        await db.flush()
        ids[item.code] = row.id
    return ids


async def _persons(
    db: AsyncSession,
    runtime: Runtime,
    organisations: dict[str, uuid.UUID],
    hashes: dict[str, str],
    now: datetime,
) -> dict[str, uuid.UUID]:
    ids: dict[str, uuid.UUID] = {}
    for item in (*demo_data.MEMBERS, *demo_data.OTHERS):
        person = await people.create_person(
            db,
            runtime,
            person_no=item.number,
            display_name=item.name,
            person_category=PersonCategory(item.category),
            membership_stage=MembershipStage(item.stage),
        )
        ids[item.number] = person.id
        if item.home:
            await move_home(
                db,
                person_id=person.id,
                organisation_id=organisations[item.home],
                valid_from=shanghai_day(now - _MEMBERS_SINCE),
                now=now,
            )
        if item.role and item.role_at:
            await people.grant_role(
                db,
                person_id=person.id,
                role=Role(item.role),
                organisation_id=organisations[item.role_at],
                now=now,
            )
        if item.number == demo_data.LECTURER:
            await people.grant_role(
                db, person_id=person.id, role=Role.LECTURER, organisation_id=organisations["O00"], now=now
            )
        if item.number in hashes:
            await people.add_account(db, person.id, hashes[item.number], now, one_time=False)
    return ids


async def _columns(db: AsyncSession, now: datetime) -> dict[str, uuid.UUID]:
    ids: dict[str, uuid.UUID] = {}
    for position, (title, description) in enumerate(demo_data.COLUMNS, start=1):
        row = TopicColumn(title=title, description=description, position=position, created_at=now)
        db.add(row)
        await db.flush()
        ids[title] = row.id
    return ids


async def _gatherings(
    db: AsyncSession,
    organisations: dict[str, uuid.UUID],
    persons: dict[str, uuid.UUID],
    columns: dict[str, uuid.UUID],
    now: datetime,
) -> list[Gathering]:
    rows = []
    for item in demo_data.GATHERINGS:
        start = scheduled_start(item, now)
        end = start + timedelta(minutes=item.minutes)
        over = item.days < 0
        row = Gathering(
            code=await free_code(db),
            title=item.title,
            description="演示数据，内容纯属虚构。",
            kind=item.kind,
            state=(GatheringState.ENDED if over else GatheringState.SCHEDULED).value,
            organisation_id=organisations[item.organisation],
            column_id=columns[item.column] if item.column else None,
            lecturer_id=persons[item.lecturer],
            host_id=persons[item.lecturer],
            scheduled_start=start,
            scheduled_end=end,
            actual_start=start if over else None,
            actual_end=end if over else None,
            may_watch=item.may_watch,
            replay_release=ReplayRelease.AT_END.value,
            credit_hundredths=suggested_credit_hundredths(start, end),
            created_at=now,
        )
        db.add(row)
        await db.flush()
        await replace_entries(
            db, row.id, organisation_ids=[organisations[code] for code in item.convened], person_ids=[]
        )
        rows.append(row)
    return rows


def scheduled_start(item: demo_data.DemoGathering, now: datetime) -> datetime:
    """When a demo gathering is scheduled, as seen from `now`."""
    if item.hour is None:
        # On the next full five minutes: doors are open when people look at it for the first time.
        return now.replace(minute=now.minute - now.minute % 5, second=0, microsecond=0) + timedelta(minutes=5)
    day = shanghai_day(now) + timedelta(days=item.days)
    return shanghai_day_bounds(day)[0] + timedelta(hours=item.hour)
