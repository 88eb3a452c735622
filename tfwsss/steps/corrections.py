"""The stage in which corrected masks and scribbles come into the masks that a network learns from."""

import dataclasses
import functools
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np

from tfwsss.annotations.drawings import Drawing, check_made_for
from tfwsss.annotations.painting import paint
from tfwsss.artefacts.files import finished
from tfwsss.artefacts.masks import read_mask, write_mask
from tfwsss.data.colour_table import FILE, read_colour_table
from tfwsss.data.corrections import KEY, Corrections, twice_corrected
from tfwsss.data.image_set import ImageSet
from tfwsss.data.reading import other_size, read_class_ids
from tfwsss.errors import ImageFault, UserError
from tfwsss.logs import LOG
from tfwsss.palette import IGNORE
from tfwsss.refine.sparse_seeds import draw_points, draw_scribbles
from tfwsss.runs.stage import Context, Inputs, Stage, infer
from tfwsss.settings.sections import Settings

MASKS, SCRIBBLES = "masks", "scribbles"
"""Folders of ids: masks that stand in place of others; scribbles that overwrite what they touch, 255 = not touched."""


def corrections_stage() -> Stage:
    """Makes the stage that a user's corrections stand for; it never runs.

    Returns:
        Stage of kind `corrections`.
    """
    def work(context: Context, inputs: Inputs, output: Path) -> Mapping[str, str]:
        raise ValueError("corrections are given")

    return Stage(KEY, "corrections", (), {}, work)


def corrected_stage(name: str, images: ImageSet, labels: str, split: str) -> Stage:
    """Makes the stage that brings corrections into masks.

    Args:
        name: of the stage.
        images: whose masks they are.
        labels: stage of the masks.
        split: by which its files are judged.

    Returns:
        Stage of kind `masks`; an image with a corrected mask needs no other.
    """
    stage = infer(name, images, kind="masks", settings=Settings(), needs=(labels, KEY),
                  predict=functools.partial(_corrected, images, labels))
    return dataclasses.replace(stage, section="given", split=split)


def _corrected(images: ImageSet, labels: str, inputs: Inputs,
               names: Sequence[str]) -> Iterator[tuple[str, np.ndarray | ImageFault]]:
    known = finished(inputs[labels], "masks", names)
    masks, scribbles = (finished(inputs[KEY] / folder, "masks", names) for folder in (MASKS, SCRIBBLES))
    for name in names:
        if name not in known and name not in masks:
            continue                            # told by the stage that did not make it
        try:
            mask = read_mask(inputs[KEY] / MASKS if name in masks else inputs[labels], name)
            if name in scribbles:
                mask = overwritten(mask, read_mask(inputs[KEY] / SCRIBBLES, name))
        except ImageFault as fault:
            yield name, fault
            continue
        yield name, mask


def overwritten(mask: np.ndarray, scribbles: np.ndarray) -> np.ndarray:
    """Returns a mask with the ids of scribbles where these touch it.

    Args:
        mask: uint8 `(row, column)`.
        scribbles: the same, 255 = not touched.

    Raises:
        ImageFault: they differ in size.

    Example:
    >>> overwritten(np.array([[1, 0, 255]], np.uint8), np.array([[255, 2, 255]], np.uint8)).tolist()
    [[1, 2, 255]]
    """
    if mask.shape != scribbles.shape:
        raise ImageFault(f"scribbles of {scribbles.shape}, but a mask of {mask.shape}; make the masks again")
    return np.where(scribbles == IGNORE, mask, scribbles)


def keep_corrections(corrections: Corrections, images: ImageSet, folder: Path) -> dict[str, int]:
    """Writes corrected masks and scribbles as ids.

    Args:
        corrections: of a user.
        images: whose they are.
        folder: an empty one.

    Returns:
        "masks", "scribbles" and "tags" to the number of images that were so corrected; what does not occur is left
        out.

    Raises:
        UserError: one cannot be used: it is broken, of another size, or of a class that is none.
    """
    counts = {MASKS: 0, SCRIBBLES: 0, "tags": sum(name in images.labels for name in corrections.tags)}
    strange, palette = [], _palette(corrections, images)
    for name in images.names:
        try:
            kept = _ids_of(corrections, images, name, palette)
        except ImageFault as fault:
            raise UserError(f"given.{KEY}: {fault}") from None
        for kind, ids in kept.items():
            counts[kind] += 1
            write_mask(folder / kind, name, np.ascontiguousarray(ids, np.uint8), images.palette)
            if set(np.unique(ids).tolist()) - {0, IGNORE, *(label + 1 for label in images.labels[name])}:
                strange.append(name)
    counts = {kind: count for kind, count in counts.items() if count}
    LOG.info("given.%s: %s of %s", KEY, ", ".join(f"{kind} of {count} images" for kind, count in counts.items()),
             corrections.path)
    if table := twice_corrected(corrections):
        LOG.info("given.%s: images that are corrected twice:\n%s", KEY, table)
    if strange:
        LOG.warning("given.%s: %d images are corrected to show a class that is none of their tags, the first %r; "
                    "correct the tags too", KEY, len(strange), strange[0])
    return counts


def _ids_of(corrections: Corrections, images: ImageSet, name: str, palette: np.ndarray) -> dict[str, np.ndarray]:
    """Returns the mask and the scribbles of an image, as far as it has some."""
    found: dict[str, np.ndarray] = {}
    for kind, files in ((MASKS, corrections.masks), (SCRIBBLES, corrections.scribbles)):
        if name in files:
            found[kind] = _read(files[name], images, name, palette)
    if name in corrections.drawings:
        found |= _drawn(f"{corrections.path}, {name!r}", corrections.drawings[name], images.classes,
                        images.read_size(name))
    if name in corrections.empty:
        found[MASKS] = np.zeros(images.read_size(name), np.uint8)
    return found


def _palette(corrections: Corrections, images: ImageSet) -> np.ndarray:
    """Returns the colours of painted masks: those of a table beside them, as CVAT exports it, or the data set's."""
    table = corrections.path / FILE
    return read_colour_table(table).ordered(images.classes, table).palette if table.is_file() else images.palette


def _read(path: Path, images: ImageSet, name: str, palette: np.ndarray) -> np.ndarray:
    ids = read_class_ids(path, palette, images.num_classes)
    if ids.shape != (size := images.read_size(name)):
        raise ImageFault(other_size(path, ids.shape, size))
    return ids


def _drawn(where: str, drawing: Drawing, classes: Sequence[str], size: tuple[int, int]) -> dict[str, np.ndarray]:
    """Returns what is painted, and the lines and points over it."""
    found: dict[str, np.ndarray] = {}
    check_made_for(where, drawing.size, size)
    if any(label.kind in ("mask", "polygon") for label in drawing.labels):
        mask, scribbled = paint(where, drawing, classes, size)
        found[SCRIBBLES if scribbled else MASKS] = mask
    scale = size[::-1] if drawing.fractions else (1, 1)
    touched = found.get(SCRIBBLES, np.full(size, IGNORE, np.uint8))
    for kind, draw in _TOUCHES.items():
        labels = [label for label in drawing.labels if label.kind == kind]
        if unknown := next((label.name for label in labels if label.name not in classes), None):
            raise ImageFault(f"{where}: {unknown!r} is no class; classes are {', '.join(classes)}")
        touched = overwritten(touched, draw([(classes.index(label.name), np.multiply(label.points, scale).tolist())
                                             for label in labels], size))
    return found | ({SCRIBBLES: touched} if (touched != IGNORE).any() else {})


def _points(clicks: Sequence[tuple[int, list]], size: tuple[int, int]) -> np.ndarray:
    return draw_points([(number, *points[0]) for number, points in clicks], size)


_TOUCHES: dict[str, Callable[[Sequence, tuple[int, int]], np.ndarray]] = {"line": draw_scribbles, "point": _points}
