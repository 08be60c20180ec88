"""Tables of the organisation tree and of home assignments."""

import uuid
from datetime import date, datetime
from enum import StrEnum

from sqlalchemy import CheckConstraint, ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from lecture_api.core.database import Base
from lecture_api.core.ids import new_id


class OrgType(StrEnum):
    """domain.md §4.2 `org_type`."""

    COLLEGE_COMMITTEE = "college_committee"
    GENERAL_BRANCH = "general_branch"
    BRANCH = "branch"
    JOINT_BRANCH = "joint_branch"
    TEMPORARY_BRANCH = "temporary_branch"
    EXTERNAL_ORGANIZATION = "external_organization"


class BranchKind(StrEnum):
    """domain.md §4.2 `branch_kind`."""

    STUDENT = "student"
    FACULTY = "faculty"
    MIXED = "mixed"
    RETIRED = "retired"
    ALUMNI = "alumni"


#: Organisations a member can be at home in.
HOME_TYPES = frozenset({OrgType.BRANCH, OrgType.JOINT_BRANCH, OrgType.TEMPORARY_BRANCH})


class Organisation(Base):
    """A node of the tree; one installation has one tree, other colleges are external organisations."""

    __tablename__ = "organisation"

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=new_id)
    code: Mapped[str] = mapped_column(unique=True)
    name: Mapped[str]
    org_type: Mapped[str]
    branch_kind: Mapped[str | None]
    parent_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("organisation.id"), index=True)
    created_at: Mapped[datetime]


class HomeAssignment(Base):
    """A person's home branch on the days [valid_from, valid_to); no two of a person overlap (the database
    refuses)."""

    __tablename__ = "home_assignment"
    __table_args__ = (
        CheckConstraint("valid_to IS NULL OR valid_to > valid_from", name="range"),
        Index("ix_home_assignment_person_id_valid_from", "person_id", "valid_from"),
        Index("ix_home_assignment_organisation_id", "organisation_id"),
    )

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=new_id)
    person_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("person.id", ondelete="CASCADE"))
    organisation_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("organisation.id"))
    valid_from: Mapped[date]
    valid_to: Mapped[date | None]
    recorded_at: Mapped[datetime]
