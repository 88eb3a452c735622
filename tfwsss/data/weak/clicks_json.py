"""Clicks as What's the Point publishes them: JSON by image name, classes by mask id, pixels."""

from collections.abc import Sequence
from typing import Any

from tfwsss.annotations.documents import number, shown
from tfwsss.data.weak.written import Shape, Written, check_count
from tfwsss.errors import ImageFault

EXAMPLE = '{"cls": 3, "x": 120.5, "y": 80}'


def is_click(entry: Any) -> bool:
    """Returns whether an entry of a list is of this form.

    Args:
        entry: any JSON value.
    """
    return isinstance(entry, dict) and "cls" in entry and "name" not in entry


def written_clicks(where: str, entries: Sequence[Any]) -> Written:
    """Reads the clicks of one image; the order of clicks of a class (`rank`) is not used.

    Args:
        where: file and image, for messages.
        entries: each has `cls` (mask id, 0 = background), `x` and `y` in pixels of the image.

    Returns:
        One point a click.

    Raises:
        ImageFault: an entry of another form, or too many.
    """
    check_count(where, len(entries), len(entries))
    shapes = []
    for entry in entries:
        tag = entry["cls"] if is_click(entry) else None
        try:
            if not isinstance(tag, int) or isinstance(tag, bool):
                raise ValueError("cls is no mask id")
            shapes.append(Shape(tag, ((number(entry.get("x")), number(entry.get("y"))),)))
        except ValueError as error:
            raise ImageFault(f"{where}: {shown(entry)}: {error}; expected entries such as {EXAMPLE}") from None
    return Written(tuple(shapes))
