"""Tables of people, accounts, login sessions, role grants and the sign-in throttle."""

import uuid
from datetime import datetime
from enum import StrEnum

from sqlalchemy import ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from lecture_api.core.database import Base
from lecture_api.core.ids import new_id, random_id

#: Name of the encrypted field, bound into its ciphertext and its index.
PERSON_NO_FIELD = "person.person_no"


class PersonCategory(StrEnum):
    """domain.md §4.2 `person_category`."""

    UNDERGRADUATE = "undergraduate"
    MASTER_STUDENT = "master_student"
    DOCTORAL_STUDENT = "doctoral_student"
    FACULTY_STAFF = "faculty_staff"
    RETIREE = "retiree"
    ALUMNUS = "alumnus"
    EXTERNAL = "external"


class MembershipStage(StrEnum):
    """domain.md §4.2 `membership_stage`."""

    MASSES = "masses"
    APPLICANT = "applicant"
    ACTIVIST = "activist"
    DEVELOPMENT_TARGET = "development_target"
    PROBATIONARY_MEMBER = "probationary_member"
    FULL_MEMBER = "full_member"


class Person(Base):
    """Someone the organisation knows. No ID number, birth date, family, religion or health (domain.md
    §4.1)."""

    __tablename__ = "person"

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=new_id)
    display_name: Mapped[str]
    person_no_encrypted: Mapped[str]
    person_no_index: Mapped[str] = mapped_column(unique=True)
    person_category: Mapped[str]
    membership_stage: Mapped[str]
    created_at: Mapped[datetime]


class PersonSubject(Base):
    """The one place that says who a subject id is; deleting the row makes evidence anonymous (joints.md
    §11)."""

    __tablename__ = "person_subject"

    subject_id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=random_id)
    person_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("person.id", ondelete="CASCADE"), unique=True)


class Account(Base):
    """How a person signs in. `one_time`: the password was issued and is to be changed."""

    __tablename__ = "account"

    person_id: Mapped[uuid.UUID] = mapped_column(
        ForeignKey("person.id", ondelete="CASCADE"), primary_key=True
    )
    password_hash: Mapped[str]
    one_time: Mapped[bool] = mapped_column(default=False)
    locale: Mapped[str] = mapped_column(default="zh-CN")
    disabled_at: Mapped[datetime | None]
    created_at: Mapped[datetime]


class LoginSession(Base):
    """A signed-in browser. The cookie's token is stored as a hash; expiry is judged by `accounts.logins`."""

    __tablename__ = "login_session"

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=new_id)
    person_id: Mapped[uuid.UUID] = mapped_column(
        ForeignKey("account.person_id", ondelete="CASCADE"), index=True
    )
    token_hash: Mapped[str] = mapped_column(unique=True)
    created_at: Mapped[datetime]
    idle_until: Mapped[datetime]
    absolute_until: Mapped[datetime]
    revoked_at: Mapped[datetime | None]


class RoleGrant(Base):
    """A role in an organisation and all below it, in force over [valid_from, valid_until)."""

    __tablename__ = "role_grant"

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=new_id)
    person_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("person.id", ondelete="CASCADE"), index=True)
    role: Mapped[str]
    organisation_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("organisation.id"), index=True)
    valid_from: Mapped[datetime]
    valid_until: Mapped[datetime | None]
    granted_by: Mapped[uuid.UUID | None]
    """Subject id of the grantor; None for the command line."""


class SignInThrottle(Base):
    """Failed sign-ins of one account or one address; the bucket is an HMAC, so it names neither."""

    __tablename__ = "sign_in_throttle"

    bucket: Mapped[str] = mapped_column(primary_key=True)
    failures: Mapped[int]
    blocked_until: Mapped[datetime]
    last_failure_at: Mapped[datetime]
