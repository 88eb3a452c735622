"""Boxes, clicks and scribbles as JSON by image name: classes by name, coordinates as fractions of the size."""

from collections.abc import Sequence
from typing import Any

from tfwsss.annotations.documents import number, shown
from tfwsss.data.weak.written import Shape, Written, check_count
from tfwsss.errors import ImageFault

EXAMPLES = {"boxes": '{"name": "cat", "box": [0.1, 0.2, 0.5, 0.9]}', "points": '{"name": "cat", "x": 0.3, "y": 0.6}',
            "scribbles": '{"name": "cat", "points": [[0.3, 0.6], [0.4, 0.6]]}'}
"""An entry of each kind; x and columns run from left to right, y and rows from top to bottom."""

_KEYS = {"boxes": ("box",), "points": ("x", "y"), "scribbles": ("points",)}


def is_fractions(kind: str, entry: Any) -> bool:
    """Returns whether an entry of a list is of this form.

    Args:
        kind: `boxes`, `points` or `scribbles`.
        entry: any JSON value.
    """
    return isinstance(entry, dict) and all(key in entry for key in ("name", *_KEYS[kind]))


def written_fractions(kind: str, where: str, entries: Sequence[Any]) -> Written:
    """Reads the labels of one image.

    Args:
        kind: `boxes`, `points` or `scribbles`.
        where: file and image, for messages.
        entries: each as `EXAMPLES` shows.

    Returns:
        One point, two corners, or the points of a line a label.

    Raises:
        ImageFault: an entry of another form, or too many.
    """
    lines = [entry["points"] for entry in entries if kind == "scribbles" and is_fractions(kind, entry)]
    check_count(where, len(entries), sum(len(line) for line in lines if isinstance(line, list)))
    shapes = []
    for entry in entries:
        try:
            if not is_fractions(kind, entry) or not isinstance(entry["name"], str):
                raise ValueError("no label of this kind")
            shapes.append(Shape(entry["name"].strip(), _points(kind, entry)))
        except ValueError as error:
            raise ImageFault(f"{where}: {shown(entry)}: {error}; expected entries such as {EXAMPLES[kind]}, in "
                             "fractions of the image's size") from None
    return Written(tuple(shapes), fractions=True)


def _points(kind: str, entry: dict[str, Any]) -> tuple[tuple[float, float], ...]:
    if kind == "points":
        return (_numbers([entry["x"], entry["y"]], 2),)
    if kind == "boxes":
        x0, y0, x1, y1 = _numbers(entry["box"], 4)
        return (x0, y0), (x1, y1)
    if not isinstance(entry["points"], list) or not entry["points"]:
        raise ValueError("it has no list of points")
    return tuple(_numbers(point, 2) for point in entry["points"])


def _numbers(values: Any, count: int) -> tuple[float, ...]:
    if not isinstance(values, list) or len(values) != count:
        raise ValueError(f"expected {count} numbers")
    return tuple(map(number, values))
