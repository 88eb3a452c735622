"""Masks that a user gives in a stage's place: looked at before anything learns from them."""

import concurrent.futures
import functools
import os
from pathlib import Path

import numpy as np

from tfwsss import logs
from tfwsss.artefacts.files import finished
from tfwsss.artefacts.masks import read_mask
from tfwsss.data.image_set import ImageSet
from tfwsss.data.mask_objects import check_objects
from tfwsss.errors import ImageFault, UserError
from tfwsss.palette import IGNORE

_MAX_THREADS = 8        # each may hold one decoded mask


def check_given_masks(name: str, folder: Path, images: ImageSet) -> None:
    """Reads every mask of a folder that is given for a stage, and refuses what would be learnt wrongly in silence.

    Args:
        name: of the stage.
        folder: the given one.
        images: whose masks they are.

    Raises:
        UserError: a mask is broken or holds an id that is no class, or no mask holds a class though tags say so.
    """
    if not folder.is_dir():
        return                                  # the runner says so
    names = sorted(finished(folder, "masks", images.names))
    if not names:
        raise UserError(f"given.{name}: {folder} holds no mask of any of {len(images.names)} images; expected files "
                        f"named like {images.names[0]}.png")
    with concurrent.futures.ThreadPoolExecutor(min(_MAX_THREADS, os.cpu_count() or 1)) as pool:
        found = pool.map(functools.partial(_ids, folder), names)
        ids = dict(zip(names, logs.track(found, f"given.{name}", len(names)), strict=True))
    broken = [fault for fault in ids.values() if isinstance(fault, ImageFault)]
    if broken:
        raise UserError(f"given.{name}: {len(broken)} of {len(names)} masks cannot be used. The first: {broken[0]}")
    for image, values in ids.items():
        strange = [value for value in values if images.num_classes < value < IGNORE]
        if strange:
            raise UserError(f"given.{name}: the mask of {image!r} holds id {strange[0]}, which is no class; ids are 0 "
                            f"to {images.num_classes} in the order of the class names, and {IGNORE} for ignore")
    if warning := check_objects(f"given.{name}={folder}", ids, images.labels, learnt=True):
        logs.LOG.warning("%s", warning)


def _ids(folder: Path, name: str) -> list[int] | ImageFault:
    """Returns the ids that occur in a mask."""
    try:
        return np.unique(read_mask(folder, name)).tolist()
    except ImageFault as fault:
        return fault
