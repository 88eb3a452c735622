"""From the labels that a file holds to boxes, points and scribbles in the pixels of their image."""

import math
from collections import Counter
from collections.abc import Callable, Sequence

from tfwsss.annotations.drawings import check_made_for
from tfwsss.data.weak.written import Shape, Written
from tfwsss.data.weak_labels import Box, Point, Scribble
from tfwsss.data.words import nearest
from tfwsss.errors import ImageFault

Label = Box | Point | Scribble

OUTSIDE = {"points": "points lie outside of their image and are left out",
           "scribbles": "scribbles lie outside of their image and are left out"}
"""Notes of labels that no pixel is left of."""


def place(kind: str, where: str, written: Written, classes: Sequence[str],
          size: tuple[int, int]) -> tuple[tuple[Label, ...], Counter[str]]:
    """Gives the labels of one image their mask ids and pixels.

    A box is clipped to the image (its last column and row may be the image's
    width and height, see `Box`). A click whose pixel lies outside is left out.
    A scribble keeps points that lie outside by less than the image's size, and
    is left out where no point lies inside. A fraction of 1 is the last pixel.

    Args:
        kind: `boxes`, `points` or `scribbles`.
        where: file and image, for messages.
        written: what the file holds.
        classes: class names, background first.
        size: rows and columns of the image.

    Returns:
        Labels in the order of the file, of points those of objects before those of background; and how often each
        note applies.

    Raises:
        ImageFault: the file was made for another size, or a label is of no class, or a box ends before it begins or
            lies outside of the image.
    """
    check_made_for(where, written.size, size)
    notes = Counter(written.notes)
    placed = []
    for shape in written.shapes:
        class_id = _class_id(kind, where, shape.tag, classes)
        label, note = _PLACE[kind](where, class_id, _pixels(shape, written.fractions, size), size, written.fractions)
        notes.update(note)
        placed += [] if label is None else [label]
    if kind == "points":
        placed.sort(key=lambda point: point.class_id == 0)     # drawn in this order, background lies on top
    return tuple(placed), notes


def _class_id(kind: str, where: str, tag: str | int, classes: Sequence[str]) -> int:
    first = 1 if kind == "boxes" else 0
    if isinstance(tag, int):
        if not first <= tag < len(classes):
            raise ImageFault(f"{where}: class {tag} is none; ids are {first} to {len(classes) - 1}")
        return tag
    if tag not in classes[first:]:
        raise ImageFault(f"{where}: {tag!r} is no class; {nearest(tag, classes[first:])}")
    return classes.index(tag)


def _pixels(shape: Shape, fractions: bool, size: tuple[int, int]) -> list[tuple[float, float]]:
    rows, columns = size
    return [(x * columns, y * rows) for x, y in shape.points] if fractions else list(shape.points)


def _box(where: str, class_id: int, corners, size: tuple[int, int], fractions: bool) -> tuple[Box, list[str]]:
    (rows, columns), (first, last) = size, [tuple(math.floor(value + 0.5) for value in corner) for corner in corners]
    if last[0] < first[0] or last[1] < first[1]:
        raise ImageFault(f"{where}: a box from {first} to {last} ends before it begins; write the upper left corner "
                         "first")
    if last[0] < 0 or last[1] < 0 or first[0] >= columns or first[1] >= rows:
        raise ImageFault(f"{where}: a box from {first} to {last} lies outside of the image of {columns}x{rows} pixels; "
                         f"{_unit(fractions)}")
    inside = [min(max(value, 0), end) for value, end in zip(first + last, (columns, rows) * 2, strict=True)]
    note = ["boxes reach out of their image and are clipped"] if inside != [*first, *last] else []
    return Box(class_id, *inside), note


def _point(where: str, class_id: int, points, size: tuple[int, int], fractions: bool) -> tuple[Point | None, list[str]]:
    x, y = _from_the_edge(points[0], size) if fractions else points[0]
    return (Point(class_id, x, y), []) if _inside((x, y), size) else (None, [OUTSIDE["points"]])


def _scribble(where: str, class_id: int, points, size: tuple[int, int],
              fractions: bool) -> tuple[Scribble | None, list[str]]:
    rows, columns = size
    points = tuple(_from_the_edge(point, size) if fractions else point for point in points)
    near = all(-columns <= x < 2 * columns and -rows <= y < 2 * rows for x, y in points)
    inside = sum(_inside(point, size) for point in points)
    if not near or not inside:
        return None, [OUTSIDE["scribbles"]]
    note = ["scribbles reach out of their image, where they are cut off"] if inside < len(points) else []
    return Scribble(class_id, points), note


_PLACE: dict[str, Callable] = {"boxes": _box, "points": _point, "scribbles": _scribble}


def _inside(point: tuple[float, float], size: tuple[int, int]) -> bool:
    return 0 <= point[0] < size[1] and 0 <= point[1] < size[0]


def _from_the_edge(point: tuple[float, float], size: tuple[int, int]) -> tuple[float, float]:
    """Moves what lies on the right or lower edge, the fraction 1, to the middle of the last pixel."""
    x, y = (end - 0.5 if value == end else value for value, end in zip(point, size[::-1], strict=True))
    return x, y


def _unit(fractions: bool) -> str:
    return "coordinates are fractions of the size, 0 to 1" if fractions else "coordinates are pixels"
