"""Bodies of requests and answers about people and accounts (docs/protocol/http_api.md, accounts)."""

import uuid
from datetime import date
from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from lecture_api.accounts.models import MembershipStage, PersonCategory
from lecture_api.core.actor import Role
from lecture_api.core.wire_types import Instant, Line, Ref, WireModel

Locale = Literal["zh-CN", "en"]
PersonNo = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,32}$")]
Password = Annotated[str, StringConstraints(min_length=1, max_length=200)]


class SignIn(WireModel):
    """What a person types to sign in."""

    person_no: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=64)]
    password: Password


class RoleOut(WireModel):
    """A role in force; `organisation` is null for roles of the whole installation."""

    grant_id: uuid.UUID
    role: Role
    organisation: Ref | None


class May(WireModel):
    """What the navigation offers."""

    administer_people: bool
    administer_organisations: bool
    create_gatherings: bool


class Me(WireModel):
    """The signed-in person."""

    person_id: uuid.UUID
    display_name: str
    person_no_masked: str
    locale: Locale
    roles: list[RoleOut]
    home_branch: Ref | None
    may: May
    password_is_one_time: bool


class LocaleIn(WireModel):
    """The language of the pages."""

    locale: Locale


class PasswordIn(WireModel):
    """A new password, and the old one as proof."""

    old: Password
    new: Password


class PersonOut(WireModel):
    """A person as an administrator sees them."""

    id: uuid.UUID
    display_name: str
    person_no_masked: str
    person_category: PersonCategory
    membership_stage: MembershipStage
    home_branch: Ref | None
    roles: list[RoleOut]
    has_account: bool


class PersonIn(WireModel):
    """A new person."""

    person_no: PersonNo
    display_name: Line
    person_category: PersonCategory
    membership_stage: MembershipStage
    home_branch_id: uuid.UUID | None = None
    create_account: bool = False


class PersonPatch(WireModel):
    """What may be corrected of a person; absent members stay."""

    display_name: Line | None = None
    person_category: PersonCategory | None = None
    membership_stage: MembershipStage | None = None


class PersonCreated(WireModel):
    """The new person; the one-time password is shown once and stored nowhere."""

    person: PersonOut
    one_time_password: str | None


class OneTimePassword(WireModel):
    """Shown once."""

    one_time_password: str


class HomeBranchIn(WireModel):
    """At home in this branch from that day (Asia/Shanghai) on."""

    organisation_id: uuid.UUID
    valid_from: Annotated[date, Field(alias="from")]


class RoleIn(WireModel):
    """A role to grant."""

    role: Role
    organisation_id: uuid.UUID
    until: Instant | None = None
