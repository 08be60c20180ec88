"""What replays refuse."""

from lecture_api.core.errors import ConflictError, NotFoundError


class NoReplayError(NotFoundError):
    """There is nothing to play, or nothing for this person yet."""

    code = "no_replay"
    title = "There is no replay of this gathering that you can play."


class WatchNotFoundError(NotFoundError):
    """The watch belongs to somebody else or another gathering, or never was."""

    code = "watch_not_found"
    title = "Ask for a new replay grant."


class ReplayStateError(ConflictError):
    """The replay is not in a state in which this can be done."""

    code = "replay_state_conflict"
    title = "The replay is not in a state in which this can be done."
