"""What can go wrong with columns."""

from lecture_api.core.errors import ConflictError, NotFoundError


class ColumnNotFoundError(NotFoundError):
    """No column of this id."""

    code = "column_not_found"
    title = "There is no such column."


class ColumnTitleTakenError(ConflictError):
    """Another column has the title."""

    code = "column_title_taken"
    title = "Another column has this title."
