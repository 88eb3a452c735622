"""Reads tables of image-level labels and lists of names as people write them."""

import difflib
import itertools
import unicodedata
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from tfwsss.artefacts.files import readable_name
from tfwsss.data.cells import delimiter_of, records
from tfwsss.data.image_set import BACKGROUND
from tfwsss.data.tags import BACKGROUNDS, split_tags
from tfwsss.errors import UserError, named

_NAME = ("name", "filename", "file_name", "file", "image", "image_name", "path")
_CLASSES = ("classes", "class", "labels", "label", "tags", "tag", "categories", "category")
_YES_NO = {"1": True, "1.0": True, "true": True, "0": False, "0.0": False, "false": False, "": False}


class Row(NamedTuple):
    """One row of labels.csv: where it stands, the image as written there, its class names."""

    line: int
    name: str
    tags: tuple[str, ...]


def read_text(path: Path, names: bool = False) -> str:
    r"""Reads a text file in UTF-8 (with or without mark) or marked UTF-16, as spreadsheets save it.

    Args:
        path: the file.
        names: whether it names files: bytes that are not UTF-8 then stay what the system makes of them in paths.

    Returns:
        The text with "\n" line ends, in composed Unicode form (NFC), so that
        names typed on one system match files written on another.

    Raises:
        UserError: the file is missing, unreadable, or in another encoding.
    """
    with named(f"{path}:", "restore it or name another folder"):
        data = path.read_bytes()
    encoding = "utf-16" if data[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
    try:
        text = data.decode(encoding, "surrogateescape" if names and encoding != "utf-16" else "strict")
    except UnicodeDecodeError as error:
        raise UserError(f"{path}: byte {error.start} is not {encoding}; save the file in UTF-8") from error
    return unicodedata.normalize("NFC", text.replace("\r\n", "\n").replace("\r", "\n"))


def read_lines(path: Path, names: bool = False) -> list[str]:
    """Returns the stripped lines of a text file that are not empty.

    Args:
        path: the file.
        names: as in `read_text`.
    """
    return [line.strip() for line in read_text(path, names).split("\n") if line.strip()]


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
    places = [number for number, line in enumerate(lines) if line.casefold() in BACKGROUNDS]
    if places and places[-1] != 0:
        raise UserError(f"{path}: {lines[places[-1]]!r} stands on line {places[-1] + 1}; mask id 0 is background, "
                        "so put it first, and there alone")
    if not lines[len(places):]:
        raise UserError(f"{path}: names no class; write one class name a line, in the order of the mask ids")
    return (BACKGROUND, *lines[len(places):])


def read_table(path: Path, classes: Sequence[str] | None) -> list[Row]:
    """Reads labels.csv: a header, then one row for each image.

    The header has a column `name` (or filename, image, ...) and a column
    `classes` (or labels, tags, ...), of which `split_tags` tells how it is read;
    or, in place of that, a column for each class that holds 1 or 0.

    Args:
        path: labels.csv; columns separated by comma, semicolon or tab.
        classes: the known class names, or None.

    Returns:
        Rows in the order of the file; background is left out of their tags.

    Raises:
        UserError: header missing, a row without a name or with a cell below no title, nothing but a header, or
            classes that can be read in two ways.
    """
    text = read_text(path, names=True)
    header = text.split("\n", 1)[0]
    (_, titles), *table = list(records(path, text, delimiter_of(header))) or [(1, [""])]
    columns = [cell.casefold() for cell in titles]
    name, tags = (next((columns.index(word) for word in words if word in columns), None) for words in (_NAME, _CLASSES))
    if len(doubled := [title for title in titles if title.casefold() in _CLASSES]) > 1:
        raise UserError(f"{path}: the columns {' and '.join(map(repr, doubled))} may all hold classes; write all of an "
                        "image in one, separated by a space or ;, and rename the others")
    cells = [] if name is None else list(_cells(path, table, titles, name))
    if tags is not None and name is not None:
        found = split_tags(path, [(line, row[tags]) for line, _, row in cells], classes)
    else:
        found = _marked(titles, name, [row for _, _, row in cells])
    if found is None:
        raise UserError(f"{path}: the first line is {header[:60]!r}; expected the header name,classes")
    if not cells:
        raise UserError(f"{path}: has no row below its header; write one line for each image, such as photo1,cat dog")
    for line, tag in ((line, tag) for (line, _, _), tags in zip(cells, found, strict=True) for tag in tags):
        if readable_name(tag) != tag:
            raise UserError(f"{path}: line {line}: the class {readable_name(tag)!r} is not UTF-8 or holds signs that "
                            "steer; save the file in UTF-8")
    return [Row(line, written, tags) for (line, written, _), tags in zip(cells, found, strict=True)]


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


def _cells(path: Path, table: list[tuple[int, list[str]]], titles: list[str],
           name: int) -> Iterable[tuple[int, str, list[str]]]:
    """Yields line, image and cells of each row; the first column needs no title, it may number the rows."""
    for line, row in table:
        if any(cell and not title for cell, title in itertools.zip_longest(row[1:], titles[1:])):
            raise UserError(f"{path}: line {line} has {len(row)} cells, the header {sum(map(bool, titles))} titles; "
                            "separate the classes of one image by a space, or by ; where their names contain spaces")
        row = (row + [""] * len(titles))[:len(titles)]
        if not row[name]:
            raise UserError(f"{path}: line {line} names no image; write the file name in the column 'name'")
        yield line, row[name].replace("\\", "/"), row


def _marked(titles: list[str], name: int | None, rows: list[list[str]]) -> list[tuple[str, ...]] | None:
    """Returns the columns that are marked in each row; None where there are none, or other things than 1 and 0."""
    named = [(place, title) for place, title in enumerate(titles) if place != name and title]
    cells = {row[place].casefold() for row in rows for place, _ in named}
    if name is None or not named or not rows or not cells <= _YES_NO.keys():
        return None
    return [tuple(title for place, title in named
                  if _YES_NO[row[place].casefold()] and title.casefold() not in BACKGROUNDS) for row in rows]
