"""The weak labels of images on which a tool has drawn: boxes, points, lines, and masks kept as files."""

import concurrent.futures
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from tfwsss.annotations.drawings import Drawing, painted
from tfwsss.annotations.painting import paint
from tfwsss.artefacts.files import path_of
from tfwsss.artefacts.identity import fingerprint
from tfwsss.artefacts.masks import write_mask
from tfwsss.data import reading
from tfwsss.data.weak.forms import Source
from tfwsss.data.weak.written import Shape, Written
from tfwsss.errors import ImageFault
from tfwsss.palette import voc_palette

FOLDER = "drawn-labels"
"""Where masks are kept, by what they were painted from."""

_KINDS = {"boxes": "box", "points": "point", "scribbles": "line"}
_THREADS = 8
_VERSION = 1            # of `paint`


def drawn_sources(drawings: Mapping[str, Drawing], images: Mapping[str, Path], classes: Sequence[str],
                  cache: Path) -> tuple[list[tuple[str, Source]], dict[str, str]]:
    """Returns the labels that are drawn on images, as readers of weak labels take them.

    Args:
        drawings: by name of the image.
        images: name -> file.
        classes: names in the order of the mask ids, background first.
        cache: folder in which masks are kept.

    Returns:
        Kinds and labels, and why masks of some images cannot be used.
    """
    found = []
    for field, kind in _KINDS.items():
        entries = {name: drawing for name, drawing in drawings.items()
                   if name in images and any(label.kind == kind for label in drawing.labels)}
        if entries:
            found.append((field, Source(entries, lambda where, drawing, kind=kind: _written(drawing, kind))))
    masks, scribbles, faults = painted_files(drawings, images, classes, cache)
    return [*found, *((field, Source(files, None)) for field, files in
                      (("scribbles", scribbles), ("full_masks", masks)) if files)], faults


def painted_files(drawings: Mapping[str, Drawing], images: Mapping[str, Path], classes: Sequence[str],
                  cache: Path) -> tuple[dict[str, Path], dict[str, Path], dict[str, str]]:
    """Keeps what is painted on images as files of ids.

    Args:
        drawings: by name of the image; those without mask or polygon are left out.
        images: name -> file; drawings of others are left out.
        classes: names in the order of the mask ids, background first.
        cache: folder in which the files are kept.

    Returns:
        Files of masks, files of scribbles (255 = not drawn), and faults, each by the name of the image.
    """
    names = [name for name, drawing in drawings.items() if name in images and painted(drawing.labels)]

    def kept(name: str) -> tuple[Path, bool] | ImageFault:
        try:
            return _kept(name, drawings[name], reading.read_size(images[name]), classes, cache / FOLDER)
        except ImageFault as fault:
            return fault

    masks: dict[str, Path] = {}
    scribbles: dict[str, Path] = {}
    faults: dict[str, str] = {}
    with concurrent.futures.ThreadPoolExecutor(_THREADS) as pool:
        for name, result in zip(names, pool.map(kept, names), strict=True):
            if isinstance(result, ImageFault):
                faults[name] = str(result)
            else:
                (scribbles if result[1] else masks)[name] = result[0]
    return masks, scribbles, faults


def _kept(name: str, drawing: Drawing, size: tuple[int, int], classes: Sequence[str],
          folder: Path) -> tuple[Path, bool]:
    """Returns the file of an image's mask, and whether it holds scribbles; paints it where it is not there."""
    key = fingerprint([_VERSION, repr(drawing.labels), drawing.fractions, list(classes), list(size)])[:32]
    for scribbled, place in ((False, f"masks/{key}"), (True, f"scribbles/{key}")):
        if (path := path_of(folder, "masks", place)).is_file():
            return path, scribbled
    mask, scribbled = paint(name, drawing, classes, size)
    place = f"{'scribbles' if scribbled else 'masks'}/{key}"
    write_mask(folder, place, np.ascontiguousarray(mask), voc_palette())
    return path_of(folder, "masks", place), scribbled


def _written(drawing: Drawing, kind: str) -> Written:
    shapes = tuple(Shape(label.name, label.points) for label in drawing.labels if label.kind == kind)
    return Written(shapes, drawing.fractions, drawing.size)
