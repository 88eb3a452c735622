"""Why a request is not answered: one list of reasons, with their numbers in gRPC and in HTTP."""

import enum


class Code(enum.IntEnum):
    """The reasons, with gRPC's numbers; TensorFlow's errors carry the same."""

    CANCELLED = 1
    UNKNOWN = 2
    INVALID_ARGUMENT = 3
    DEADLINE_EXCEEDED = 4
    NOT_FOUND = 5
    ALREADY_EXISTS = 6
    PERMISSION_DENIED = 7
    RESOURCE_EXHAUSTED = 8
    FAILED_PRECONDITION = 9
    ABORTED = 10
    OUT_OF_RANGE = 11
    UNIMPLEMENTED = 12
    INTERNAL = 13
    UNAVAILABLE = 14
    DATA_LOSS = 15
    UNAUTHENTICATED = 16


HTTP = {
    Code.CANCELLED: 499, Code.UNKNOWN: 500, Code.INVALID_ARGUMENT: 400, Code.DEADLINE_EXCEEDED: 504,
    Code.NOT_FOUND: 404, Code.ALREADY_EXISTS: 409, Code.PERMISSION_DENIED: 403, Code.RESOURCE_EXHAUSTED: 429,
    Code.FAILED_PRECONDITION: 400, Code.ABORTED: 409, Code.OUT_OF_RANGE: 400, Code.UNIMPLEMENTED: 501,
    Code.INTERNAL: 500, Code.UNAVAILABLE: 503, Code.DATA_LOSS: 500, Code.UNAUTHENTICATED: 401,
}
"""The status that TensorFlow Serving's REST interface gives each."""


_LEFT_OUT = " [...] "
_HEAD, _TAIL = 600, 300       # bytes; gRPC sends messages as metadata, 3 bytes for one that is not ASCII, 8 KiB in all


class Refusal(Exception):
    """A request that is answered with an error, through no fault of the server's.

    Args:
        code: the reason.
        message: what was received, what was expected, and the cure; it is shortened, since requests hold names of
            any length.

    Example:
    >>> HTTP[Refusal(Code.NOT_FOUND, "no model 'dog'").code]
    404
    """

    def __init__(self, code: Code, message: str):
        message = shortened(message)
        super().__init__(message)
        self.code = code
        self.message = message


def shortened(message: str) -> str:
    """Returns a message of bounded length: what is in the middle of a long one is left out.

    Args:
        message: of any length.

    Returns:
        At most 1000 bytes as UTF-8; no lone halves of characters, which cannot be sent.

    Example:
    >>> shortened("no model 'dog'")
    "no model 'dog'"
    >>> len(shortened("no model " + 10**6 * "x" + "; there is cat"))
    907
    """
    text = message if len(message) <= _HEAD + _TAIL else message[:_HEAD] + _LEFT_OUT + message[-_TAIL:]
    coded = text.encode("utf-8", "replace")
    if len(coded) > _HEAD + _TAIL + len(_LEFT_OUT):
        coded = coded[:_HEAD] + _LEFT_OUT.encode() + coded[-_TAIL:]
    return coded.decode("utf-8", "ignore")


def invalid(message: str) -> Refusal:
    """Returns the refusal of a request that does not fit the model.

    Args:
        message: what was received and what was expected.

    Returns:
        The refusal, to be raised.
    """
    return Refusal(Code.INVALID_ARGUMENT, message)
