"""What a finished stage looks like when it went wrong, told without true masks."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from tfwsss.artefacts.files import finished, read_json
from tfwsss.artefacts.masks import read_mask
from tfwsss.data.image_set import ImageSet
from tfwsss.errors import ImageFault
from tfwsss.runs.scoring import dominant_class
from tfwsss.runs.shown import spread

SAMPLE = 300
"""Masks that are read, spread over all."""

LEAST_FALL = 0.02
"""Share of its first value by which a loss must fall."""


def of_stage(kind: str, folder: Path, images: ImageSet) -> list[str]:
    """Returns what is doubtful about an artefact, with the cure.

    Args:
        kind: of the stage: `model` and `masks` are looked at.
        folder: of the stage.
        images: of its split.

    Returns:
        Sentences; none where all is well.
    """
    if kind == "model":
        path = folder / "history.json"
        return of_training(read_json(path, f"train again with --redo {folder.name}")) if path.is_file() else []
    return of_masks(folder, images) if kind == "masks" else []


def of_training(history: Sequence[Mapping[str, float]]) -> list[str]:
    """Returns what is doubtful about a training.

    Args:
        history: values by name, one mapping an epoch.

    Example:

    >>> of_training([{"loss": 0.69}, {"loss": 0.688}])[0][:52]
    'the loss went from 0.69 to 0.688 in 2 epochs: little'
    >>> of_training([{"loss": 0.69}, {"loss": 0.3}])
    []
    """
    losses = [epoch["loss"] for epoch in history if "loss" in epoch]
    if not losses:
        return []
    if not all(map(math.isfinite, losses)):
        return ["the loss is no number any more; lower the learning rate (--set SECTION.learning_rate=...)"]
    first, last = losses[0], losses[-1]
    if len(losses) > 1 and first - last < LEAST_FALL * abs(first):
        return [f"the loss went from {first:.4g} to {last:.4g} in {len(losses)} epochs: little or nothing was learnt; "
                "look at the tags and the initial weights, then train longer or with another learning rate"]
    return []


def of_masks(folder: Path, images: ImageSet) -> list[str]:
    """Returns what is doubtful about a folder of masks: they are all but one colour.

    Args:
        folder: of masks.
        images: of the stage's split.
    """
    done = finished(folder, "masks", images.names)
    names = spread([name for name in images.names if name in done], SAMPLE)
    line = dominant_class(mask_shares(folder, images.classes, names))
    return [f"{line}; look at the stages before it in the report"] if line else []


def mask_shares(folder: Path, classes: Sequence[str], names: Sequence[str]) -> dict[str, float]:
    """Measures which share of the pixels each class fills, without any truth.

    Args:
        folder: masks artefact.
        classes: names in the order of the mask ids.
        names: images to count; those that cannot be read are left out.

    Returns:
        Class and "ignore" to share in 0–1; empty where no mask could be read.
    """
    counts = np.zeros(256, np.int64)
    for name in names:
        try:
            counts += np.bincount(read_mask(folder, name).ravel(), minlength=256)
        except ImageFault:
            continue
    titles = dict(enumerate(classes)) | {255: "ignore"}
    total = counts.sum()
    return {title: float(counts[place] / total) for place, title in titles.items()} if total else {}
