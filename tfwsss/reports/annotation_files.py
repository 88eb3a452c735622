"""The files that annotation tools read, a writer a format: each goes through the masks once."""

import contextlib
import io
import json
import zipfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from PIL import Image

from tfwsss.annotations.coco import coco_head, coco_image, coco_objects
from tfwsss.annotations.cvat import labelmap, object_colours
from tfwsss.annotations.label_studio import LOCAL_FILES, address_of, label_studio_task, labelling_interface
from tfwsss.annotations.parts import parts_of
from tfwsss.annotations.yolo import yolo_lines, yolo_table
from tfwsss.artefacts.files import path_of, png_bytes, write_atomically
from tfwsss.artefacts.masks import write_mask
from tfwsss.palette import IGNORE

_LIST = "ImageSets/Segmentation/default.txt"


class Item(NamedTuple):
    """One mask to hand on.

    Args:
        name: of the image.
        file: what the tool calls it.
        mask: uint8 `(row, column)`, 255 = undecided.
        score: how sure it is, 0 to 1, where that is known.
        figures: further values to show.
    """

    name: str
    file: str
    mask: np.ndarray
    score: float | None = None
    figures: Mapping[str, Any] = {}


class Task(NamedTuple):
    """What all writers need.

    Args:
        out: folder to write into.
        classes: in the order of the mask ids, background first.
        palette: uint8 `(256, 3)`.
        prefix: what stands before the file in an address.
        keep: whether undecided pixels stay 255 where a format has masks; otherwise they become background.
    """

    out: Path
    classes: tuple[str, ...]
    palette: np.ndarray
    prefix: str = LOCAL_FILES
    keep: bool = False

    def ids(self, mask: np.ndarray) -> np.ndarray:
        """Returns a mask as the tool is to see it.

        Args:
            mask: uint8 `(row, column)`.
        """
        return mask if self.keep else np.where(mask == IGNORE, np.uint8(0), mask)


def write_coco(task: Task, items: Iterator[Item], polygons: bool = False) -> int:
    """Writes `annotations/instances_default.json`.

    Args:
        task: classes and folder.
        items: masks.
        polygons: outlines in place of run lengths.

    Returns:
        Number of objects.
    """
    images, count = [], 0
    with _text(task.out / "annotations" / "instances_default.json") as file:
        file.write(_json(coco_head(task.classes)).removesuffix("}") + ',\n"annotations": [')
        for item in items:
            images.append(coco_image(len(images) + 1, item.file, item.mask.shape))
            for found in coco_objects(item.mask, len(images), count + 1, polygons):
                file.write(("\n" if count == 0 else ",\n") + _json(found))
                count += 1
        file.write(f'],\n"images": {_json(images)}}}\n')
    return count


def write_label_studio(task: Task, items: Iterator[Item]) -> int:
    """Writes `tasks.json`, to be imported, and `interface.xml`, the labelling interface.

    Args:
        task: classes, folder and prefix.
        items: masks.

    Returns:
        Number of brushes.
    """
    count, lead = 0, "["
    write_atomically(task.out / "interface.xml", labelling_interface(task.classes, task.palette).encode())
    with _text(task.out / "tasks.json") as file:
        for item in items:
            address = address_of(item.file, task.prefix)
            found = label_studio_task(item.mask, task.classes, address, item.score, item.figures)
            count += len(found["predictions"][0]["result"])
            file.write(f"{lead}\n{_json(found)}")
            lead = ","
        file.write("\n]\n" if lead == "," else "[]\n")
    return count


def write_cvat(task: Task, items: Iterator[Item]) -> int:
    """Writes `annotations.zip` of the form "Segmentation mask 1.1".

    Args:
        task: classes, colours and folder.
        items: masks.

    Returns:
        Number of objects.
    """
    count, names = 0, []
    task.out.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(task.out / "annotations.zip", "w", zipfile.ZIP_STORED) as archive:     # PNGs are small already
        archive.writestr("labelmap.txt", labelmap(task.classes, task.palette))
        for item in items:
            image = Image.fromarray(task.ids(item.mask))
            image.putpalette(np.ascontiguousarray(task.palette, np.uint8).tobytes())
            colours, found = object_colours(item.mask)
            archive.writestr(f"SegmentationClass/{item.name}.png", png_bytes(image))
            archive.writestr(f"SegmentationObject/{item.name}.png", png_bytes(Image.fromarray(colours)))
            names.append(item.name)
            count += found
        archive.writestr(_LIST, "".join(f"{name}\n" for name in names))
    return count


def write_yolo(task: Task, items: Iterator[Item]) -> int:
    """Writes `labels/<name>.txt` and data.yaml, which looks for the photographs in `images/` beside them.

    Args:
        task: classes and folder.
        items: masks.

    Returns:
        Number of objects.
    """
    count = 0
    write_atomically(task.out / "data.yaml", yolo_table(task.classes).encode())
    for item in items:
        lines = list(yolo_lines(item.mask))
        path = path_of(task.out / "labels", "masks", item.name).with_suffix("")
        write_atomically(path.parent / f"{path.name}.txt", "".join(f"{line}\n" for line in lines).encode())
        count += len(lines)
    return count


def write_palette(task: Task, items: Iterator[Item]) -> int:
    """Writes masks as VOC has them: indexed PNGs, the list of their names, and labelmap.txt.

    Args:
        task: classes, colours and folder.
        items: masks.

    Returns:
        Number of objects.
    """
    return _write_masks(task, items, "SegmentationClass", task.palette)


def write_grey(task: Task, items: Iterator[Item]) -> int:
    """Writes masks as grey PNGs whose values are the ids, and classes.txt.

    Args:
        task: classes and folder.
        items: masks.

    Returns:
        Number of objects.
    """
    write_atomically(task.out / "classes.txt", "".join(f"{name}\n" for name in task.classes).encode())
    return _write_masks(task, items, "masks", None)


def _write_masks(task: Task, items: Iterator[Item], folder: str, palette: np.ndarray | None) -> int:
    count, names = 0, []
    for item in items:
        if palette is None:
            write_atomically(path_of(task.out / folder, "masks", item.name),
                             png_bytes(Image.fromarray(task.ids(item.mask))))
        else:
            write_mask(task.out / folder, item.name, task.ids(item.mask), palette)
        count += sum(1 for _ in parts_of(item.mask))
        names.append(item.name)
    if palette is not None:
        write_atomically(task.out / "labelmap.txt", labelmap(task.classes, palette).encode())
        write_atomically(task.out / _LIST, "".join(f"{name}\n" for name in names).encode())
    return count


def write_coco_polygons(task: Task, items: Iterator[Item]) -> int:
    """Writes COCO's JSON with outlines, see `write_coco`.

    Args:
        task: classes and folder.
        items: masks.

    Returns:
        Number of objects.
    """
    return write_coco(task, items, polygons=True)


WRITERS: Mapping[str, Callable[[Task, Iterator[Item]], int]] = {
    "coco": write_coco, "coco-polygons": write_coco_polygons, "label-studio": write_label_studio, "cvat": write_cvat,
    "yolo": write_yolo, "voc": write_palette, "grey": write_grey}
"""Format to its writer."""

HAVE_VOID = ("voc", "grey")
"""Formats whose masks may hold 255 for what is undecided; it is no class of theirs."""


@contextlib.contextmanager
def _text(path: Path) -> Iterator[io.TextIOBase]:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", newline="\n") as file:
        yield file


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False)
