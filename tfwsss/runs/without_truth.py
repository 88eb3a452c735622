"""What can be said of masks that there is no truth for: how much they cover, and how far two ways to them agree."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from tfwsss.artefacts.files import finished
from tfwsss.artefacts.masks import read_mask
from tfwsss.data.image_set import ImageSet
from tfwsss.errors import ImageFault
from tfwsss.metrics.iou import Confusion, confusion_matrix, iou
from tfwsss.palette import IGNORE
from tfwsss.runs.shown import spread

FILE = "without_truth.json"
"""File of a run: stage to what `describe_masks` says."""

SAMPLE = 300
"""Masks that are read, spread over all."""

HONEST = "no true masks: masks that agree may be wrong alike"
"""What such figures are worth."""


def describe_masks(folder: Path, images: ImageSet, others: Mapping[str, Path]) -> dict[str, object]:
    """Measures masks without truth.

    Args:
        folder: of the masks.
        images: whose masks they are; their tags are looked at.
        others: name to a folder of masks of the same images, such as the plain class maps'.

    Returns:
        `images` (masks read), `covered` (share of the pixels that have a class), `undecided` (share of the pixels),
        `tags_shown` (share of the images' tags whose class the mask shows, None where no image has a tag) and
        `agreement` (name to the mean IoU of both, 0 to 1, without pixels that either leaves open). Empty where no mask
        can be read.
    """
    done = finished(folder, "masks", images.names)
    counts, shown, read = np.zeros(256, np.int64), [], 0
    agreeing = {name: Confusion.zeros(len(images.classes)) for name in others}
    for name in spread([name for name in images.names if name in done], SAMPLE):
        try:
            mask = read_mask(folder, name)
        except ImageFault:
            continue
        own, read = np.bincount(mask.ravel(), minlength=256), read + 1
        counts += own
        shown += [own[label + 1] > 0 for label in images.labels[name]]
        for other, place in others.items():
            agreeing[other] += _compared(place, name, mask, len(images.classes))
    if not read:
        return {}
    values = {name: float(iou(count, reduction="mean")) for name, count in agreeing.items() if count.pixels}
    return {"images": read, "covered": float(counts[1:IGNORE].sum() / counts.sum()),
            "undecided": float(counts[IGNORE] / counts.sum()), "tags_shown": float(np.mean(shown)) if shown else None,
            "agreement": {name: value for name, value in values.items() if np.isfinite(value)}}


def in_words(found: Mapping[str, object]) -> str:
    """Says it in one line.

    Args:
        found: of `describe_masks`.

    Returns:
        Text for people.

    Example:

    >>> found = {"covered": 0.31, "undecided": 0.0, "tags_shown": 1.0, "agreement": {"cam_masks": 0.625}}
    >>> in_words(found).partition(";")[0]
    'covers 31 % of the pixels, shows 100 % of the tags, mean IoU 62.5 % with cam_masks'
    """
    parts = [f"covers {100 * found['covered']:.0f} % of the pixels"]
    if found["undecided"]:
        parts.append(f"leaves {100 * found['undecided']:.0f} % open")
    if found["tags_shown"] is not None:
        parts.append(f"shows {100 * found['tags_shown']:.0f} % of the tags")
    parts += [f"mean IoU {100 * value:.1f} % with {name}" for name, value in found["agreement"].items()]
    return f"{', '.join(parts)}; {HONEST}"


def _compared(folder: Path, name: str, mask: np.ndarray, num_ids: int) -> Confusion:
    """Counts one image's mask against another way's, nothing where there is none to compare."""
    try:
        return confusion_matrix(read_mask(folder, name), mask, num_ids)
    except (ImageFault, ValueError):
        return Confusion.zeros(num_ids)
