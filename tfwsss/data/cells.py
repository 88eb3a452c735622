"""Splits delimited text into cells; a quote that is never closed is told by its line."""

import re
from collections.abc import Iterator
from pathlib import Path

from tfwsss.errors import UserError

DELIMITERS = ",;\t"
"""Signs that separate the columns of a table; the first wins ties."""

_TOLD = re.compile(r'"?sep=([,;\t])"?[ ,;\t]*\n', re.IGNORECASE)
_WORD = re.compile(r'"([^"]+)"(?!\S)|(\S+)')


def delimiter_of(header: str) -> str:
    r"""Returns the sign that separates the columns: the one that the header has most of.

    Args:
        header: first line of the table.

    Example:
    >>> delimiter_of("name;classes")
    ';'
    """
    return max(DELIMITERS, key=header.count)


def table_of(path: Path, text: str) -> list[tuple[int, list[str]]]:
    r"""Returns the rows of a table whose columns are separated as its first line tells.

    Where no line holds a sign that separates, blanks do, however many, if they give all lines as many cells. A first
    line such as `sep=;`, by which spreadsheets tell the sign, is no row.

    Args:
        path: the file, for messages.
        text: its contents, lines ended by "\n".

    Returns:
        As `records` yields them.

    Raises:
        UserError: as `records`.

    Example:
    >>> table_of(Path("t.csv"), 'a.jpg   0.5 x\n"b 1.jpg" 0.25  y')
    [(1, ['a.jpg', '0.5', 'x']), (2, ['b 1.jpg', '0.25', 'y'])]
    """
    told = _TOLD.match(text)
    text = text[told.end():] if told else text
    delimiter = told[1] if told else delimiter_of(text.split("\n", 1)[0])
    table = [(line + bool(told), row) for line, row in records(path, text, delimiter)]
    words = [(line, [quoted or plain for quoted, plain in _WORD.findall(row[0])]) for line, row in table]
    counts = {len(row) for _, row in words}
    by_blanks = all(len(row) == 1 for _, row in table) and len(counts) == 1 and counts != {1}
    return words if by_blanks else table


def records(path: Path, text: str, delimiter: str) -> Iterator[tuple[int, list[str]]]:
    r"""Yields the rows of a table.

    A cell that is quoted as a whole (`"a, b"`, quotes inside doubled) is what stands between the quotes, over several
    lines if need be. Quotes round a part of a cell (`"traffic sign" car`) are left to whoever reads the cell.

    Args:
        path: the file, for messages.
        text: its contents, lines ended by "\n".
        delimiter: between the cells of a row.

    Yields:
        Number of the line on which the row begins, and its cells, stripped; rows without any text are left out.

    Raises:
        UserError: a quote is opened and never closed.

    Example:
    >>> list(records(Path("t.csv"), 'a,"b, c"\n\nd,"e f" g\n', ","))
    [(1, ['a', 'b, c']), (3, ['d', '"e f" g'])]
    """
    mark = re.escape(delimiter)
    quoted = re.compile(rf'[ ]*"((?:[^"]|"")*+)"[ ]*(?=[{mark}\n]|\Z)')
    plain = re.compile(rf"[^{mark}\n]*")
    place, line = 0, 1
    while place < len(text):
        row, start = [], line
        while True:
            found = quoted.match(text, place)
            if found:
                row.append(found[1].replace('""', '"').strip())
            else:
                found = plain.match(text, place)
                row.append(found[0].strip())
                _check_closed(path, line, row[-1])
            line, place = line + found[0].count("\n"), found.end() + 1
            if text[found.end():place] != delimiter:
                break
        line += 1
        if any(row):
            yield start, row


def _check_closed(path: Path, line: int, cell: str) -> None:
    if cell.startswith('"') and cell.count('"') % 2:
        raise UserError(f"{path}: line {line}: {cell[:40]!r} opens a quote that is not closed; close it or take it "
                        "away")
