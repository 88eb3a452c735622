"""Which columns of a table hold file names and classes: as told, by their titles, or by what stands in them."""

import shlex
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from tfwsss.data.marks import YES_NO, number_of
from tfwsss.data.words import nearest
from tfwsss.errors import UserError
from tfwsss.settings.sections import ColumnSettings

NAMES = ("name", "filename", "file_name", "file", "image", "image_name", "path")
"""Titles of a column of file names."""

CLASSES = ("classes", "class", "labels", "label", "tags", "tag", "categories", "category", "choice", "choices")
"""Titles of a column of classes."""

_NUMBERING = ("", "id", "index", "no", "nr", "number", "#")         # of one that numbers the rows


def is_header(titles: Sequence[str]) -> bool:
    """Returns whether a first line has the usual titles of both columns, whatever images are called.

    Args:
        titles: its cells.

    Example:
    >>> is_header(["image", "tags"]), is_header(["image", "cat"])
    (True, False)
    """
    folded = {title.casefold() for title in titles}
    return not folded.isdisjoint(NAMES) and not folded.isdisjoint(CLASSES)


class Columns(NamedTuple):
    """Places of columns.

    Args:
        name: of file names.
        classes: of classes; None: of each class its own.
        marked: of those, each of one class.
    """

    name: int
    classes: int | None = None
    marked: tuple[int, ...] = ()


def choose_columns(path: Path, titles: Sequence[str], rows: Sequence[Sequence[str]],
                   settings: ColumnSettings = ColumnSettings(),  # noqa: B008
                   is_image: Callable[[str], bool] | None = None) -> Columns:
    """Finds the columns of file names and classes.

    A title that is told decides; then one of the words above, where its cells name images as often as those of other
    columns do; then the cells: names are in the one column of which half the cells name an image, classes in the
    columns of 1 and 0, or in the only other one; where a least score is told, in the only one of numbers.

    Args:
        path: the table, for messages.
        titles: of its columns.
        rows: its cells below.
        settings: what is told.
        is_image: whether a text names an image of the data set; None: nobody knows.

    Returns:
        The columns.

    Raises:
        UserError: a title that is told is not there, or nothing tells which columns are meant.

    Example:
    >>> choose_columns(Path("x.csv"), ["", "picture", "what"], [["1", "a.jpg", "cat"]], is_image="a.jpg".__eq__)
    Columns(name=1, classes=2, marked=())
    """
    found = _columns(path, titles, rows, settings, is_image)
    twice = next((titles[place] for place in found.marked if list(titles).count(titles[place]) > 1), None)
    if twice is not None:
        raise UserError(f"{path}: two columns have the title {twice!r}, and each is a class; give one another title")
    if settings.least is None or found.classes is None:
        return found
    return Columns(found.name, None, (found.classes,))


def untitled(count: int) -> list[str]:
    """Returns the titles of columns that have none.

    Args:
        count: of the columns.

    Example:
    >>> untitled(2)
    ['column 1', 'column 2']
    """
    return [f"column {place}" for place in range(1, count + 1)]


def _columns(path: Path, titles: Sequence[str], rows: Sequence[Sequence[str]], settings: ColumnSettings,
             is_image: Callable[[str], bool] | None) -> Columns:
    """Returns the columns, one of scores as if it held names of classes."""
    name = _place(path, titles, settings.name, "name") if settings.name is not None else \
        _name(titles, rows, is_image)
    told = settings.classes
    if isinstance(told, tuple):
        found = tuple(_place(path, titles, title, "classes") for title in told)
        return Columns(_sure(path, titles, name, rows, settings), None, found)
    if told is not None:
        return Columns(_sure(path, titles, name, rows, settings), _place(path, titles, told, "classes"))
    name = _sure(path, titles, name, rows, settings)
    if settings.least is not None:
        return Columns(name, _scored(path, titles, rows, name))
    known = [place for place, title in enumerate(titles) if title.casefold() in CLASSES and place != name]
    if len(known) > 1:
        raise UserError(f"{path}: the columns {' and '.join(repr(titles[place]) for place in known)} may all hold "
                        f"classes; say which does, --set data.columns.classes={titles[known[0]]}, or write all of an "
                        "image in one, separated by a space or ;, and rename the others")
    if known:
        return Columns(name, known[0])
    others = [place for place, title in enumerate(titles) if title and place != name]
    if rows and others and all(row[place].casefold() in YES_NO for row in rows for place in others):
        return Columns(name, None, tuple(others))
    if is_image is not None and len(others) == 1:
        return Columns(name, others[0])
    raise UserError(_unclear(path, titles, rows, settings, name))


def _scored(path: Path, titles: Sequence[str], rows: Sequence[Sequence[str]], name: int) -> int:
    """Returns the only column of scores, or of several the one with a title of classes."""
    found = [place for place, title in enumerate(titles) if title and place != name
             and rows and all(number_of(row[place]) is not None for row in rows)]
    known = [place for place in found if titles[place].casefold() in CLASSES]
    if len(known or found) != 1:
        shown = ", ".join(repr(titles[place]) for place in known or found) or "none"
        raise UserError(f"data.columns.least: which column of {path} holds the scores? Of numbers alone are: {shown}; "
                        "name it, --set data.columns.classes=TITLE")
    return (known or found)[0]


def _place(path: Path, titles: Sequence[str], wanted: str, key: str) -> int:
    folded = [title.casefold() for title in titles]
    if wanted in titles or folded.count(wanted.casefold()) == 1:
        return titles.index(wanted) if wanted in titles else folded.index(wanted.casefold())
    raise UserError(f"data.columns.{key}: {path} has no column {wanted!r}; {nearest(wanted, filter(None, titles))}")


def _name(titles: Sequence[str], rows: Sequence[Sequence[str]], is_image: Callable[[str], bool] | None) -> int | None:
    """Returns the column of file names, or None where nothing tells."""
    folded = [title.casefold() for title in titles]
    known = next((folded.index(word) for word in NAMES if word in folded), None)
    if is_image is None or not rows:
        return known
    hits = [sum(bool(row[place]) and is_image(row[place]) for row in rows) for place in range(len(titles))]
    best = [place for place, count in enumerate(hits) if count == max(hits)]
    if 2 * max(hits, default=0) < len(rows) or known in best:
        return known
    return best[0] if len(best) == 1 else known


def _sure(path: Path, titles: Sequence[str], name: int | None, rows: Sequence[Sequence[str]],
          settings: ColumnSettings) -> int:
    if name is None:
        raise UserError(_unclear(path, titles, rows, settings))
    return name


def _unclear(path: Path, titles: Sequence[str], rows: Sequence[Sequence[str]], settings: ColumnSettings,
             name: int | None = None) -> str:
    """Says that nothing tells the columns, and how to name them; as far as some are known, with their titles."""
    if rows and (settings.titles is not None or list(titles) == untitled(len(titles))):
        shown = ", ".join(f"{title} ({cell[:30]!r})" for title, cell in zip(titles, rows[0], strict=True))
        return (f"{path}: has no header, and nothing tells which of {shown[:200]} hold file names and classes; give "
                "all of them titles, --set data.columns.titles=[name,classes,...], or say which do, --set "
                "data.columns.name=... --set data.columns.classes=...")
    shown = ", ".join(repr(title) for title in titles if title)
    marks = _marks(titles, rows, name)
    told = "data.columns.name=..." if name is None else shlex.quote(f"data.columns.name={titles[name]}")
    classes = shlex.quote(f"data.columns.classes=[{','.join(marks)}]") if marks else "data.columns.classes=..."
    return (f"{path}: the first line is {','.join(titles)[:60]!r}; expected the header name,classes, or say which of "
            f"its columns {shown[:200]} hold file names and classes: --set {told} --set {classes}")


def _marks(titles: Sequence[str], rows: Sequence[Sequence[str]], name: int | None) -> list[str]:
    """Returns the titles of columns that both say yes and no; none where other columns hold numbers, but for ids."""
    others = [place for place, title in enumerate(titles) if place != name and title.casefold() not in _NUMBERING]
    said = {place: {YES_NO.get(row[place].casefold()) for row in rows} for place in others}
    numbers = any(rows and None in said[place] and all(number_of(row[place]) is not None for row in rows)
                  for place in others)
    return [] if numbers else [titles[place] for place in others if said[place] == {True, False}]
