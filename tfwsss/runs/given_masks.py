"""Masks that a user gives in a stage's place: looked at before anything learns from them."""

import concurrent.futures
import functools
import os
import shutil
from pathlib import Path
from typing import NamedTuple

import numpy as np

from tfwsss import logs
from tfwsss.artefacts.files import finished, path_of
from tfwsss.artefacts.masks import ids_of, write_mask
from tfwsss.data.image_set import ImageSet
from tfwsss.data.mask_objects import check_objects
from tfwsss.data.reading import opened, other_size, read_ids
from tfwsss.errors import ImageFault, UserError
from tfwsss.palette import IGNORE

_MAX_THREADS = 8        # each may hold one decoded mask


class _Look(NamedTuple):
    """The ids that occur in a mask, and whether its file holds them as it is."""

    ids: list[int]
    plain: bool


def usable_masks(name: str, folder: Path, images: ImageSet, copies: Path) -> Path:
    """Reads every mask of a folder that is given for a stage, and refuses what would be learnt wrongly in silence.

    Args:
        name: of the stage.
        folder: the given one.
        images: whose masks they are; masks painted in colours are read by their palette.
        copies: where the masks go as ids, if some of the given ones are painted.

    Returns:
        The folder whose masks hold ids: the given one, or the copies.

    Raises:
        UserError: a mask is broken, of another size than its image, or holds an id that is no class, or no mask holds a
            class though tags say so; or painted masks lie where the copies go.
    """
    if not folder.is_dir():
        return folder                           # the runner says so
    names = sorted(finished(folder, "masks", images.names))
    if not names:
        raise UserError(f"given.{name}: {folder} holds no mask of any of {len(images.names)} images; expected files "
                        f"named like {images.names[0]}.png")
    looks = _each(f"given.{name}", names, functools.partial(_look, folder, images))
    broken = [look for look in looks if isinstance(look, ImageFault)]
    if broken:
        raise UserError(f"given.{name}: {len(broken)} of {len(names)} masks cannot be used. The first: {broken[0]}")
    for image, look in zip(names, looks, strict=True):
        strange = [value for value in look.ids if images.num_classes < value < IGNORE]
        if strange:
            raise UserError(f"given.{name}: the mask of {image!r} holds id {strange[0]}, which is no class; ids are 0 "
                            f"to {images.num_classes} in the order of the class names, and {IGNORE} for ignore")
    ids = {image: look.ids for image, look in zip(names, looks, strict=True)}
    if warning := check_objects(f"given.{name}={folder}", ids, images.labels, learnt=True):
        logs.LOG.warning("%s", warning)
    if all(look.plain for look in looks):
        return folder
    if folder.resolve().is_relative_to(copies.resolve()):
        raise UserError(f"given.{name}: {folder} is where this run keeps painted masks as ids; move it elsewhere")
    shutil.rmtree(copies, ignore_errors=True)          # of masks that are gone
    logs.LOG.info("given.%s: painted masks are kept as ids in %s", name, copies)
    _each(f"given.{name} as ids", names, functools.partial(_copy, folder, images, copies))
    return copies


def _each(title: str, names: list[str], work) -> list:
    """Calls a function for every name in a few threads, and shows how far they are."""
    with concurrent.futures.ThreadPoolExecutor(min(_MAX_THREADS, os.cpu_count() or 1)) as pool:
        return list(logs.track(pool.map(work, names), title, len(names)))


def _look(folder: Path, images: ImageSet, name: str) -> _Look | ImageFault:
    path = path_of(folder, "masks", name)
    try:
        mask = read_ids(path, images.palette)
        with opened(path) as image:
            ids = ids_of(image)
            shown = image.getpalette("RGB") if image.mode == "P" else None
            plain = image.format == "PNG" and ids is not None and np.array_equal(mask, ids)
        if mask.shape != (size := images.read_size(name)):
            raise ImageFault(other_size(path, mask.shape, size))
    except ImageFault as fault:
        return fault
    used = np.unique(mask).tolist()
    return _Look(used, plain and (shown is None or _tells_apart(shown, used)))


def _tells_apart(shown: list[int], used: list[int]) -> bool:
    """Says whether colours tell the ids, as the graph reads an indexed mask: of equal colours the first counts."""
    colours = list(zip(shown[::3], shown[1::3], shown[2::3], strict=True))
    return all(value < len(colours) and colours.index(colours[value]) == value for value in used)


def _copy(folder: Path, images: ImageSet, copies: Path, name: str) -> None:
    write_mask(copies, name, read_ids(path_of(folder, "masks", name), images.palette), images.palette)
