"""The two kinds of fault that a user can mend; every other exception is a defect of ours."""


class UserError(Exception):
    """A mistake that the user can mend: shown as one line, never as a stack trace.

    The message says what was received and where, what was expected, and the cure.

    Example:
    >>> raise UserError("config.yaml: unknown key 'icd.epoch'; did you mean 'icd.epochs'?")
    Traceback (most recent call last):
    ...
    tfwsss.errors.UserError: config.yaml: unknown key 'icd.epoch'; did you mean 'icd.epochs'?
    """


class ImageFault(UserError):
    """One file that cannot be used: the run goes on without it and lists it at the end."""
