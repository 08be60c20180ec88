"""Who is asking: the signed-in person of a request and the roles they hold.

How a request is recognised is the business of accounts; composition puts that function into
`Runtime.identify`.
"""

import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated

from fastapi import Depends
from starlette.requests import HTTPConnection

from lecture_api.core.runtime import runtime_of


class Role(StrEnum):
    """domain.md §4.5. Held by rows with a scope and dates, never by a column."""

    SYSTEM_ADMIN = "system_admin"
    SECURITY_AUDITOR = "security_auditor"
    COLLEGE_ADMIN = "college_admin"
    GENERAL_BRANCH_ADMIN = "general_branch_admin"
    SECRETARY = "secretary"
    COMMITTEE_MEMBER = "committee_member"
    LECTURER = "lecturer"
    MEMBER = "member"
    APPLICANT = "applicant"
    GUEST = "guest"
    VISITOR = "visitor"


@dataclass(frozen=True, slots=True)
class Grant:
    """A role in force now. `organisation_id` is None only for roles of the whole installation
    (system_admin)."""

    grant_id: uuid.UUID
    role: Role
    organisation_id: uuid.UUID | None


@dataclass(frozen=True, slots=True)
class Actor:
    """A signed-in person.

    Attributes:
        subject_id: the random id that evidence, tokens and ledgers use instead of `person_id` (joints.md
            §11).
        login_session_id: the login this request came with; extending it keeps a running lecture signed in.
    """

    person_id: uuid.UUID
    subject_id: uuid.UUID
    display_name: str
    locale: str
    grants: tuple[Grant, ...]
    login_session_id: uuid.UUID

    def organisations_as(self, roles: Iterable[Role]) -> frozenset[uuid.UUID]:
        """The organisations in which the person holds one of `roles` directly (descendants not included)."""
        wanted = set(roles)
        return frozenset(g.organisation_id for g in self.grants if g.role in wanted and g.organisation_id)

    def holds(self, role: Role) -> bool:
        """Whether the person holds `role` anywhere."""
        return any(grant.role is role for grant in self.grants)


async def current_actor(connection: HTTPConnection) -> Actor:
    """FastAPI dependency: the signed-in person.

    Raises:
        NotSignedInError: no valid login came with the request (401 `not_signed_in`).
    """
    identify = runtime_of(connection).identify
    actor = await identify(connection)
    assert isinstance(actor, Actor)
    return actor


CurrentActor = Annotated[Actor, Depends(current_actor)]
