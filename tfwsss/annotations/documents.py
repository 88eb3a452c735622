"""Documents of annotation tools, parsed within bounds: none can exhaust memory or the stack."""

import json
import math
from collections import Counter
from typing import Any, NoReturn
from xml.etree import ElementTree

from tfwsss.errors import UserError, brief

MAX_BYTES, MAX_DEPTH, MAX_ELEMENTS = 128_000_000, 50, 500_000
"""Bounds of a document: bytes; of XML also elements inside each other, and elements."""

SHOWN = 80
"""Characters of a wrong value in a message."""


def parse_xml(where: str, data: bytes, most: int = MAX_ELEMENTS, kind: type[UserError] = UserError,
              cure: str = "export it again") -> ElementTree.Element:
    """Parses an XML document.

    Args:
        where: the file, for messages.
        data: its contents.
        most: elements that it may have.
        kind: of fault to raise.
        cure: last words of messages.

    Returns:
        Its root.

    Raises:
        UserError: it is no XML, too large or too deep, or declares a document type, and with it entities.

    Example:
    >>> parse_xml("a.xml", b"<annotations/>").tag
    'annotations'
    """
    _check_size(where, data)
    parser = ElementTree.XMLParser(target=_Bounded(most))
    try:
        parser.feed(data)
        return parser.close()
    except UserError as fault:
        raise kind(f"{where}: {fault}; {cure}") from None
    except Exception as error:                  # parsers do not agree on one kind
        raise kind(f"{where}: is no XML ({brief(error)}); {cure}") from error


class _Bounded(ElementTree.TreeBuilder):
    """Builds a tree until it is too large, too deep, or begins with a document type: entities stand inside of one."""

    def __init__(self, most: int):
        super().__init__()
        self._most, self._depth, self._count = most, 0, 0

    def start(self, tag, attrs):
        self._depth, self._count = self._depth + 1, self._count + 1
        if self._depth > MAX_DEPTH or self._count > self._most:
            raise UserError(f"has more than {self._most:,} elements, or more than {MAX_DEPTH} inside each other")
        return super().start(tag, attrs)

    def end(self, tag):
        self._depth -= 1
        return super().end(tag)

    def doctype(self, name, pubid, system):
        raise UserError("declares a document type, which may hold entities of its own")


def parse_json(where: str, data: bytes) -> Any:
    """Parses a JSON document.

    Args:
        where: the file, for messages.
        data: its contents, UTF-8, UTF-16 or UTF-32.

    Returns:
        What the document holds.

    Raises:
        UserError: it is no JSON, too large, has a key twice, or lists lie inside lists without end.

    Example:
    >>> parse_json("a.json", b'[1, {"a": null}]')
    [1, {'a': None}]
    """
    _check_size(where, data)
    try:
        return json.loads(data.removeprefix(b"\xef\xbb\xbf"), object_pairs_hook=once, parse_constant=no_number)
    except Exception as error:
        raise UserError(f"{where}: is no JSON ({brief(error)}); export it again") from error


def _check_size(where: str, data: bytes) -> None:
    if len(data) > MAX_BYTES:
        raise UserError(f"{where}: {len(data):,} bytes, more than {MAX_BYTES:,}; export it in parts")


def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Makes an object of its keys and values; of a key that stands there twice, JSON would keep the last value alone.

    Args:
        pairs: as `json` reads them.

    Returns:
        dict.

    Raises:
        ValueError: a key stands there twice.

    Example:
    >>> once([("a", 1), ("b", 2)])
    {'a': 1, 'b': 2}
    """
    found = dict(pairs)
    if len(found) < len(pairs):
        (name, _), = Counter(name for name, _ in pairs).most_common(1)
        raise ValueError(f"{name[:SHOWN]!r} stands there twice")
    return found


def no_number(text: str) -> NoReturn:
    """Refuses NaN and the infinities, which JSON has not.

    Args:
        text: as it stands there.

    Raises:
        ValueError: always.
    """
    raise ValueError(f"{text} is no number")


def number(value: Any) -> float:
    """Reads a number of a document, or of its text.

    Args:
        value: of JSON, or of an attribute; None where there is none.

    Returns:
        A finite number.

    Raises:
        ValueError: it is no finite number.

    Example:
    >>> number(" 12.7 "), number(3)
    (12.7, 3.0)
    """
    try:
        found = math.nan if isinstance(value, bool) or not isinstance(value, int | float | str) else float(value)
    except (ValueError, OverflowError):
        found = math.nan
    if not math.isfinite(found):
        raise ValueError(f"{shown(value)} is no number")
    return found


def shown(value: Any) -> str:
    """Shortens a value for a message.

    Args:
        value: of a document.

    Returns:
        One line of text.

    Example:
    >>> shown({"a": 1})
    "{'a': 1}"
    """
    try:
        text = repr(value)
    except (ValueError, RecursionError):
        return f"a long {type(value).__name__}"
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}..."
