"""Reads tables of image-level labels and lists of names as people write them."""

import csv
import difflib
import io
import unicodedata
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from tfwsss.data.image_set import BACKGROUND
from tfwsss.errors import UserError

_BACKGROUNDS = (BACKGROUND, "_background_", "__background__")


class Row(NamedTuple):
    """One row of labels.csv: where it stands, the image as written there, its class names."""

    line: int
    name: str
    tags: tuple[str, ...]


def read_text(path: Path) -> str:
    r"""Reads a text file in UTF-8 (with or without mark) or marked UTF-16, as spreadsheets save it.

    Args:
        path: the file.

    Returns:
        The text with "\n" line ends, in composed Unicode form (NFC), so that
        names typed on one system match files written on another.

    Raises:
        UserError: the file is missing, unreadable, or in another encoding.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror}); restore it or name another folder") from error
    encoding = "utf-16" if data[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError as error:
        raise UserError(f"{path}: byte {error.start} is not {encoding}; save the file in UTF-8") from error
    return unicodedata.normalize("NFC", text.replace("\r\n", "\n").replace("\r", "\n"))


def read_lines(path: Path) -> list[str]:
    """Returns the stripped lines of a text file that are not empty.

    Args:
        path: the file.
    """
    return [line.strip() for line in read_text(path).split("\n") if line.strip()]


def read_classes(path: Path) -> tuple[str, ...]:
    """Reads class names, one a line, in the order of their mask ids.

    Args:
        path: classes.txt; "background" is its first line, or is missing and added.

    Returns:
        Class names, the first is "background".

    Raises:
        UserError: background stands on a later line, or the file is empty.
    """
    lines = read_lines(path)
    places = [number for number, line in enumerate(lines) if line.casefold() in _BACKGROUNDS]
    if places and places[0] != 0:
        raise UserError(f"{path}: {lines[places[0]]!r} stands on line {places[0] + 1}; mask id 0 is background, "
                        "so put it first")
    if not lines[len(places):]:
        raise UserError(f"{path}: names no class; write one class name a line, in the order of the mask ids")
    return (BACKGROUND, *lines[len(places):])


def read_table(path: Path, classes: Sequence[str] | None) -> list[Row]:
    """Reads labels.csv: a header with the columns name and classes, then one row for each image.

    Several classes of an image are separated by ";" or "|" where one of them
    occurs anywhere in the column, and by spaces otherwise; a cell that is as a
    whole the name of a class is that class, so single names with spaces work
    either way.

    Args:
        path: labels.csv; columns separated by comma, semicolon or tab.
        classes: the known class names, or None.

    Returns:
        Rows in the order of the file; background is left out of their tags.

    Raises:
        UserError: header missing, a row with too many cells or without a name, or nothing but a header.
    """
    text = read_text(path)
    header = text.split("\n", 1)[0]
    delimiter = max(",;\t", key=header.count)       # the comma wins ties
    table = list(csv.reader(io.StringIO(text), delimiter=delimiter))
    columns = [cell.strip().casefold() for cell in table[0]] if table else []
    if "name" not in columns or "classes" not in columns:
        raise UserError(f"{path}: the first line is {header[:60]!r}; expected the header name,classes")
    cells = list(_cells(path, table, columns))
    separator = next((mark for mark in ";|" if any(mark in tags for _, _, tags in cells)), None)
    rows = [Row(line, name, _split(tags, separator, classes)) for line, name, tags in cells]
    if not rows:
        raise UserError(f"{path}: has no row below its header; write one line for each image, such as photo1,cat dog")
    return rows


def label_indices(path: Path, row: Row, classes: Sequence[str]) -> tuple[int, ...]:
    """Returns the sorted labels of a row, counted without background.

    Args:
        path: the table, for the message.
        row: one of its rows.
        classes: class names, background first.

    Raises:
        UserError: a tag is no class; the message names the nearest class.
    """
    for tag in row.tags:
        if tag not in classes[1:]:
            raise UserError(f"{path}: line {row.line}, {row.name!r}: {tag!r} is no class; {nearest(tag, classes[1:])}")
    return tuple(sorted({classes.index(tag) - 1 for tag in row.tags}))


def nearest(word: str, known: Iterable[str]) -> str:
    """Returns a hint: the known word that is written most like this one, or the first few of them.

    Args:
        word: what was written.
        known: what could have been meant.

    Example:
    >>> nearest("hors", ["cow", "horse"])
    "did you mean 'horse'?"
    """
    known = list(known)
    folded = {item.casefold(): item for item in known}
    match = difflib.get_close_matches(word.casefold(), folded, n=1, cutoff=0.6)
    if match:
        return f"did you mean {folded[match[0]]!r}?"
    return f"there are {', '.join(known[:8])}{', ...' if len(known) > 8 else ''}" if known else "there are none"


def _cells(path: Path, table: list[list[str]], columns: list[str]) -> Iterable[tuple[int, str, str]]:
    for line, row in enumerate(table[1:], start=2):
        if not any(cell.strip() for cell in row):
            continue
        if len(row) > len(columns):
            raise UserError(f"{path}: line {line} has {len(row)} cells, the header {len(columns)}; separate the "
                            "classes of one image by a space, or by ; where their names contain spaces")
        row = [cell.strip() for cell in row] + [""] * (len(columns) - len(row))
        name = row[columns.index("name")]
        if not name:
            raise UserError(f"{path}: line {line} names no image; write the file name in the column 'name'")
        yield line, name.replace("\\", "/"), row[columns.index("classes")]


def _split(tags: str, separator: str | None, classes: Sequence[str] | None) -> tuple[str, ...]:
    whole = classes is not None and tags in classes
    parts = [tags] if whole else tags.split(separator)        # None splits at any run of spaces
    return tuple(part.strip() for part in parts if part.strip() and part.strip().casefold() not in _BACKGROUNDS)
