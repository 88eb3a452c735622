"""YOLO's text files: one an image, a line for each object, in fractions of the image's size."""

import json
from collections.abc import Iterator, Sequence

import numpy as np

from tfwsss.annotations.documents import number
from tfwsss.annotations.drawings import Drawing, Drawn, check_labels
from tfwsss.annotations.outlines import outline_of
from tfwsss.annotations.parts import parts_of
from tfwsss.errors import ImageFault

INSET = 0.05
"""Pixels by which outlines are drawn inwards: readers that cut off fractions then name pixels of the object, and those
that compare with the middle of pixels notice nothing."""

_FARTHEST = 2.0         # fractions: shapes may reach out of their image, numbers beyond this are pixels


def yolo_lines(mask: np.ndarray) -> Iterator[str]:
    """Returns the connected parts of a mask as lines of polygons; undecided pixels belong to none.

    Classes count from 0, without background. Holes are cut open to the outside.

    Args:
        mask: uint8 `(row, column)`.

    Yields:
        Lines without their end.

    Example:
    >>> list(yolo_lines(np.array([[1, 1], [255, 0]], np.uint8)))
    ['0 0.025000 0.025000 0.975000 0.025000 0.975000 0.475000 0.025000 0.475000']
    """
    for part in parts_of(mask):
        points, inwards = outline_of(part.pixels, least=1)
        places = (points + INSET * inwards + (part.left, part.top)) / mask.shape[::-1]
        yield " ".join([str(part.class_id - 1), *(f"{value:.6f}" for value in places.ravel().tolist())])


def yolo_table(classes: Sequence[str]) -> str:
    r"""Returns data.yaml, which tells where the images lie and what the classes are called.

    Args:
        classes: names in the order of the mask ids, background first.

    Example:
    >>> yolo_table(("background", "cat"))
    'train: images\nval: images\nnames:\n  0: "cat"\n'
    """
    names = [f"  {place}: {json.dumps(name, ensure_ascii=False)}" for place, name in enumerate(classes[1:])]
    return "\n".join(["train: images", "val: images", "names:", *names, ""])


def read_yolo(where: str, text: str, names: Sequence[str]) -> Drawing:
    """Reads the boxes and polygons of one image.

    Args:
        where: the file, for messages.
        text: its lines: a class from 0, then x, y, width and height of a box's middle, or x and y of three points
            and more.
        names: class names in the order of their numbers, without background.

    Returns:
        A drawing in fractions of the size, whose `files` are empty: the name of the file tells the image.

    Raises:
        ImageFault: a line of another form, pixels in place of fractions, or a number that is no class.

    Example:
    >>> read_yolo("a.txt", "0 0.5 0.5 0.25 0.5", ["cat"]).labels
    (Drawn(kind='box', name='cat', points=((0.375, 0.25), (0.625, 0.75)), runs=None),)
    """
    labels = []
    for place, line in enumerate(text.splitlines(), 1):
        if not line.strip():
            continue
        first, *rest = line.split()
        try:
            numbers = [number(value) for value in rest]
            if not first.isdecimal() or not (len(numbers) == 4 or (len(numbers) >= 6 and len(numbers) % 2 == 0)):
                raise ValueError(f"{first[:16]!r} and {len(numbers)} numbers")
            if max(map(abs, numbers)) > _FARTHEST:
                raise ValueError(f"{max(numbers, key=abs):g} is no fraction of the image's size")
        except ValueError as error:
            raise ImageFault(f"{where}: line {place}: {error}; expected a class and 4 numbers of a box, or x and y of "
                             "3 points and more") from None
        if len(first) > 6 or int(first) >= len(names):
            raise ImageFault(f"{where}: line {place}: class {first[:16]} is none; they are 0 to {len(names) - 1}")
        labels.append(_label(names[int(first)], numbers))
    return Drawing((), check_labels(where, labels), fractions=True)


def _label(name: str, numbers: Sequence[float]) -> Drawn:
    if len(numbers) == 4:
        x, y, width, height = numbers
        return Drawn("box", name, ((x - width / 2, y - height / 2), (x + width / 2, y + height / 2)))
    return Drawn("polygon", name, tuple(zip(numbers[::2], numbers[1::2], strict=True)))
