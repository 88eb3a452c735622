"""Scribbles as ScribbleSup publishes them: one XML file an image, `polygon` elements of `tag` and `point`."""

from collections.abc import Collection
from pathlib import Path

from tfwsss.annotations.documents import number
from tfwsss.data.weak.written import Shape, Written, check_count
from tfwsss.data.weak.xml_parts import annotated_size, class_name, read_annotation
from tfwsss.errors import ImageFault

LONG_NAMES = {"plane": "aeroplane", "bike": "bicycle", "table": "diningtable", "plant": "pottedplant",
              "monitor": "tvmonitor"}
"""Short class names of the published files, where they differ from those of the data set that they belong to."""

_FORM = "expected <annotation><polygon><tag>dog</tag><point>...</point></polygon></annotation>"


def read_scribbles(path: Path, classes: Collection[str]) -> Written:
    """Reads the scribbles of one image, in the order of the file.

    Args:
        path: XML file; each `polygon` has one `tag`, the class, and `point` elements with `X` and `Y` in pixels. It
            is an open line in spite of its name, and may have one point.
        classes: class names. A short name of the published files stands for the long one, where that is a class and
            the short one is none.

    Returns:
        The points of each scribble.

    Raises:
        ImageFault: the file is missing or broken, or a polygon has no tag, no point, or a point without numbers.
    """
    root = read_annotation(path, "polygon", _FORM)
    lines = root.findall("polygon")
    check_count(str(path), len(lines), sum(len(line.findall("point")) for line in lines))
    shapes = []
    for line in lines:
        tag = class_name(path, line, "tag", _FORM)
        tag = LONG_NAMES.get(tag, tag) if tag not in classes else tag
        try:
            points = tuple((number(point.findtext("X")), number(point.findtext("Y")))
                           for point in line.findall("point"))
            if not points:
                raise ValueError("it has no point")
        except ValueError as error:
            raise ImageFault(f"{path}: polygon {tag!r}: {error}; expected points with X and Y") from None
        shapes.append(Shape(tag, points))
    return Written(tuple(shapes), size=annotated_size(path, root))
