"""Columns that are one class each: of 1 and 0, or of scores with the one from which on an image shows the class."""

import math
import re
from collections.abc import Sequence
from pathlib import Path

from tfwsss.data.tags import BACKGROUNDS
from tfwsss.errors import UserError

YES_NO = {**dict.fromkeys(("1", "1.0", "true", "yes"), True), **dict.fromkeys(("0", "0.0", "false", "no", ""), False)}
"""Cells of a column that is one class, in small letters."""

_THOUSANDS = re.compile(r"[+-]?[1-9]\d{0,2}(,\d{3})+")         # a thousand and more, or a decimal comma: nobody knows


def number_of(cell: str) -> float | None:
    """Returns the number that a cell holds, with a point or a decimal comma, or a percentage as a share of 1.

    None where it holds none, or perhaps two.

    Args:
        cell: its text.

    Example:
    >>> number_of("0,25"), number_of("-1"), number_of("90 %"), number_of("nan"), number_of(""), number_of("1,234")
    (0.25, -1.0, 0.9, None, None, None)
    """
    if cell.rstrip().endswith("%"):
        number = number_of(cell.rstrip()[:-1])
        return None if number is None or cell.count("%") > 1 else number / 100
    if _THOUSANDS.fullmatch(cell.strip()):
        return None
    try:
        number = float(cell.replace(",", ".")) if "_" not in cell else math.nan
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def are_scores(cells: Sequence[str]) -> bool:
    """Returns whether cells of a column can hardly be names of classes: numbers, of which some are below 1 or broken.

    Args:
        cells: of the column.

    Example:
    >>> are_scores(["0.0", "0.3333"]), are_scores(["1", "2"]), are_scores(["0.5", "cat"]), are_scores(["1", "0"])
    (True, False, False, True)
    """
    numbers = [number_of(cell) for cell in cells]
    return bool(numbers) and None not in numbers and any(number < 1 or number % 1 for number in numbers)


def marked(path: Path, rows: Sequence[tuple[int, Sequence[str]]], titles: Sequence[str], places: Sequence[int],
           least: float | None = None) -> list[tuple[str, ...]]:
    """Returns the titles of the columns by which each image shows their class.

    Args:
        path: the table, for messages.
        rows: line and cells of each.
        titles: of all columns.
        places: of the columns that are one class each.
        least: None: they hold 1 or 0; else the score from which on an image shows the class.

    Returns:
        Of each row titles in the order of `places`, without that of background.

    Raises:
        UserError: a cell holds something else, or no score is as high.

    Example:
    >>> marked(Path("t.csv"), [(2, ["a.jpg", "0.7"]), (3, ["b.jpg", "0"])], ["file", "scratch"], [1], least=0.5)
    [('scratch',), ()]
    """
    found = [tuple(titles[place] for place in places if _shows(path, line, row[place], titles[place], least)
                   and titles[place].casefold() not in BACKGROUNDS) for line, row in rows]
    if least is not None and not any(found):
        highest = max(number_of(row[place]) for _, row in rows for place in places)
        raise UserError(f"data.columns.least={least:g}: no image of {path} shows anything, its highest score is "
                        f"{highest:g}; lower it")
    return found


def _shows(path: Path, line: int, cell: str, title: str, least: float | None) -> bool:
    if least is None:
        if cell.casefold() not in YES_NO:
            cure = "" if number_of(cell) is None else \
                "; where it holds scores, --set data.columns.least=0.5 says from which on an image shows the class"
            raise UserError(f"{path}: line {line}: {cell[:40]!r} in the column {title!r}; a column of one class holds "
                            f"1 or 0{cure}")
        return YES_NO[cell.casefold()]
    number = number_of(cell)
    if number is None:
        raise UserError(f"{path}: line {line}: {cell[:40]!r} in the column {title!r} is no number, of which "
                        f"data.columns.least={least:g} is one; write one, such as 0.5, or strike the row")
    return number >= least
