"""Reads tables of image-level labels and lists of names as people write them."""

import itertools
import re
import unicodedata
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from tfwsss.artefacts.files import readable_name
from tfwsss.data.cells import table_of
from tfwsss.data.columns import NAMES, choose_columns, is_header, untitled
from tfwsss.data.image_set import BACKGROUND
from tfwsss.data.marks import are_scores, marked
from tfwsss.data.naming import tails
from tfwsss.data.tags import BACKGROUNDS, split_tags
from tfwsss.data.words import nearest
from tfwsss.errors import UserError, named
from tfwsss.settings.sections import ColumnSettings

_NUMBERED = re.compile(r"(\d{1,3})\s*([\s:,;])\s*\S")
_IN_UTF8 = "save the file in UTF-8 (spreadsheets call it 'CSV UTF-8')"
_SNIFFED = 1000         # bytes
_NEAR = 20              # bytes, shown of each side of a wrong one


class Row(NamedTuple):
    """What a table or document says of one image.

    Args:
        line: where it stands, from 1; 0 in a document, where lines mean nothing.
        name: the image as written there.
        tags: class names.
        forms: what else the name may mean.
    """

    line: int
    name: str
    tags: tuple[str, ...]
    forms: tuple[str, ...] = ()

    @property
    def place(self) -> str:
        """Line and name, for messages."""
        return f"line {self.line}, {self.name!r}" if self.line else repr(self.name)


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
    if encoding != "utf-16" and b"\0" in data[:_SNIFFED]:
        raise UserError(f"{path}: holds zero bytes, as UTF-16 without its mark does, or is no text; {_IN_UTF8}")
    try:
        text = data.decode(encoding, "surrogateescape" if names and encoding != "utf-16" else "strict")
    except UnicodeDecodeError as error:
        start = max(data.rfind(b"\n", 0, error.start) + 1, error.start - _NEAR)
        near = data[start:error.start + _NEAR].split(b"\n")[0].strip()
        raise UserError(f"{path}: byte {error.start} is not {encoding}; {_IN_UTF8}{_as_windows(near)}") from error
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
        UserError: background stands on a later line, lines are numbered, or the file is empty.
    """
    lines = read_lines(path)
    places = [number for number, line in enumerate(lines) if line.casefold() in BACKGROUNDS]
    if places and places[-1] != 0:
        raise UserError(f"{path}: {lines[places[-1]]!r} stands on line {places[-1] + 1}; mask id 0 is background, "
                        "so put it first, and there alone")
    if _are_numbered(lines):
        raise UserError(f"{path}: its lines are numbered, such as {lines[-1]!r}; write the names alone, one a line, in "
                        "the order of the mask ids")
    if not lines[len(places):]:
        raise UserError(f"{path}: names no class; write one class name a line, in the order of the mask ids")
    return (BACKGROUND, *lines[len(places):])


def _are_numbered(lines: Sequence[str]) -> bool:
    """Says whether lines count from 0, or from 1 with a sign behind the number: `1 euro` and `2 euro` are names."""
    found = [match for match in map(_NUMBERED.match, lines) if match]
    numbers = [int(match[1]) for match in found]
    signs = len(found) == len(lines) and not any(match[2].isspace() for match in found)
    return bool(lines) and (numbers == [*range(len(lines))] or (signs and numbers == [*range(1, len(lines) + 1)]))


def read_table(path: Path, classes: Sequence[str] | None,
               columns: ColumnSettings = ColumnSettings(),  # noqa: B008
               is_image: Callable[[str], bool] | None = None) -> list[Row]:
    """Reads labels.csv: a header, then one row for each image, or for each class of an image.

    The header has a column `name` (or filename, image, ...) and a column
    `classes` (or labels, tags, ...), of which `split_tags` tells how it is read;
    or, in place of that, a column for each class that holds 1 or 0. Other titles
    do where the cells tell, see `choose_columns`. A first line that names an image
    is no header, unless it has the usual titles, nor is one of a table whose titles are told.

    Args:
        path: labels.csv; columns separated by comma, semicolon, tab or blanks.
        classes: the known class names, or None.
        columns: which columns to read, where nothing else tells.
        is_image: whether a text names an image of the data set; None: nobody knows.

    Returns:
        Rows in the order of the file; background is left out of their tags.

    Raises:
        UserError: header missing, a row without a name or with a cell below no title, nothing but a header, or
            classes that can be read in two ways.
    """
    text = read_text(path, names=True)
    table = table_of(path, text) or [(1, [""])]
    titles = table[0][1]
    if columns.titles is not None and len(columns.titles) != len(titles):
        raise UserError(f"data.columns.titles: names {len(columns.titles)} columns, but the first line of {path} has "
                        f"{len(titles)}: {', '.join(map(repr, titles))[:200]}; name each in its order")
    an_image = is_image is not None and not is_header(titles) and any(cell and is_image(cell) for cell in titles)
    if columns.titles is not None or an_image:
        return read_rows(path, columns.titles or untitled(len(titles)), table, classes, columns, is_image)
    return read_rows(path, titles, table[1:], classes, columns, is_image)


def read_rows(path: Path, titles: Sequence[str], table: Iterable[tuple[int, list[str]]], classes: Sequence[str] | None,
              columns: ColumnSettings = ColumnSettings(),  # noqa: B008
              is_image: Callable[[str], bool] | None = None) -> list[Row]:
    """Reads the cells of a table of tags.

    Args:
        path: of the table, for messages.
        titles: of the columns.
        table: line and cells of each row.
        classes: as in `read_table`.
        columns: as there.
        is_image: as there.

    Returns:
        As there.

    Raises:
        UserError: as there.
    """
    table = list(table)
    if len(titles) == 1 and table and len(table[0][1]) > 1 and titles[0].casefold() not in NAMES:
        raise UserError(f"{path}: the first line is {titles[0][:60]!r}, no header of the {len(table[0][1])} columns "
                        "below it; strike what stands before the header name,classes")
    rows = list(_cells(path, table, titles))
    chosen = choose_columns(path, titles, [row for _, row in rows], columns, is_image)
    if not rows:
        raise UserError(f"{path}: has no row below its header; write one line for each image, such as photo1,cat dog")
    for line, row in rows:
        if not row[chosen.name]:
            raise UserError(f"{path}: line {line} names no image; write the file name in the column "
                            f"{titles[chosen.name]!r}")
    if chosen.classes is not None:
        column = [(line, row[chosen.classes]) for line, row in rows]
        _check_names(path, titles[chosen.classes], [cell for _, cell in column], classes)
        found = split_tags(path, column, classes)
    else:
        found = marked(path, rows, titles, chosen.marked, columns.least)
    for (line, _), tags in zip(rows, found, strict=True):
        for tag in tags:
            if readable_name(tag) != tag:
                raise UserError(f"{path}: line {line}: the class {readable_name(tag)!r} is not UTF-8 or holds signs "
                                f"that steer; {_IN_UTF8}{_as_windows(tag.encode('utf-8', 'surrogateescape'))}")
    names = [row[chosen.name].replace("\\", "/") for _, row in rows]
    return [Row(line, name, tags, tails(name)) for (line, _), name, tags in zip(rows, names, found, strict=True)]


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
            raise UserError(f"{path}: {row.place}: {tag!r} is no class; {nearest(tag, classes[1:])}")
    return tuple(sorted({classes.index(tag) - 1 for tag in row.tags}))


def _cells(path: Path, table: Iterable[tuple[int, list[str]]],
           titles: Sequence[str]) -> Iterable[tuple[int, list[str]]]:
    """Yields line and cells of each row; the first column needs no title, it may number the rows."""
    for line, row in table:
        if any(cell and not title for cell, title in itertools.zip_longest(row[1:], titles[1:])):
            raise UserError(f"{path}: line {line} has {len(row)} cells, the header {sum(map(bool, titles))} titles; "
                            "separate the classes of one image by a space, or by ; where their names contain spaces")
        yield line, (row + [""] * len(titles))[:len(titles)]


def _check_names(path: Path, title: str, cells: Sequence[str], classes: Sequence[str] | None) -> None:
    """Refuses a column of numbers that are hardly names of classes."""
    if are_scores(cells) and not set(cells) & set(classes or ()):
        raise UserError(f"{path}: the column {title!r} holds numbers such as {min(cells, key=len)[:16]!r}, no names of "
                        "classes; --set data.columns.least=0.5 reads them as scores: from that one on an image shows "
                        f"the class {title!r}")


def _as_windows(data: bytes) -> str:
    """Returns what bytes that are not UTF-8 say in the encoding in which most such tables are saved."""
    text = data.decode("cp1252", "replace")
    return f" (in Windows-1252, cp1252, it says {text!r})" if text.isprintable() and not data.isascii() else ""
