"""Boxes of PASCAL VOC's annotations."""

from collections.abc import Collection
from pathlib import Path
from xml.etree.ElementTree import Element

from tfwsss.annotations.documents import number
from tfwsss.data.weak.written import Shape, Written, check_count
from tfwsss.data.weak.xml_parts import annotated_size, class_name, read_annotation
from tfwsss.errors import ImageFault

PARTS = ("head", "hand", "foot")
"""Names of parts of persons, which some annotations list beside the objects."""

_FORM = "expected <annotation><object><name>dog</name><bndbox>...</bndbox></object></annotation>"
_SIDES = ("xmin", "ymin", "xmax", "ymax")


def read_boxes(path: Path, classes: Collection[str], difficult: bool = True) -> Written:
    """Reads the boxes of the objects of one image, in the order of the file.

    Of each `object` below the root the `name` and the first `bndbox` count,
    with its fractions cut off; `part` elements inside of objects do not, and
    objects named like parts neither, unless they are a class.

    Args:
        path: XML file.
        classes: class names.
        difficult: objects marked difficult count; otherwise only where all of an image are.

    Returns:
        Two corners a box, in the file's numbers.

    Raises:
        ImageFault: the file is missing or broken, or an object has no name or no box of four numbers.
    """
    root = read_annotation(path, "object", _FORM)
    objects = counted_objects(root, difficult)
    check_count(str(path), len(objects), 2 * len(objects))
    shapes, notes = [], []
    for item in objects:
        name = class_name(path, item, "name", _FORM)
        if name in PARTS and name not in classes:
            notes.append(f"boxes of parts ({', '.join(PARTS)}) are left out")
            continue
        box = item.find("bndbox")
        try:
            if box is None:
                raise ValueError("it has no bndbox")
            x0, y0, x1, y1 = (float(int(number(box.findtext(side)))) for side in _SIDES)
        except ValueError as error:
            raise ImageFault(f"{path}: object {name!r}: {error}; expected a bndbox of {', '.join(_SIDES)}") from None
        shapes.append(Shape(name, ((x0, y0), (x1, y1))))
    return Written(tuple(shapes), size=annotated_size(path, root), notes=tuple(notes))


def counted_objects(root: Element, difficult: bool) -> list[Element]:
    """Returns the objects that count: all, or those not marked difficult where there are others.

    Args:
        root: of an annotation.
        difficult: all count.
    """
    objects = root.findall("object")
    plain = [item for item in objects if (item.findtext("difficult") or "0").strip() != "1"]
    return objects if difficult else plain or objects
