"""Bodies of requests and answers about organisations (docs/protocol/http_api.md)."""

import uuid
from typing import Annotated

from pydantic import StringConstraints

from lecture_api.core.wire_types import Line, WireModel
from lecture_api.organisations.models import BranchKind, OrgType

Code = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,32}$")]


class OrganisationOut(WireModel):
    """A node of the tree; `member_count` counts who is at home there today."""

    id: uuid.UUID
    code: str
    name: str
    org_type: OrgType
    branch_kind: BranchKind | None
    parent_id: uuid.UUID | None
    member_count: int


class OrganisationList(WireModel):
    """The whole tree, in order of codes."""

    items: list[OrganisationOut]


class OrganisationIn(WireModel):
    """A new organisation below `parent_id`."""

    code: Code
    name: Line
    org_type: OrgType
    branch_kind: BranchKind | None = None
    parent_id: uuid.UUID


class OrganisationPatch(WireModel):
    """What may be changed; absent members stay."""

    code: Code | None = None
    name: Line | None = None
    branch_kind: BranchKind | None = None
    parent_id: uuid.UUID | None = None
