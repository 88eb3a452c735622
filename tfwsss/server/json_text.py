"""Bounded parsing of JSON: the parser holds Python's lock, so nobody else works while it does."""

import gc
import json
import threading
from collections.abc import Callable
from typing import Any, TypeVar

import orjson

from tfwsss.server.refusal import invalid

Result = TypeVar("Result")

MAX_VALUES = 2_000_000
"""Numbers, texts, names and lists in a body; more are refused before they are parsed."""

_MANY = 10_000         # from here on one body is parsed at a time
_ALONE = threading.Lock()
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_NO_NUMBERS = (b"NaN", b"Infinity")


def with_parsed(body: bytes, use: Callable[[Any], Result]) -> Result:
    """Parses a body and uses what is in it; other large ones wait until it is gone again.

    The parser makes millions of lists in a second, and the collector would look at each
    of them several times; so it waits too.

    Args:
        body: JSON in UTF-8; the tokens NaN and Infinity are numbers, as TensorFlow Serving has it.
        use: takes the lists, dictionaries, texts and numbers, and keeps none of them.

    Returns:
        What `use` returns.

    Raises:
        Refusal: it is no JSON, or holds more than `MAX_VALUES`.

    Example:
    >>> with_parsed(b'{"inputs": [1, NaN]}', str)
    "{'inputs': [1, nan]}"
    """
    count = sum(map(body.count, (b",", b":", b"[", b"{")))       # at least as many as there are values, but one
    if count > MAX_VALUES:
        raise invalid(f"the body holds about {count:,} values, more than {MAX_VALUES:,}; send the bytes of a "
                      "photograph, {\"b64\": ...} for an input such as image_bytes, or ask by gRPC")
    if count < _MANY:
        return use(_loads(body))
    with _ALONE:
        gc.disable()
        try:
            return use(_loads(body))
        finally:
            gc.enable()


def _loads(body: bytes) -> Any:
    try:
        return orjson.loads(body.removeprefix(_BYTE_ORDER_MARK))
    except orjson.JSONDecodeError as error:
        if not any(token in body for token in _NO_NUMBERS):
            raise invalid(f"the body is no JSON: {error.msg} at character {error.pos:,}") from None
    try:
        return json.loads(body)
    except (ValueError, RecursionError) as error:
        raise invalid(f"the body is no JSON: {error}") from None
