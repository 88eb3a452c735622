"""Labels to learn from, made of class maps: what two dense CRFs, with strong and weak background, agree upon."""

import dataclasses
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pydantic

from tfwsss.artefacts.scores import Scores, read_scores
from tfwsss.data.image_set import ImageSet
from tfwsss.errors import ImageFault
from tfwsss.layers.dense_crf import dense_crf
from tfwsss.refine.affinity_labels import affinity_labels
from tfwsss.refine.background import background_power, normalise, with_background
from tfwsss.refine.upsample import upsample
from tfwsss.runs.stages import Inputs, Stage, infer
from tfwsss.settings.sections import CRFSettings, Settings
from tfwsss.steps.cam_masks import ThresholdSettings, threshold_of

_TINY = 1e-5


class LabelSettings(Settings):
    """From class maps to labels to learn from: see `refine.affinity_labels`.

    Args:
        low, high: powers of the strong and the weak background; nothing takes a quarter and twice the power that
            belongs to the threshold of `cam_masks`, the published ratios.
        crf: of both; its `certainty` is not read.
    """

    low: pydantic.PositiveFloat | None = 4.0
    high: pydantic.PositiveFloat | None = 32.0
    crf: CRFSettings = CRFSettings()


def power(alpha: float | None, settings: ThresholdSettings, folder: Path) -> float:
    """Returns the background's power: the one that is set, or the one that belongs to the masks' threshold.

    Args:
        alpha: as set, or nothing.
        settings: of the stage of thresholded masks.
        folder: of that stage; its `threshold.json` is read.

    Returns:
        Positive power.

    Raises:
        UserError: no power is set and no threshold is known.
    """
    return background_power(threshold_of(settings, folder)) if alpha is None else alpha


def label_stage(name: str, images: ImageSet, config: Any, settings: LabelSettings) -> Stage:
    """Makes the stage that writes what is sure of class maps: labels to learn from.

    Args:
        name: of the stage.
        images: the training images.
        config: the method's settings, with `cam_masks`.
        settings: of the labels.

    Returns:
        Stage of kind `masks`, 255 where nothing is sure.
    """
    def predict(inputs: Inputs, names: Sequence[str]) -> Iterator[tuple[str, np.ndarray | ImageFault]]:
        middle = power(None, config.cam_masks, inputs["cam_masks"]) if None in (settings.low, settings.high) else 0.0
        low, high = settings.low or middle / 4, settings.high or middle * 2
        for image in names:
            try:
                yield image, sure_labels(images.read_image(image), read_scores(inputs["cam"], image), low,
                                         high, settings.crf)
            except ImageFault as fault:
                yield image, fault

    stage = infer(name, images, config, kind="masks", settings=settings, needs=("cam", "cam_masks"), predict=predict)
    return dataclasses.replace(stage, split="training")


def sure_labels(image: np.ndarray, cam: Scores, low: float, high: float, settings: CRFSettings) -> np.ndarray:
    """Keeps of an image's class maps what two dense CRFs, with strong and weak background, agree upon.

    Args:
        image: uint8 `(row, column, 3)`.
        cam: its class maps.
        low: power of the strong background.
        high: power of the weak background.
        settings: of both CRFs.

    Returns:
        uint8 `(row, column)`: 0 background, label + 1 object, 255 unknown.
    """
    found = normalise(upsample(cam.scores, cam.size, cam.covers))
    planes = np.stack([with_background(found, alpha) for alpha in (low, high)])          # (2, 1 + class, row, column)
    unary = -np.log(np.clip(np.moveaxis(planes, 1, -1), _TINY, 1.0))
    parameters = settings.model_dump(exclude={"implementation", "certainty"})
    marginals = dense_crf(unary, np.stack([image, image]), implementation=settings.implementation, **parameters)
    strong, weak = np.moveaxis(marginals, -1, 1)
    return affinity_labels(strong, weak, cam.classes.tolist(), block=1)
