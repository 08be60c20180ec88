"""What can go wrong with organisations and home assignments."""

from lecture_api.core.errors import ConflictError, InvalidError, NotFoundError


class OrganisationNotFoundError(NotFoundError):
    """No organisation of this id."""

    code = "organisation_not_found"
    title = "There is no such organisation."


class OrganisationCodeTakenError(ConflictError):
    """Another organisation has the code."""

    code = "organisation_code_taken"
    title = "Another organisation has this code."


class OrganisationCycleError(InvalidError):
    """The new parent lies below the organisation itself."""

    code = "organisation_cycle"
    title = "An organisation cannot be below itself."


class NotAHomeError(InvalidError):
    """Only branches can be a home."""

    code = "not_a_home_branch"
    title = "Members are at home in branches only."


class HomeAssignmentOverlapsError(ConflictError):
    """The person has another home branch in that time."""

    code = "home_assignment_overlaps"
    title = "The person has another home branch in that time."
