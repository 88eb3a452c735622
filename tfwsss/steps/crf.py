"""Masks sharpened by the dense CRF, as a stage of any method."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from tfwsss.artefacts.masks import read_mask
from tfwsss.data.image_set import ImageSet
from tfwsss.errors import ImageFault
from tfwsss.layers.dense_crf import dense_crf, unary_from_labels
from tfwsss.palette import IGNORE
from tfwsss.runs.stages import Stage, infer
from tfwsss.settings.sections import CRFSettings, RunSettings

UNSURE = 0.1
"""Largest marginal below which a pixel is left undecided."""


def sharpen(mask: np.ndarray, image: np.ndarray, num_labels: int, settings: CRFSettings) -> np.ndarray:
    """Runs the dense CRF from a mask.

    Args:
        mask: uint8 `(row, column)`, 255 = undecided.
        image: uint8 `(row, column, 3)`.
        num_labels: classes with background.
        settings: of the CRF; 0 iterations return the mask as it is.

    Returns:
        uint8 `(row, column)`; 255 only where no label reaches a marginal of 0.1.
    """
    if not settings.iterations:
        return mask
    parameters = settings.model_dump(exclude={"implementation", "certainty"})
    unary = unary_from_labels(mask, num_labels, settings.certainty)
    marginals = dense_crf(unary, image, implementation=settings.implementation, **parameters)
    labels = marginals.argmax(-1).astype(np.uint8)
    labels[marginals.max(-1) < UNSURE] = IGNORE
    return labels


def crf_stage(name: str, images: ImageSet, config: RunSettings, *, source: str, settings: CRFSettings) -> Stage:
    """Makes the stage that sharpens another stage's masks.

    Args:
        name: of the stage.
        images: what to sharpen.
        config: the run's settings.
        source: stage whose masks are read.
        settings: of the CRF.

    Returns:
        Stage of kind `masks`.
    """
    def predict(inputs, names: Sequence[str]) -> Iterator[tuple[str, np.ndarray | ImageFault]]:
        return _sharpened(inputs[source], images, names, settings)

    return infer(name, images, config, kind="masks", settings=settings, needs=(source,), predict=predict)


def _sharpened(folder: Path, images: ImageSet, names: Sequence[str], settings: CRFSettings):
    for name in names:
        try:
            mask, image = read_mask(folder, name), images.read_image(name)
            yield name, sharpen(mask, image, len(images.classes), settings)
        except ImageFault as fault:
            yield name, fault
