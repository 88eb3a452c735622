"""The labels of an image as a file holds them, before they are those of an image set."""

from typing import NamedTuple

from tfwsss.errors import ImageFault

MAX_LABELS, MAX_POINTS = 10_000, 200_000
"""Bounds of one image: labels, and points of its scribbles together."""


class Shape(NamedTuple):
    """One label: its class, and one point (a click), two corners (a box), or the points of a line (a scribble).

    Args:
        tag: class name, or mask id.
        points: (x, y), finite numbers.
    """

    tag: str | int
    points: tuple[tuple[float, float], ...]


class Written(NamedTuple):
    """The labels of one kind of one image.

    Args:
        shapes: in the order of the file.
        fractions: coordinates are fractions of the image's size, 0 to 1; otherwise pixels.
        size: rows and columns of the image that the file was made for, where it tells.
        notes: what the reader has left out, one text an item.
    """

    shapes: tuple[Shape, ...]
    fractions: bool = False
    size: tuple[int, int] | None = None
    notes: tuple[str, ...] = ()


def check_count(where: str, shapes: int, points: int) -> None:
    """Refuses more labels than an annotator draws.

    Args:
        where: file and image, for the message.
        shapes: labels of the image.
        points: of all of them.

    Raises:
        ImageFault: too many.
    """
    if shapes > MAX_LABELS or points > MAX_POINTS:
        raise ImageFault(f"{where}: {shapes:,} labels of {points:,} points; at most {MAX_LABELS:,} of "
                         f"{MAX_POINTS:,} are read")
