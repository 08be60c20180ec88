"""What can go wrong with a diagnosis."""

from lecture_api.core.errors import TooManyAttemptsError


class TooManyTrialsError(TooManyAttemptsError):
    """This address, or everybody together, tries out the path too often."""

    title = "Too many checks at once; wait a moment."
