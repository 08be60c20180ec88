"""What can go wrong with gatherings."""

from lecture_api.core.errors import ConflictError, InvalidError, NotAuthorisedError, NotFoundError


class GatheringNotFoundError(NotFoundError):
    """No gathering of this id or code, or a draft that the caller may not know of."""

    code = "gathering_not_found"
    title = "There is no such gathering."


class NotInvitedError(NotAuthorisedError):
    """The gathering exists and is not for the caller; `ask` names who can change that."""

    title = "This gathering is not open to you."


class StateConflictError(ConflictError):
    """The step is not possible in the present state, which `state` names."""

    code = "state_conflict"
    title = "That is not possible in the present state."


class NotOnAirError(ConflictError):
    """Media is granted only while the gathering is on air."""

    code = "not_on_air"
    title = "The gathering is not on air."


class ResumeTooLateError(ConflictError):
    """The time in which End can be taken back is over."""

    code = "resume_too_late"
    title = "It is too late to resume."


class BadScheduleError(InvalidError):
    """The end is not after the start, or lies too far away."""

    code = "bad_schedule"
    title = "The gathering must end after it starts."


class BadEffectiveEndError(InvalidError):
    """The corrected end is not within the time the gathering was on air."""

    code = "bad_effective_end"
    title = "The corrected end must lie between the start and the recorded end."


class UnknownReferenceError(InvalidError):
    """An organisation, column or person in the request does not exist."""

    code = "unknown_reference"
    title = "The request names something that does not exist."
