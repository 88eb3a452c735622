"""COCO's JSON: objects as run lengths or polygons, out and in."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from tfwsss.annotations.documents import number, shown
from tfwsss.annotations.drawings import Drawing, Drawings, Drawn, check_labels, file_forms
from tfwsss.annotations.outlines import outline_of
from tfwsss.annotations.parts import Part, parts_of
from tfwsss.annotations.runs import checked_runs, encode_runs, from_text, to_text
from tfwsss.errors import ImageFault, UserError


def coco_categories(classes: Sequence[str]) -> list[dict[str, Any]]:
    """Returns the classes as COCO's categories: their ids are those of the masks.

    Args:
        classes: names in the order of the mask ids, background first, which is none.

    Example:
    >>> coco_categories(("background", "cat"))
    [{'id': 1, 'name': 'cat', 'supercategory': ''}]
    """
    return [{"id": place, "name": name, "supercategory": ""} for place, name in enumerate(classes) if place]


def coco_image(image_id: int, file: str, size: tuple[int, int]) -> dict[str, Any]:
    """Returns an image as COCO lists it.

    Args:
        image_id: 1 and on.
        file: name of the image file.
        size: rows and columns.

    Example:
    >>> coco_image(1, "cow.jpg", (2, 3))
    {'id': 1, 'file_name': 'cow.jpg', 'width': 3, 'height': 2}
    """
    return {"id": image_id, "file_name": file, "width": size[1], "height": size[0]}


def coco_objects(mask: np.ndarray, image_id: int, first_id: int,
                 polygons: bool = False) -> Iterator[dict[str, Any]]:
    """Returns the connected parts of a mask as COCO's annotations; undecided pixels belong to none.

    Args:
        mask: uint8 `(row, column)`.
        image_id: of its image.
        first_id: of the first annotation; the others follow.
        polygons: outlines, holes cut open to the outside; otherwise run lengths, compressed.

    Yields:
        Annotations.

    Example:
    >>> found, = coco_objects(np.array([[0, 1, 1, 255]], np.uint8), 1, 7)
    >>> found["bbox"], found["area"], found["segmentation"]
    ([1, 0, 2, 1], 2, {'size': [1, 4], 'counts': '121'})
    """
    for place, part in enumerate(parts_of(mask)):
        rows, columns = part.pixels.shape
        yield {"id": first_id + place, "image_id": image_id, "category_id": part.class_id, "iscrowd": 0,
               "area": part.area, "bbox": [part.left, part.top, columns, rows],
               "segmentation": [_polygon(part)] if polygons else _run_lengths(part, mask.shape)}


def _polygon(part: Part) -> list[float]:
    return (outline_of(part.pixels)[0] + (part.left, part.top)).ravel().tolist()


def _run_lengths(part: Part, size: tuple[int, int]) -> dict[str, Any]:
    """Encodes the columns of the part alone: those beside it only lengthen the runs outside it."""
    columns = part.pixels.shape[1]
    counts = list(encode_runs(part._replace(left=0).whole((size[0], columns))).counts)
    after = (size[1] - part.left - columns) * size[0]
    counts[0] += part.left * size[0]
    if after and len(counts) % 2 == 0:                 # the last run lies inside
        counts.append(0)
    counts[-1] += after
    return {"size": list(size), "counts": to_text(counts)}


def coco_head(classes: Sequence[str]) -> dict[str, Any]:
    """Returns what a file of COCO holds beside its "annotations" and "images".

    Args:
        classes: names in the order of the mask ids, background first.

    Example:
    >>> coco_head(("background", "cat"))["categories"]
    [{'id': 1, 'name': 'cat', 'supercategory': ''}]
    """
    return {"info": {"description": "tfwsss"}, "licenses": [], "categories": coco_categories(classes)}


def read_coco(where: str, document: Any) -> Drawings:
    """Reads the images, boxes, polygons and masks of a COCO document.

    An annotation without box and segmentation is a tag of its image; keypoints are not read.

    Args:
        where: the file, for messages.
        document: parsed JSON.

    Returns:
        A drawing for each image, also for those without annotations; polygons of one object are labels of their own.

    Raises:
        UserError: the document is not COCO's, two images or categories have one id, or coordinates are fractions.

    Example:
    >>> document = {"images": [{"id": 4, "file_name": "x.jpg"}], "categories": [{"id": 9, "name": "cat"}],
    ...             "annotations": [{"image_id": 4, "category_id": 9, "bbox": [1, 2, 3, 4]}]}
    >>> read_coco("a.json", document).images[0].labels
    (Drawn(kind='box', name='cat', points=((1.0, 2.0), (4.0, 6.0)), runs=None),)
    """
    lists = {key: document.get(key) for key in ("images", "annotations", "categories")} \
        if isinstance(document, Mapping) else {}
    if not lists or not all(isinstance(found, list) for found in lists.values()):
        raise UserError(f"{where}: is not COCO's form; expected an object with lists 'images', 'annotations' and "
                        "'categories'")
    try:
        names = _by_id(where, lists["categories"], "name")
        images = _by_id(where, lists["images"], "file_name")
    except (KeyError, TypeError) as error:
        raise UserError(f"{where}: an image or category lacks {error}; images have id and file_name, categories id and "
                        "name") from None
    return _drawings(where, lists, names, images)


def _by_id(where: str, entries: list, key: str) -> dict[Any, str]:
    found: dict[Any, str] = {}
    for entry in entries:
        if entry["id"] in found:
            raise UserError(f"{where}: the id {shown(entry['id'])} stands for {found[entry['id']]!r} and for "
                            f"{shown(entry[key])}; ids must differ")
        found[entry["id"]] = str(entry[key])
    return found


def _drawings(where: str, lists: Mapping[str, list], names: Mapping, images: Mapping) -> Drawings:
    labels: dict[Any, list[Drawn]] = {key: [] for key in images}
    faults: dict[str, str] = {}
    for place, entry in enumerate(lists["annotations"]):
        key = entry.get("image_id") if isinstance(entry, Mapping) else None
        if not isinstance(key, int | str) or key not in images:
            faults[f"annotation {place}"] = f"{where}: annotation {place} is of image {shown(key)}, which is not listed"
            continue
        try:
            labels[key] += _labels_of(f"{where}, {images[key]}", entry, names)
        except ImageFault as fault:
            faults[images[key]] = str(fault)
    found = []
    for entry in lists["images"]:
        file = images[entry["id"]]
        try:
            if file not in faults:
                found.append(Drawing(file_forms(file), check_labels(f"{where}, {file}", labels[entry["id"]]),
                                     _size(entry)))
        except ImageFault as fault:
            faults[file] = str(fault)
    values = [value for drawing in found for label in drawing.labels for point in label.points for value in point]
    if values and max(values) <= 1 and any(value % 1 for value in values):
        raise UserError(f"{where}: no coordinate is beyond {max(values):g}, as if they were fractions of the images' "
                        "sizes; COCO's are pixels: export it again")
    return Drawings(tuple(found), tuple(names.values()), faults)


def _size(entry: Mapping[str, Any]) -> tuple[int, int] | None:
    size = entry.get("height"), entry.get("width")
    return size if all(type(side) is int and side > 0 for side in size) else None


def _labels_of(where: str, entry: Mapping[str, Any], names: Mapping) -> list[Drawn]:
    category = entry.get("category_id")
    if not isinstance(category, int | str) or category not in names:
        raise ImageFault(f"{where}: category {shown(category)} is not listed; export it again")
    name, found = names[category], []
    try:
        if entry.get("bbox"):
            x, y, width, height = map(number, entry["bbox"])
            found.append(Drawn("box", name, ((x, y), (x + width, y + height))))
        found += _segments(where, name, entry.get("segmentation") or [])
    except (ValueError, TypeError, KeyError) as error:
        raise ImageFault(f"{where}: {shown(error)}; expected a bbox of four numbers, and polygons of x and y or run "
                         "lengths with size and counts") from None
    return found or [Drawn("tag", name)]


def _segments(where: str, name: str, segmentation: Any) -> list[Drawn]:
    if isinstance(segmentation, Mapping):
        rows, columns = segmentation["size"]
        counts = segmentation["counts"]
        counts = from_text(where, counts) if isinstance(counts, str) else counts
        return [Drawn("mask", name, runs=checked_runs(where, rows, columns, counts))]
    found = []
    for polygon in segmentation:
        numbers = [number(value) for value in polygon]
        if len(numbers) < 6 or len(numbers) % 2:
            raise ValueError(f"a polygon of {len(numbers)} numbers")
        found.append(Drawn("polygon", name, tuple(zip(numbers[::2], numbers[1::2], strict=True))))
    return found
