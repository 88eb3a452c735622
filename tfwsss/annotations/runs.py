"""Masks as runs, in COCO's order: down the first column, then down the next."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from tfwsss.errors import ImageFault

MAX_PIXELS = 2**26
"""Largest mask that is decoded: a file's runs may claim any size."""

_FIRST, _BITS = 48, 5           # a character holds five bits of a number, a sixth says that more follow
_LONGEST = 7                    # characters of a number: as many as 32 bits need


class Runs(NamedTuple):
    """A mask of one object.

    Args:
        size: rows and columns.
        counts: pixels of each run, outside first; their sum is rows x columns.
    """

    size: tuple[int, int]
    counts: tuple[int, ...]


def encode_runs(mask: np.ndarray) -> Runs:
    """Returns the runs of a mask.

    Args:
        mask: boolean `(row, column)`.

    Example:
    >>> encode_runs(np.array([[0, 1], [1, 1]], bool))
    Runs(size=(2, 2), counts=(1, 3))
    """
    flat = np.asarray(mask, bool).T.ravel()
    changes = np.flatnonzero(np.diff(flat, prepend=False))
    return Runs(mask.shape, tuple(np.diff(changes, prepend=0, append=flat.size).tolist()))


def decode_runs(runs: Runs) -> np.ndarray:
    """Returns the mask of some runs.

    Args:
        runs: of a checked size, see `checked_runs`.

    Returns:
        Boolean `(row, column)`.

    Example:
    >>> decode_runs(Runs((2, 2), (1, 3))).tolist()
    [[False, True], [True, True]]
    """
    rows, columns = runs.size
    inside = np.arange(len(runs.counts)) % 2 == 1
    return np.repeat(inside, runs.counts).reshape(columns, rows).T


def checked_runs(where: str, rows: int, columns: int, counts: Sequence[int]) -> Runs:
    """Returns runs of a file, once they are known to fill their mask.

    Args:
        where: file and image, for the message.
        rows: of the mask.
        columns: of the mask.
        counts: numbers of the file.

    Raises:
        ImageFault: the mask is empty or too large, a run is none, or the runs do not add up.
    """
    check_size(where, rows, columns)
    numbers = all(type(count) is int and count >= 0 for count in counts)
    if not numbers or sum(counts) != rows * columns:
        told = f"sum up to {sum(counts):,}" if numbers else "are not all whole numbers from 0"
        raise ImageFault(f"{where}: its runs {told}; expected {columns} x {rows} pixels; export it again")
    return Runs((rows, columns), tuple(counts))


def check_size(where: str, rows: int, columns: int) -> None:
    """Refuses a size that no mask has.

    Args:
        where: file and image, for the message.
        rows: of the mask.
        columns: of the mask.

    Raises:
        ImageFault: it is no size, or above `MAX_PIXELS`.
    """
    if type(rows) is not int or type(columns) is not int or min(rows, columns) < 1:
        raise ImageFault(f"{where}: a size of {str(columns)[:16]} x {str(rows)[:16]}; expected whole pixels from 1")
    if rows * columns > MAX_PIXELS:
        raise ImageFault(f"{where}: a mask of {columns} x {rows} pixels; at most {MAX_PIXELS:,} are read")


def to_text(counts: Sequence[int]) -> str:
    """Returns runs as COCO's compressed text: differences to the run before the last, five bits a character.

    Args:
        counts: of `Runs`.

    Example:
    >>> to_text((1, 3)), to_text((0, 40, 2))
    ('13', '0X12')
    """
    signs = []
    for place, count in enumerate(counts):
        rest, more = count - counts[place - 2] if place > 2 else count, True
        while more:
            low, rest = rest & 31, rest >> _BITS
            more = rest != (-1 if low & 16 else 0)
            signs.append(chr(_FIRST + (low | 32 * more)))
    return "".join(signs)


def from_text(where: str, text: str) -> list[int]:
    """Returns the runs of COCO's compressed text.

    Args:
        where: file and image, for the message.
        text: as `to_text` writes it.

    Returns:
        Numbers, not yet checked.

    Raises:
        ImageFault: the text is none, or a number does not end.

    Example:
    >>> from_text("a.json", "0X12")
    [0, 40, 2]
    """
    counts: list[int] = []
    number = shift = 0
    for sign in text:
        value = ord(sign) - _FIRST
        if not 0 <= value < 64 or shift >= _BITS * _LONGEST:
            raise ImageFault(f"{where}: its run-length text is not COCO's; export it again")
        number |= (value & 31) << shift
        shift += _BITS
        if not value & 32:
            number -= 1 << shift if value & 16 else 0
            counts.append(number + (counts[-2] if len(counts) > 2 else 0))
            number = shift = 0
    if shift:
        raise ImageFault(f"{where}: its run-length text ends within a number; export it again")
    return counts
