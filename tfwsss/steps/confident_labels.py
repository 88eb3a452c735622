"""Labels to learn from, made of class maps: what two dense CRFs, with strong and with weak background, agree upon."""

import dataclasses
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
import pydantic
from keras import ops

from tfwsss.artefacts.marginals import read_marginals
from tfwsss.artefacts.scores import Scores, read_scores
from tfwsss.data.image_set import ImageSet
from tfwsss.errors import ImageFault
from tfwsss.inference.decide.threshold import enlarged
from tfwsss.inference.decide.walk import VERSION, cam_with_background
from tfwsss.inference.kept import channels_last
from tfwsss.inference.sharpen import CRF, unary_of
from tfwsss.inference.stream import try_each
from tfwsss.inference.views import Picture
from tfwsss.layers.dense_crf import dense_crf
from tfwsss.ops.confident_labels import confident_labels
from tfwsss.ops.mask_ids import mask_ids
from tfwsss.refine.background import background_power
from tfwsss.runs.stage import Inputs, Stage, infer
from tfwsss.settings.sections import CRFSettings, Settings
from tfwsss.steps.cam_masks import ThresholdSettings, threshold_of
from tfwsss.steps.crf import VERSIONS, crf_from_scores


class LabelSettings(Settings):
    """From class maps to labels to learn from: see `ops.confident_labels`.

    Args:
        low, high: powers of the strong and the weak background; None takes a quarter and twice the power that
            belongs to the threshold of the class maps' masks, the published ratios.
        crf: of both; its `certainty` is not read.
    """

    low: pydantic.PositiveFloat | None = 4.0
    high: pydantic.PositiveFloat | None = 32.0
    crf: CRFSettings = CRFSettings()


class KeptMaps(NamedTuple):
    """Class maps that a stage has kept, and the masks that a threshold made of them.

    Args:
        thresholds: settings of the masks.
        views: scales times mirror images whose mean the maps are; None where they are normalised already.
        scores: stage of the maps.
        masks: stage of the masks.
    """

    thresholds: ThresholdSettings
    views: int | None
    scores: str = "cam"
    masks: str = "cam_masks"


def power(alpha: float | None, maps: KeptMaps, folder: Path) -> float:
    """Returns the background's power: the one that is set, or the one that belongs to the masks' threshold.

    Args:
        alpha: as set, or None.
        maps: says the settings of the masks.
        folder: of the masks' stage; its `threshold.json` is read.

    Returns:
        Positive power.

    Raises:
        UserError: no power is set and no threshold is known.
    """
    return background_power(threshold_of(maps.thresholds, folder, maps.masks)) if alpha is None else alpha


def label_stage(name: str, images: ImageSet, settings: LabelSettings, maps: KeptMaps,
                kind: Literal["marginals", "masks"]) -> Stage:
    """Makes the stage that runs both CRFs, and keeps their marginals or what both are sure of, pixel by pixel.

    Args:
        name: of the stage.
        images: the training images.
        settings: powers and CRF.
        maps: the class maps, and their masks, for powers that follow from a threshold.
        kind: `marginals` of the background and of each image's classes, or `masks`, 255 where nothing is sure.

    Returns:
        Stage of that kind.
    """
    def predict(inputs: Inputs, names: Sequence[str]) -> Iterator[tuple[str, np.ndarray | ImageFault]]:
        middle = power(None, maps, inputs[maps.masks]) if None in (settings.low, settings.high) else 0.0
        powers = (settings.low or middle / 4, settings.high or middle * 2)
        crf = crf_from_scores(settings.crf)

        def made(image: str) -> np.ndarray:
            cam = read_scores(inputs[maps.scores], image)
            marginals = two_marginals(images.read_image(image), cam, powers, maps.views, crf)
            return marginals if kind == "marginals" else sure_pixels(marginals, cam.classes)

        return try_each(made, names)

    stage = infer(name, images, kind=kind, settings=settings, needs=(maps.scores, maps.masks), predict=predict,
                  versions={**VERSIONS, "background": VERSION})
    return dataclasses.replace(stage, split="training", section="labels" if kind == "marginals" else "")


def sure_stage(name: str, images: ImageSet, settings: LabelSettings, source: str) -> Stage:
    """Makes the stage that writes what kept marginals are sure of, pixel by pixel, to look at and to score.

    Args:
        name: of the stage.
        images: the training images.
        settings: by which the marginals were made.
        source: stage of the marginals.

    Returns:
        Stage of kind `masks`, 255 where nothing is sure.
    """
    def predict(inputs: Inputs, names: Sequence[str]) -> Iterator[tuple[str, np.ndarray | ImageFault]]:
        def sure(image: str) -> np.ndarray:
            classes = np.array(images.labels[image], np.int32)
            return sure_pixels(read_marginals(inputs[source], image, 1 + len(classes)), classes)

        return try_each(sure, names)

    stage = infer(name, images, kind="masks", settings=settings, needs=(source,), predict=predict)
    return dataclasses.replace(stage, split="training")


def two_marginals(image: np.ndarray, cam: Scores, powers: Sequence[float], views: int | None,
                  crf: CRF) -> np.ndarray:
    """Runs the dense CRF on class maps twice, with strong and with weak background.

    Args:
        image: uint8 `(row, column, 3)`.
        cam: its class maps.
        powers: of the strong and the weak background.
        views: as in `KeptMaps`.
        crf: of both; 0 iterations keep the background's share of each pixel as it is.

    Returns:
        float32 `(2, 1 + class, row, column)`, each pixel's sum to 1.
    """
    size, covers = cam.size, cam.covers or cam.size
    planes = enlarged(ops.convert_to_tensor(channels_last(cam)), Picture(size, covers), np.arange(len(cam.classes)))
    both = ops.stack([cam_with_background(planes, alpha, views) for alpha in powers])      # (2, row, column, 1 + class)
    unary: Any = ops.convert_to_numpy(unary_of(crf, both, None, both.shape[-1]))
    marginals = dense_crf(unary, np.stack([image, image]), implementation=crf.implementation, **crf.parameters)
    return np.moveaxis(marginals, -1, 1)


def sure_pixels(marginals: np.ndarray, classes: np.ndarray) -> np.ndarray:
    """Keeps of two sets of marginals what both are sure of.

    Args:
        marginals: float `(2, 1 + class, row, column)`.
        classes: int32 `(class,)`, labels of the planes after the first.

    Returns:
        uint8 `(row, column)`: 0 background, label + 1 object, 255 unknown.
    """
    low, high = np.moveaxis(marginals, 1, -1)
    ids = mask_ids(confident_labels(low, high), np.asarray(classes, np.int32))
    return ops.convert_to_numpy(ids).astype(np.uint8)
