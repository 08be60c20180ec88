"""Who may do what with a gathering: the only way to a gathering row from outside this feature (domain.md
§4.5).

Handlers say what they need; no handler asks for a role.
"""

import uuid
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from lecture_api.accounts.models import Person
from lecture_api.core.actor import Actor, Role
from lecture_api.core.clock import Clock, shanghai_day
from lecture_api.core.ids import normalise_code
from lecture_api.gatherings.errors import GatheringNotFoundError, NotInvitedError
from lecture_api.gatherings.models import ConvenedEntry, ConvenedPerson, Gathering
from lecture_api.gatherings.states import GatheringState
from lecture_api.organisations.homes import home_branch_on
from lecture_api.organisations.tree import OrganisationTree, load_tree


class Need(StrEnum):
    """What a caller wants of a gathering."""

    WATCH = "watch"
    PUBLISH = "publish"
    HOST = "host"
    HOLD_ROLL = "hold_roll"
    EDIT = "edit"


class MayWatch(StrEnum):
    """Who besides the convened may watch (domain.md §4.2 `visibility`)."""

    PARTICIPANTS = "participants"
    BRANCH = "branch"
    COLLEGE = "college"


@dataclass(frozen=True, slots=True)
class Permissions:
    """What the actor may do with one gathering; the client shows only what is True."""

    watch: bool
    publish: bool
    host: bool
    hold_roll: bool
    edit: bool


@dataclass(frozen=True, slots=True)
class Admission:
    """A gathering as one actor may have it.

    Attributes:
        convened: the actor is expected: by the snapshot once there is one, else by the convened entries
            today.
        counted: the actor is in the snapshot: attendance is recorded (joints.md §10).
        roll_organisations: home branches whose people the actor may see on the roll; None means all of them.
    """

    gathering: Gathering
    permissions: Permissions
    convened: bool
    counted: bool
    roll_organisations: frozenset[uuid.UUID] | None


@dataclass(frozen=True, slots=True)
class Standing:
    """What of an actor decides about gatherings: loaded once a request."""

    actor: Actor
    tree: OrganisationTree
    home_branch_id: uuid.UUID | None
    home_lineage: frozenset[uuid.UUID]
    arranges: frozenset[uuid.UUID]
    keeps_roll: frozenset[uuid.UUID]
    administers: frozenset[uuid.UUID]
    belongs: bool


async def standing_of(db: AsyncSession, actor: Actor, clock: Clock) -> Standing:
    """The actor's standing today."""
    tree = await load_tree(db)
    home = await home_branch_on(db, actor.person_id, shanghai_day(clock.now()))
    guest_roles = (
        Role.GUEST,
        Role.LECTURER,
        Role.APPLICANT,
        Role.MEMBER,
        Role.COMMITTEE_MEMBER,
        Role.SECRETARY,
    )
    college_roles = (*guest_roles, Role.COLLEGE_ADMIN, Role.GENERAL_BRANCH_ADMIN)
    return Standing(
        actor=actor,
        tree=tree,
        home_branch_id=home,
        home_lineage=tree.lineage(home),
        arranges=tree.scope_of(
            actor, Role.COLLEGE_ADMIN, Role.GENERAL_BRANCH_ADMIN, Role.SECRETARY, Role.COMMITTEE_MEMBER
        ),
        keeps_roll=tree.scope_of(actor, Role.SECRETARY, Role.COMMITTEE_MEMBER),
        administers=actor.organisations_as([Role.COLLEGE_ADMIN, Role.GENERAL_BRANCH_ADMIN]),
        belongs=bool(actor.organisations_as(college_roles))
        or (home is not None and not tree.is_external(home)),
    )


async def admissions(
    db: AsyncSession, standing: Standing, gatherings: Sequence[Gathering]
) -> list[Admission]:
    """What the actor may do with each of `gatherings`, in two queries whatever their number."""
    ids = [gathering.id for gathering in gatherings]
    organisations: dict[uuid.UUID, set[uuid.UUID]] = defaultdict(set)
    invited: set[uuid.UUID] = set()
    for entry in await db.scalars(select(ConvenedEntry).where(ConvenedEntry.gathering_id.in_(ids))):
        if entry.organisation_id is not None:
            organisations[entry.gathering_id].add(entry.organisation_id)
        elif entry.person_id == standing.actor.person_id:
            invited.add(entry.gathering_id)
    counted = set(
        await db.scalars(
            select(ConvenedPerson.gathering_id).where(
                ConvenedPerson.gathering_id.in_(ids), ConvenedPerson.subject_id == standing.actor.subject_id
            )
        )
    )
    return [
        _admission(
            standing,
            gathering,
            convened_organisations=organisations[gathering.id],
            invited=gathering.id in invited,
            counted=gathering.id in counted,
        )
        for gathering in gatherings
    ]


async def gathering_for(
    db: AsyncSession, actor: Actor, clock: Clock, gathering_id: uuid.UUID, need: Need = Need.WATCH
) -> Admission:
    """The gathering, if the actor may have it for `need`.

    For everything but watching the row is locked (PostgreSQL), so what is read stays true until the commit.

    Raises:
        GatheringNotFoundError: no such gathering, or a draft of somebody else.
        NotInvitedError: it exists, and not for this (403 `not_authorised`, with who to ask).
    """
    statement = select(Gathering).where(Gathering.id == gathering_id)
    if need is not Need.WATCH:
        statement = statement.with_for_update()
    gathering = await db.scalar(statement)
    if gathering is None:
        raise GatheringNotFoundError
    return await _admitted(db, actor, clock, gathering, need)


async def gathering_by_code_for(db: AsyncSession, actor: Actor, clock: Clock, code: str) -> Admission:
    """The same by the code a person typed."""
    gathering = await db.scalar(select(Gathering).where(Gathering.code == normalise_code(code)))
    if gathering is None:
        raise GatheringNotFoundError
    return await _admitted(db, actor, clock, gathering, Need.WATCH)


async def _admitted(
    db: AsyncSession, actor: Actor, clock: Clock, gathering: Gathering, need: Need
) -> Admission:
    standing = await standing_of(db, actor, clock)
    [admission] = await admissions(db, standing, [gathering])
    if not getattr(admission.permissions, need.value):
        if gathering.state == GatheringState.DRAFT:
            raise GatheringNotFoundError
        raise NotInvitedError(extra={"ask": await _who_to_ask(db, standing.tree, gathering)})
    return admission


async def _who_to_ask(
    db: AsyncSession, tree: OrganisationTree, gathering: Gathering
) -> dict[str, str | None]:
    organisation = tree.ref(gathering.organisation_id)
    host = await db.get(Person, gathering.host_id) if gathering.host_id else None
    return {
        "organisation": organisation.name if organisation else None,
        "host": host.display_name if host else None,
    }


def _admission(
    standing: Standing,
    gathering: Gathering,
    *,
    convened_organisations: Iterable[uuid.UUID],
    invited: bool,
    counted: bool,
) -> Admission:
    person_id = standing.actor.person_id
    convened_organisations = set(convened_organisations)
    edit = gathering.organisation_id in standing.arranges or gathering.host_id == person_id
    host = edit or gathering.lecturer_id == person_id
    # Secretaries and recorders keep the whole roll of what their own organisation convenes; of a wider
    # gathering, and of a narrower one, the rows of their branch. Administrators keep that of their own
    # organisation's only.
    whole_roll = gathering.organisation_id in standing.keeps_roll | standing.administers
    convened_below = standing.tree.with_descendants(convened_organisations)
    own_rows = standing.keeps_roll & convened_below
    expected = invited or bool(standing.home_lineage & convened_organisations)
    convened = counted if gathering.actual_start is not None else expected
    allowed = {
        MayWatch.PARTICIPANTS: False,
        MayWatch.BRANCH: gathering.organisation_id in standing.home_lineage,
        MayWatch.COLLEGE: standing.belongs,
    }[MayWatch(gathering.may_watch)]
    visible = gathering.state != GatheringState.DRAFT
    return Admission(
        gathering=gathering,
        permissions=Permissions(
            watch=host or (visible and (bool(own_rows) or expected or counted or allowed)),
            publish=host,
            host=host,
            hold_roll=whole_roll or (visible and bool(own_rows)),
            edit=edit,
        ),
        convened=convened,
        counted=counted,
        roll_organisations=None if whole_roll else own_rows,
    )
