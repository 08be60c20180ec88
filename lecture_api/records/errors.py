"""What records refuse."""

from lecture_api.core.errors import ConflictError, InvalidError, NotFoundError


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


class EvidenceFileError(InvalidError):
    """An evidence file that nothing can be computed from (docs/protocol/evidence.md, errors)."""

    code = "evidence_invalid"
    title = "The evidence does not fit the format."


class NotReadableError(EvidenceFileError):
    """The file cannot be opened or read."""

    code = "evidence_unreadable"
    title = "The file cannot be read."


class NotJsonError(EvidenceFileError):
    """Not JSON in UTF-8, or a name twice in one object."""

    code = "evidence_not_json"
    title = "This is not JSON in UTF-8."


class EvidenceTooLongError(EvidenceFileError):
    """One record's evidence is longer than is read."""

    code = "evidence_too_long"
    title = "The evidence of one record is longer than is read."


class UnknownFormatError(EvidenceFileError):
    """Another format, or a version that this program does not know."""

    code = "evidence_unknown_format"
    title = "This is no evidence file of a version known here."


class EmptyProgrammeError(EvidenceFileError):
    """The programme clock never ran before the end."""

    code = "evidence_empty_programme"
    title = "The programme has no length, so there is nothing to judge."


class UnknownExpectationError(EvidenceFileError):
    """`expected_as` is none of the words that are judged."""

    code = "evidence_unknown_expectation"
    title = "The person is expected as something that is not judged."


class NoEvidenceError(EvidenceFileError):
    """There was nothing to read."""

    code = "evidence_missing"
    title = "There is no evidence to read."


class NoRecordError(NotFoundError):
    """There is no record of the caller for this gathering: not convened, or not over."""

    code = "no_record"
    title = "There is no record of you for this gathering."
