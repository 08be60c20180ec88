"""What records refuse."""

from lecture_api.core.errors import ConflictError, NotFoundError


class NotOnRollError(NotFoundError):
    """The person is not convened here, or not on the part of the roll that the caller holds."""

    code = "not_on_roll"
    title = "This person is not on the roll you hold."


class CoverageTooSmallError(ConflictError):
    """Too little of the programme is covered to be declared."""

    code = "coverage_too_small"
    title = "Too little of the programme has been watched."


class ConvenedAlreadyError(ConflictError):
    """A convened person's record is kept by the roll; there is nothing to declare."""

    code = "convened_already"
    title = "You were convened; the roll keeps your record."


class NotOverError(ConflictError):
    """The gathering has not ended."""

    code = "not_over"
    title = "The gathering has not ended yet."
