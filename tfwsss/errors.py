"""The two kinds of fault that a user can mend; every other exception is a defect of ours.

`named` is the one place that makes one line of whatever a reader of foreign files or values raises.
"""

import contextlib
from collections.abc import Iterator

_LONGEST = 200


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


@contextlib.contextmanager
def named(what: str, cure: str, kind: type[UserError] = UserError) -> Iterator[None]:
    """Turns whatever the block raises into one line that names the file or value at fault.

    Readers raise what their authors did not think of: an overflow, a recursion, a type. So nothing is listed here; the
    block holds the reading alone, and none of our own rules.

    Args:
        what: the file or value, first in the message, with a colon where one is to follow.
        cure: last in the message.
        kind: of fault to raise.

    Yields:
        Nothing.

    Raises:
        UserError: the block has failed; one that it raises itself passes as it is.

    Example:
    >>> with named("--set seed=1e:", "write a number"):
    ...     float("1e")
    Traceback (most recent call last):
    ...
    tfwsss.errors.UserError: --set seed=1e: cannot be read (could not convert string to float: '1e'); write a number
    """
    try:
        yield
    except UserError:
        raise
    except Exception as error:
        raise kind(f"{what} cannot be read ({brief(error)}); {cure}") from error


def brief(error: BaseException) -> str:
    """Returns in a few words of one line what an exception says.

    Args:
        error: anything.

    Example:
    >>> brief(KeyError("name")), brief(RecursionError("maximum recursion depth exceeded"))
    ("KeyError: 'name'", 'it is nested too deep')
    """
    if isinstance(error, RecursionError):
        return "it is nested too deep"
    if isinstance(error, MemoryError):
        return "it claims more memory than there is"
    text = " ".join((error.strerror if isinstance(error, OSError) and error.strerror else str(error)).split())
    plain = isinstance(error, OSError | ValueError | SyntaxError) and text
    text = text if plain else f"{type(error).__name__}: {text}" if text else type(error).__name__
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."
