"""Masks of what was drawn on an image, in which what nobody can know is undecided."""

from collections.abc import Sequence

import numpy as np

from tfwsss.annotations.drawings import Drawing, Drawn, check_made_for, class_id, painted, pixels_of
from tfwsss.annotations.runs import check_size
from tfwsss.palette import IGNORE


def paint(where: str, drawing: Drawing, classes: Sequence[str], size: tuple[int, int]) -> tuple[np.ndarray, bool]:
    """Paints the masks and polygons of a drawing, later ones on top.

    What nobody painted is background, with three exceptions: the inside of a box in which no pixel has its class is
    undecided; everything is, where a tag, click or line names a class that is painted nowhere and has no box; and where
    somebody painted background too, what is left was left open.

    Args:
        where: file and image, for messages.
        drawing: with masks or polygons.
        classes: names in the order of the mask ids, background first.
        size: rows and columns of the image.

    Returns:
        uint8 `(row, column)`, 255 undecided; and whether these are scribbles: background is painted, and not all is.

    Raises:
        ImageFault: a class that is none, or labels drawn on an image of another size.

    Example:
    >>> square = Drawn("polygon", "cat", ((0, 0), (1, 0), (1, 1), (0, 1)))
    >>> other = Drawn("box", "cat", ((2, 0), (3, 1)))
    >>> paint("a", Drawing(("a.png",), (square, other)), ("background", "cat"), (1, 4))[0].tolist()
    [[1, 0, 255, 0]]
    """
    check_size(where, *size)
    check_made_for(where, drawing.size, size)
    mask = np.full(size, IGNORE, np.uint8)
    ids = set()
    for label in painted(drawing.labels):
        ids.add(class_id(where, label, classes))
        mask[pixels_of(where, drawing, label, size)] = class_id(where, label, classes)
    bare = mask == IGNORE
    if 0 in ids:
        return mask, bool(bare.any())
    mask[bare] = 0
    shown = set(np.unique(mask).tolist())
    for label in drawing.labels:
        number = class_id(where, label, classes)
        if label.kind == "box":
            shown.add(number)
            inside = _inside(label, drawing, size)
            if not (mask[inside] == number).any():
                mask[inside] = np.where(bare[inside], np.uint8(IGNORE), mask[inside])
    if {class_id(where, label, classes) for label in drawing.labels} - shown:
        mask[bare] = IGNORE
    return mask, False


def _inside(box: Drawn, drawing: Drawing, size: tuple[int, int]) -> tuple[slice, slice]:
    """Returns the rows and columns of the pixels that a box touches."""
    scale = size[::-1] if drawing.fractions else (1, 1)
    (left, top), (right, bottom) = (np.array(box.points) * scale).tolist()
    rows, columns = size
    return (slice(int(np.clip(np.floor(top), 0, rows)), int(np.clip(np.ceil(bottom), 0, rows))),
            slice(int(np.clip(np.floor(left), 0, columns)), int(np.clip(np.ceil(right), 0, columns))))
