"""How a finished run does on images without true masks: by its tags, mirrored, and at another scale."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import tensorflow as tf

from tfwsss import logs
from tfwsss.data.image_set import ImageSet
from tfwsss.errors import ImageFault, UserError
from tfwsss.inference.masker import Masker
from tfwsss.methods.opened import Run
from tfwsss.metrics.iou import Confusion, confusion_matrix, iou
from tfwsss.metrics.multilabel import average_precision
from tfwsss.runs.shown import spread
from tfwsss.runs.without_truth import HONEST

IMAGES = 60
"""Images that are looked at, spread over all: each three times."""

SCALE = 0.75
"""Factor of the third look."""


def judge(run: Run, stage: str | None = None, count: int = IMAGES) -> dict[str, Any]:
    """Measures what can be measured without true masks; tags of the images are not told to the network.

    Masks that are right do not change where the photograph is mirrored or made
    a little smaller; masks that do not change may be wrong all the same.

    Args:
        run: finished.
        stage: whose masks; None: the first that the run has.
        count: images.

    Returns:
        `stage`, `images` (looked at), `held_out` (whether the network was not trained on them: those of
        `data.val_split`), `average_precision` (class to 0–1, None where no image shows it), `mirrored` and `scaled`
        (mean IoU of the masks with those of the photograph as it is, 0 to 1, None where these leave all open), and
        `note`.

    Raises:
        UserError: the run has no such stage, or none of its images can be read.
    """
    chosen, masker = run.masker(stage)
    held_out = run.config.data.val_split is not None
    images = run.images("val" if held_out else "training")
    seen = [one for one in (_looks(masker, images, name) for name in
                            logs.track(spread(images.names, count), "steady", min(count, len(images.names)))) if one]
    if not seen:
        raise UserError(f"{run.folder}: none of its images can be read; put them back where they were")
    likely, mirrored, scaled = zip(*seen, strict=True)
    truth, scores = zip(*likely, strict=True)
    values = average_precision(np.array(truth), np.array(scores))
    found = {name: _known(value) for name, value in zip(images.classes[1:], values, strict=True)}
    nothing = Confusion.zeros(len(images.classes))
    return {"stage": chosen, "images": len(seen), "held_out": held_out, "average_precision": found,
            "mirrored": _known(iou(sum(mirrored, nothing), reduction="mean")),
            "scaled": _known(iou(sum(scaled, nothing), reduction="mean")), "note": HONEST}


def _known(value: float) -> float | None:
    return None if np.isnan(value) else float(value)


def as_text(found: Mapping[str, Any]) -> str:
    """Says it in lines.

    Args:
        found: of `judge`.

    Returns:
        Text for people, the note at its end.
    """
    seen = "held out" if found["held_out"] else "trained on: tags are known better than of others"
    width = max(map(len, (*found["average_precision"], "mean IoU, mirrored"))) + 2
    rows = [("mean IoU, mirrored", found["mirrored"]), (f"mean IoU, at {SCALE}", found["scaled"]),
            *((f"{name}", value) for name, value in found["average_precision"].items())]
    lines = [f"  {name:<{width}}{'absent' if value is None else f'{100 * value:6.2f} %':>8}" for name, value in rows]
    return "\n".join([f"{found['stage']}: {found['images']} images, {seen}", *lines[:2],
                      "average precision by class, from images to their tags", *lines[2:], found["note"]])


def _looks(masker: Masker, images: ImageSet, name: str) -> tuple | None:
    """Returns tags and scores, and two confusions of the mask: with the mirrored image's, and the smaller one's."""
    try:
        image = images.read_image(name)
    except ImageFault:
        return None
    found, num_ids = masker.of_pixels(image), len(images.classes)
    mirrored = masker.of_pixels(np.ascontiguousarray(image[:, ::-1])).mask[:, ::-1]
    size = [max(1, round(SCALE * side)) for side in image.shape[:2]]
    smaller = np.rint(tf.image.resize(image, size, antialias=True).numpy()).astype(np.uint8)
    back = tf.image.resize(masker.of_pixels(smaller).mask[..., None], image.shape[:2], "nearest").numpy()[..., 0]
    return ((images.multi_hot(name), found.likely), confusion_matrix(found.mask, mirrored, num_ids),
            confusion_matrix(found.mask, back, num_ids))
