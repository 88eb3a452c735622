"""Reads XML and JSON files of labels within bounds: none can exhaust memory or the stack."""

import json
import math
from collections import Counter
from pathlib import Path
from typing import Any, NoReturn
from xml.etree import ElementTree

from tfwsss.data.labels import read_text
from tfwsss.errors import ImageFault, UserError, brief

MAX_XML, MAX_DEPTH, MAX_ELEMENTS = 1_000_000, 50, 50_000
"""Bounds of an XML file: bytes, elements inside each other, elements."""

MAX_JSON = 32_000_000
"""Bound of a JSON file in bytes."""

_SHOWN = 80         # characters of a wrong value in a message


def read_xml(path: Path) -> ElementTree.Element:
    """Reads the annotation of one image.

    Args:
        path: XML file.

    Returns:
        Its root.

    Raises:
        ImageFault: the file is missing, is no XML, is larger or deeper than an annotation, or declares a document
            type, and with it entities, in whatever encoding.
    """
    try:
        with path.open("rb") as file:
            data = file.read(MAX_XML + 1)
    except OSError as error:
        raise ImageFault(f"{path}: cannot be read ({error.strerror}); restore it or strike the image from the "
                         "list") from error
    if len(data) > MAX_XML:
        raise ImageFault(f"{path}: larger than an annotation, more than {MAX_XML:,} bytes; replace it")
    parser = ElementTree.XMLParser(target=_Bounded(path))
    try:
        parser.feed(data)
        return parser.close()
    except ImageFault:
        raise
    except Exception as error:                  # parsers do not agree on one kind
        raise ImageFault(f"{path}: is no XML ({brief(error)}); restore it") from error


class _Bounded(ElementTree.TreeBuilder):
    """Builds a tree until it is too large, too deep, or begins with a document type: entities stand inside of one."""

    def __init__(self, path: Path):
        super().__init__()
        self._path, self._depth, self._count = path, 0, 0

    def start(self, tag, attrs):
        self._depth, self._count = self._depth + 1, self._count + 1
        if self._depth > MAX_DEPTH or self._count > MAX_ELEMENTS:
            raise ImageFault(f"{self._path}: larger than an annotation: more than {MAX_ELEMENTS:,} elements, or more "
                             f"than {MAX_DEPTH} inside each other; replace it")
        return super().start(tag, attrs)

    def end(self, tag):
        self._depth -= 1
        return super().end(tag)

    def doctype(self, name, pubid, system):
        raise ImageFault(f"{self._path}: declares a document type, which may hold entities of its own; replace it")


def read_json(path: Path) -> dict[str, list]:
    """Reads a file that lists labels by image name.

    Args:
        path: JSON file, name -> list.

    Returns:
        Its contents; what the lists hold is not looked at.

    Raises:
        UserError: the file is missing, is no JSON, names an image twice, or is too large or too deep.
    """
    try:
        size = path.stat().st_size
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror}); restore it or name another file") from error
    if size > MAX_JSON:
        raise UserError(f"{path}: {size:,} bytes, more than {MAX_JSON:,}; leave out images that the data set does not "
                        "have")
    try:
        found = json.loads(read_text(path), object_pairs_hook=_once, parse_constant=_no_number)
    except UserError:
        raise
    except RecursionError:
        raise UserError(f"{path}: lists inside lists without end; expected name -> list of labels") from None
    except Exception as error:
        raise UserError(f"{path}: is no JSON of labels ({brief(error)}); mend it") from error
    if not isinstance(found, dict):
        raise UserError(f"{path}: holds a {type(found).__name__}; expected an object, image name -> list of labels")
    wrong = next((name for name, entries in found.items() if not isinstance(entries, list)), None)
    if wrong is not None:
        raise UserError(f"{path}: {wrong!r} has {shown(found[wrong])}; expected a list of labels")
    return found


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        (name, _), = Counter(name for name, _ in pairs).most_common(1)
        raise ValueError(f"{name[:_SHOWN]!r} stands there twice")
    return found


def _no_number(text: str) -> NoReturn:
    raise ValueError(f"{text} is no number")


def number(value: Any) -> float:
    """Returns a number of a file, or what its text says.

    Args:
        value: of JSON, or the text of an XML element; None where there is none.

    Raises:
        ValueError: it is no finite number.

    Example:
    >>> number(" 12.7 "), number(3)
    (12.7, 3.0)
    """
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise ValueError(f"{shown(value)} is no number")
    try:
        found = float(value)
    except (ValueError, OverflowError):
        raise ValueError(f"{shown(value)} is no number") from None
    if not math.isfinite(found):
        raise ValueError(f"{shown(value)} is no number")
    return found


def shown(value: Any) -> str:
    """Returns a value as a message may show it: shortened.

    Args:
        value: of a file.
    """
    try:
        text = repr(value)
    except (ValueError, RecursionError):
        return f"a long {type(value).__name__}"
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."
