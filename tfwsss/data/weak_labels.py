"""What a weak label beside a tag is: a box, a click or a scribble; and what an image is supervised by."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

from tfwsss.errors import UserError


class Box(NamedTuple):
    """The rectangle around one object.

    Args:
        class_id: mask id, 1 and on.
        x0: first column. y0: first row.
        x1: last column, included. y1: last row, included. An annotation file counts pixels from 1 and its numbers are
            used as they are, as the published programs do: `x1` may be the number of columns, `y1` that of rows.
    """

    class_id: int
    x0: int
    y0: int
    x1: int
    y1: int


class Point(NamedTuple):
    """A click; its pixel is column `floor(x)` of row `floor(y)`, which lies inside the image.

    Args:
        class_id: mask id, 0 = background.
        x: pixels from the left edge.
        y: pixels from the upper edge.
    """

    class_id: int
    x: float
    y: float


class Scribble(NamedTuple):
    """An open line from point to point; one point is a dot.

    Args:
        class_id: mask id, 0 = background.
        points: (x, y) in pixels, in their order. At least one lies inside the image; the edge cuts the others off.
    """

    class_id: int
    points: tuple[tuple[float, float], ...]


SUPERVISION = ("mask", "scribble", "box", "point", "image")
"""What an image can be supervised by, the strongest first; `image` means its tags."""

FIELDS = ("boxes", "points", "scribbles")
"""Fields of an `ImageSet` that map a name to labels."""

FILES = ("scribble_masks", "full_masks")
"""Fields of an `ImageSet` that map a name to a file of labels."""


def classes_of(labels: Iterable[Box | Point | Scribble]) -> set[int]:
    """Returns the mask ids of some labels, without background.

    Args:
        labels: of one image.
    """
    return {label.class_id for label in labels} - {0}


def check_weak_labels(root: Path, num_classes: int, kind: str, labels: Mapping[str, tuple]) -> None:
    """Refuses labels that no reader would make.

    Args:
        root: folder of the data set, for messages.
        num_classes: classes without background.
        kind: one of `FIELDS`.
        labels: name to labels of that kind.

    Raises:
        UserError: an id that is no class, a box whose sides are exchanged, or a scribble without a point.
    """
    first = 1 if kind == "boxes" else 0
    for name, found in labels.items():
        for label in found:
            if not first <= label.class_id <= num_classes:
                raise UserError(f"{root}: {kind} of {name!r}: id {label.class_id} is no class; expected {first} to "
                                f"{num_classes}")
            if isinstance(label, Box) and (label.x1 < label.x0 or label.y1 < label.y0):
                raise UserError(f"{root}: {name!r}: {label} ends before it begins; exchange its sides")
            if isinstance(label, Scribble) and not label.points:
                raise UserError(f"{root}: {name!r}: a scribble without a point; leave it out")
