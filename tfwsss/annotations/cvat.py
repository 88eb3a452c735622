"""CVAT's segmentation masks, out: colours told by labelmap.txt, and its images' XML, in."""

from collections.abc import Sequence
from xml.etree.ElementTree import Element

import numpy as np

from tfwsss.annotations.documents import number, shown
from tfwsss.annotations.drawings import Drawing, Drawings, Drawn, check_labels, file_forms
from tfwsss.annotations.parts import parts_of
from tfwsss.annotations.runs import check_size, encode_runs
from tfwsss.errors import ImageFault, UserError

_TURNED = "boxes that were turned are left out"
_POINTS = {"polygon": "polygon", "polyline": "line", "points": "point"}
_NO_SHAPES = {"skeleton", "ellipse", "cuboid"}


def labelmap(classes: Sequence[str], palette: np.ndarray) -> str:
    r"""Returns the table of classes and colours that lies beside the masks.

    Args:
        classes: names in the order of the mask ids, background first.
        palette: uint8 `(256, 3)`.

    Raises:
        UserError: a name that the table cannot hold.

    Example:
    >>> labelmap(("background", "cat"), np.array([[0, 0, 0], [128, 0, 0]]))
    '# label:color_rgb:parts:actions\nbackground:0,0,0::\ncat:128,0,0::\n'
    """
    for name in classes:
        if ":" in name or "\n" in name or name != name.strip() or name.startswith("#"):
            raise UserError(f"class {name!r}: labelmap.txt cannot hold this name; rename the class without ':', line "
                            "breaks, '#' or spaces at its ends")
    lines = [f"{name}:{','.join(map(str, palette[place].tolist()))}::" for place, name in enumerate(classes)]
    return "\n".join(["# label:color_rgb:parts:actions", *lines, ""])


def object_colours(mask: np.ndarray) -> tuple[np.ndarray, int]:
    """Returns a picture in which each connected part has a colour of its own, by the rule of VOC's palette.

    Args:
        mask: uint8 `(row, column)`, 255 belongs to no part.

    Returns:
        uint8 `(row, column, 3)`, black where there is none; number of parts.

    Example:
    >>> object_colours(np.array([[1, 0, 1]], np.uint8))[0].tolist()
    [[[128, 0, 0], [0, 0, 0], [0, 128, 0]]]
    """
    numbers = np.zeros(mask.shape, np.int32)
    count = 0
    for count, part in enumerate(parts_of(mask), 1):
        rows, columns = part.pixels.shape
        numbers[part.top:part.top + rows, part.left:part.left + columns][part.pixels] = count
    colours = np.zeros((*mask.shape, 3), np.uint8)
    for bit in range(8):
        for channel in range(3):
            colours[..., channel] |= (((numbers >> (3 * bit + channel)) & 1) << (7 - bit)).astype(np.uint8)
    return colours, count


def read_cvat_images(where: str, root: Element) -> Drawings:
    """Reads tags, boxes, polygons, lines, points and masks of the form "CVAT for images 1.1".

    Args:
        where: the file, for messages.
        root: of the document.

    Returns:
        A drawing for each image, in pixels, also for those without shapes.

    Raises:
        UserError: the document is another one, such as that of a video.

    Example:
    >>> from xml.etree.ElementTree import fromstring
    >>> text = '<annotations><image name="x.jpg" width="9" height="8"><tag label="cat"/></image></annotations>'
    >>> read_cvat_images("a.xml", fromstring(text)).images[0].tags
    ('cat',)
    """
    images = root.findall("image")
    if root.tag != "annotations" or (root.find("track") is not None and not images):
        raise UserError(f"{where}: is not of the form 'CVAT for images'; export the task again in that form")
    found, faults = [], {}
    for place, image in enumerate(images):
        file = image.get("name") or f"image {place}"
        try:
            found.append(_drawing(f"{where}, {file}", file, image))
        except ImageFault as fault:
            faults[file] = str(fault)
    declared = [(label.findtext("name") or "").strip() for label in root.iterfind("meta//labels/label")]
    return Drawings(tuple(found), tuple(dict.fromkeys(name for name in declared if name)), faults)


def _drawing(where: str, file: str, image: Element) -> Drawing:
    try:
        size = int(number(image.get("height"))), int(number(image.get("width")))
    except ValueError as error:
        raise ImageFault(f"{where}: {error}; expected width and height") from None
    check_size(where, *size)
    labels: list[Drawn] = []
    notes: list[str] = []
    for shape in sorted(image, key=lambda shape: int(shape.get("z_order") or 0) if _is_whole(shape) else 0):
        if shape.tag in _NO_SHAPES:
            notes.append(f"shapes of the kind {shape.tag} are left out")
            continue
        try:
            labels += _labels(where, shape, size, notes)
        except (ValueError, TypeError) as error:
            raise ImageFault(f"{where}: {shape.tag} {shown(shape.get('label'))}: {error}; export it again") from None
    return Drawing(file_forms(file), check_labels(where, labels), size, notes=tuple(notes))


def _is_whole(shape: Element) -> bool:
    return (shape.get("z_order") or "0").lstrip("-").isdigit() and len(shape.get("z_order") or "") < 9


def _labels(where: str, shape: Element, size: tuple[int, int], notes: list[str]) -> list[Drawn]:
    name = (shape.get("label") or "").strip()
    if shape.tag not in ("tag", "box", "mask", *_POINTS):
        return []
    if not name:
        raise ValueError("it has no label")
    if shape.tag == "tag":
        return [Drawn("tag", name)]
    if shape.tag == "mask":
        return [Drawn("mask", name, runs=encode_runs(_pixels(where, shape, size)))]
    if shape.tag == "box":
        if number(shape.get("rotation") or 0):
            notes.append(_TURNED)
            return []
        left, top, right, bottom = (number(shape.get(side)) for side in ("xtl", "ytl", "xbr", "ybr"))
        return [Drawn("box", name, ((left, top), (right, bottom)))]
    points = tuple((number(x), number(y)) for x, y in
                   (pair.split(",") for pair in (shape.get("points") or "").split(";")))
    if shape.tag == "points":
        return [Drawn("point", name, (point,)) for point in points]
    return [Drawn(_POINTS[shape.tag], name, points)]


def _pixels(where: str, shape: Element, size: tuple[int, int]) -> np.ndarray:
    """Returns a mask whose runs go along the rows of its box, outside first."""
    left, top, columns, rows = (int(number(shape.get(side))) for side in ("left", "top", "width", "height"))
    check_size(where, rows, columns)
    counts = [int(number(text)) for text in (shape.get("rle") or "").split(",")]
    if min(counts) < 0 or sum(counts) != rows * columns:
        raise ValueError(f"its runs sum up to {sum(counts):,}; expected {columns} x {rows}")
    if min(left, top) < 0 or left + columns > size[1] or top + rows > size[0]:
        raise ValueError("it reaches out of its image")
    whole = np.zeros(size, bool)
    inside = np.repeat(np.arange(len(counts)) % 2 == 1, counts)
    whole[top:top + rows, left:left + columns] = inside.reshape(rows, columns)
    return whole
