"""What can go wrong with people, accounts and roles."""

from lecture_api.core.errors import ConflictError, InvalidError, LectureApiError, NotFoundError


class CredentialsWrongError(LectureApiError):
    """Number or password is wrong; which of the two is not said."""

    code = "credentials_wrong"
    status = 401
    title = "The number or the password is wrong."


class PasswordTooWeakError(InvalidError):
    """The new password is too short, or the old one again."""

    code = "password_too_weak"
    title = "The new password must have at least 10 characters and differ from the old one."


class PersonNotFoundError(NotFoundError):
    """No such person, or nobody the caller may see."""

    code = "person_not_found"
    title = "There is no such person."


class PersonNoTakenError(ConflictError):
    """Somebody has this number."""

    code = "person_no_taken"
    title = "Somebody has this number already."


class RoleNotGrantableError(InvalidError):
    """This role cannot be granted here: roles of the installation come from the command line only."""

    code = "role_not_grantable"
    title = "This role cannot be granted here."


class GrantNotFoundError(NotFoundError):
    """No such role grant of this person."""

    code = "role_grant_not_found"
    title = "The person has no such role."


class NoAccountError(ConflictError):
    """The person has no account."""

    code = "no_account"
    title = "The person has no account."
