"""What was drawn on an image in an annotation tool, in one form for all tools."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import PurePosixPath
from string import hexdigits
from typing import NamedTuple
from urllib.parse import parse_qs, unquote, urlsplit

import numpy as np

from tfwsss.annotations.polygons import fill
from tfwsss.annotations.runs import Runs, check_size, decode_runs
from tfwsss.errors import ImageFault

KINDS = ("tag", "box", "point", "line", "polygon", "mask")
"""What a label can be: of the whole image, two corners, a click, an open line, a closed one, or pixels."""

MAX_LABELS, MAX_POINTS = 10_000, 200_000
"""Bounds of one image: labels, and points of them together."""

FARTHEST = 1e7
"""Bound of a coordinate, either way."""

_UPLOAD = 8             # hexadecimal digits before the "-" that uploads get in front of their names


class Drawn(NamedTuple):
    """One label.

    Args:
        kind: one of `KINDS`.
        name: class name as the tool has it.
        points: (x, y), finite; two corners of a box, upper left first.
        runs: pixels of a mask.
    """

    kind: str
    name: str
    points: tuple[tuple[float, float], ...] = ()
    runs: Runs | None = None


class Drawing(NamedTuple):
    """The labels of one image.

    Args:
        files: what the tool calls the image, and what else that may mean; the fullest form first.
        labels: in the order of the file: what comes later lies on top.
        size: rows and columns, where the file tells.
        fractions: points are fractions of the size, 0 to 1; otherwise pixels.
        notes: what was left out, one text an item.
    """

    files: tuple[str, ...]
    labels: tuple[Drawn, ...]
    size: tuple[int, int] | None = None
    fractions: bool = False
    notes: tuple[str, ...] = ()

    @property
    def tags(self) -> tuple[str, ...]:
        """The class names of all labels, each once."""
        return tuple(dict.fromkeys(label.name for label in self.labels))


class Drawings(NamedTuple):
    """What a document holds.

    Args:
        images: one drawing an image.
        classes: names that the document declares, in its order; empty where it declares none.
        faults: what the tool calls an image, and why its labels cannot be used.
        untouched: images that nobody has annotated yet, which does not mean that they show nothing.
    """

    images: tuple[Drawing, ...]
    classes: tuple[str, ...]
    faults: Mapping[str, str]
    untouched: tuple[str, ...] = ()


def file_forms(written: str) -> tuple[str, ...]:
    """Returns what a tool's address of an image may mean: itself, the path in it, the file, the name before upload.

    Args:
        written: a path, a file name or an address.

    Example:
    >>> file_forms("/data/upload/1/0a1b2c3d-cow.jpg")
    ('/data/upload/1/0a1b2c3d-cow.jpg', '0a1b2c3d-cow.jpg', 'cow.jpg')
    >>> file_forms("/data/local-files/?d=farm/cow%201.jpg")
    ('/data/local-files/?d=farm/cow%201.jpg', 'farm/cow 1.jpg', 'cow 1.jpg')
    """
    forms = [written]
    parts = urlsplit(written) if "?" in written or "://" in written else None
    if parts is not None:
        forms += [parse_qs(parts.query).get("d", [unquote(parts.path)])[0].lstrip("/")]
    forms.append(PurePosixPath(forms[-1].replace("\\", "/")).name)
    start, mark, rest = forms[-1].partition("-")
    uploaded = "/upload/" in written or (len(start) == _UPLOAD and set(start) <= set(hexdigits))
    return tuple(dict.fromkeys(form for form in [*forms, rest if mark and uploaded else ""] if form))


def check_labels(where: str, labels: Sequence[Drawn]) -> tuple[Drawn, ...]:
    """Refuses more labels than an annotator draws.

    Args:
        where: file and image, for the message.
        labels: of the image.

    Returns:
        The same.

    Raises:
        ImageFault: too many, or a point that lies nowhere near an image.
    """
    if any(abs(value) > FARTHEST for label in labels for point in label.points for value in point):
        raise ImageFault(f"{where}: a point farther than {FARTHEST:.0e} from its image; export it again")
    points = sum(len(label.points) for label in labels)
    if len(labels) > MAX_LABELS or points > MAX_POINTS:
        raise ImageFault(f"{where}: {len(labels):,} labels of {points:,} points; at most {MAX_LABELS:,} of "
                         f"{MAX_POINTS:,} are read")
    return tuple(labels)


def check_made_for(where: str, annotated: tuple[int, int] | None, size: tuple[int, int]) -> None:
    """Refuses labels that were drawn on an image of another size: their pixels would be others.

    Args:
        where: file and image, for the message.
        annotated: rows and columns of what was drawn on; None: not known.
        size: those of the image.

    Raises:
        ImageFault: they differ.
    """
    if annotated not in (None, size):
        raise ImageFault(f"{where}: made for an image of {annotated[1]}x{annotated[0]} pixels, but the image has "
                         f"{size[1]}x{size[0]}; annotate the image as it is, or give the annotated one")


def to_mask(where: str, drawing: Drawing, classes: Sequence[str], size: tuple[int, int]) -> np.ndarray:
    """Paints the masks and polygons of a drawing, later ones on top.

    Args:
        where: file and image, for messages.
        drawing: its tags, boxes, points and lines are not painted.
        classes: names in the order of the mask ids, background first, which may be drawn too.
        size: rows and columns of the image.

    Returns:
        uint8 `(row, column)`, 0 where nothing is drawn.

    Raises:
        ImageFault: a class that is none, or labels drawn on an image of another size.

    Example:
    >>> square = Drawn("polygon", "cat", ((0, 0), (2, 0), (2, 1), (0, 1)))
    >>> to_mask("a", Drawing(("a.png",), (square,)), ("background", "cat"), (1, 3)).tolist()
    [[1, 1, 0]]
    """
    check_size(where, *size)
    check_made_for(where, drawing.size, size)
    mask = np.zeros(size, np.uint8)
    for label in painted(drawing.labels):
        mask[pixels_of(where, drawing, label, size)] = class_id(where, label, classes)
    return mask


def class_id(where: str, label: Drawn, classes: Sequence[str]) -> int:
    """Returns the mask id of a label.

    Args:
        where: file and image, for the message.
        label: of any kind.
        classes: names in the order of the mask ids, background first.

    Raises:
        ImageFault: its class is none of them.
    """
    if label.name not in classes:
        raise ImageFault(f"{where}: {label.name!r} is no class; classes are {', '.join(classes)}")
    return classes.index(label.name)


def pixels_of(where: str, drawing: Drawing, label: Drawn, size: tuple[int, int]) -> np.ndarray:
    """Returns the pixels that a mask or polygon covers.

    Args:
        where: file and image, for the message.
        drawing: of which the label is one.
        label: mask or polygon.
        size: rows and columns of the image.

    Returns:
        Boolean `(row, column)`.

    Raises:
        ImageFault: a mask of another size.
    """
    if label.runs is None:
        return fill(np.array(label.points) * (size[::-1] if drawing.fractions else (1, 1)), size)
    if label.runs.size != size:
        raise ImageFault(f"{where}: a mask of {label.runs.size[1]} x {label.runs.size[0]} pixels; its image has "
                         f"{size[1]} x {size[0]}")
    return decode_runs(label.runs)


def painted(labels: Iterable[Drawn]) -> list[Drawn]:
    """Returns the labels that cover pixels.

    Args:
        labels: of one image.
    """
    return [label for label in labels if label.kind in ("polygon", "mask")]
