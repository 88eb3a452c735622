"""AffinityNet's stages on whole images: sure labels from class maps, and the walk along learned affinities."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import keras
import numpy as np

from tfwsss import artefacts
from tfwsss.artefacts import Scores
from tfwsss.config import CRFSettings
from tfwsss.data.image_set import ImageSet
from tfwsss.errors import ImageFault, UserError
from tfwsss.layers.dense_crf import dense_crf
from tfwsss.layers.random_walk import RandomWalk
from tfwsss.methods import maps
from tfwsss.methods.fitting import mean_colour
from tfwsss.models.affinity import AffinityNet, affinities
from tfwsss.refine.affinity_labels import affinity_labels, cell_means
from tfwsss.refine.background import background_power, normalise, with_background
from tfwsss.refine.seeds import resize_maps
from tfwsss.refine.upsample import upsample
from tfwsss.stages import Inputs, Stage, infer

_TINY = 1e-5


def power(alpha: float | None, settings: maps.ThresholdSettings, folder: Path) -> float:
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
    if alpha is not None:
        return alpha
    if settings.threshold is not None:
        return background_power(settings.threshold)
    path = folder / "threshold.json"
    try:
        return background_power(json.loads(path.read_text(encoding="utf-8"))["threshold"])
    except (OSError, ValueError, KeyError, TypeError):
        raise UserError(f"{path}: no threshold in it; add --redo {folder.name}, or set cam_masks.threshold") from None


def label_stage(name: str, images: ImageSet, config: Any) -> Stage:
    """Makes the stage that writes the labels from which affinity is learned.

    Args:
        name: of the stage.
        images: what to label.
        config: `methods.affinitynet.Config`.

    Returns:
        Stage of kind `masks`, 255 where nothing is sure.
    """
    settings = config.labels

    def predict(inputs: Inputs, names: Sequence[str]) -> Iterator[tuple[str, np.ndarray | ImageFault]]:
        middle = power(None, config.cam_masks, inputs["cam_masks"]) if None in (settings.low, settings.high) else 0.0
        low, high = settings.low or middle / 4, settings.high or middle * 2
        for image in names:
            try:
                yield image, sure_labels(images.read_image(image), artefacts.read_scores(inputs["cam"], image), low,
                                         high, settings.crf)
            except ImageFault as fault:
                yield image, fault

    return infer(name, images, config, kind="masks", settings=settings, needs=("cam", "cam_masks"), predict=predict)


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


def walk_stage(name: str, images: ImageSet, config: Any) -> Stage:
    """Makes the stage that spreads class maps along the learned affinities.

    Args:
        name: of the stage.
        images: what to make masks of.
        config: `methods.affinitynet.Config`.

    Returns:
        Stage of kind `masks`.
    """
    def predict(inputs: Inputs, names: Sequence[str]) -> Iterator[tuple[str, np.ndarray | ImageFault]]:
        walker = build_walker(maps.load_model(inputs["affinity"], AffinityNet), config.walk)
        alpha = power(config.walk.alpha, config.cam_masks, inputs["cam_masks"])
        for image in names:
            try:
                yield image, walked(walker, images.read_image(image), artefacts.read_scores(inputs["cam"], image),
                                    alpha)
            except ImageFault as fault:
                yield image, fault

    return infer(name, images, config, kind="masks", settings=config.walk, needs=("cam", "cam_masks", "affinity"),
                 predict=predict)


class Walker(NamedTuple):
    """An affinity network with the walk along its affinities.

    Args:
        network: "image" `(batch, row, column, 3)` and "planes" on the network's grid to the walked planes.
        stride: pixels between positions of the grid.
        colour: red, green, blue round images that do not fill the grid.
    """

    network: keras.Model
    stride: int
    colour: tuple[float, float, float]


def build_walker(model: AffinityNet, settings: Any) -> Walker:
    """Joins an affinity network and the walk along its affinities.

    Args:
        model: trained; shares its weights with the result.
        settings: `methods.affinitynet.WalkSettings`.

    Returns:
        What `walked` needs.
    """
    network = affinities(model)
    planes = keras.Input((None, None, None), name="planes")
    walk = RandomWalk(model.get_layer("affinity").radius, settings.sharpness, settings.steps, name="walk")
    joined = keras.Model({"image": network.input, "planes": planes}, walk(planes, network.output["affinity"]))
    return Walker(joined, maps.stride_of(network), mean_colour(model.backbone.name))


def walked(walker: Walker, image: np.ndarray, cam: Scores, alpha: float) -> np.ndarray:
    """Spreads the class maps of one image.

    Args:
        walker: of `build_walker`.
        image: uint8 `(row, column, 3)`.
        cam: its class maps.
        alpha: the background's power.

    Returns:
        uint8 mask `(row, column)`, without ignored pixels.
    """
    rows, columns = cam.size
    stride = walker.stride
    planes = with_background(normalise(upsample(cam.scores, cam.size, cam.covers)), alpha)
    grid = np.moveaxis(cell_means(planes, stride), 0, -1)[None]             # (1, row', column', 1 + class)
    full = np.empty((grid.shape[1] * stride, grid.shape[2] * stride, 3), np.float32)
    full[:] = walker.colour
    full[:rows, :columns] = image
    spread = walker.network.predict_on_batch({"image": full[None], "planes": grid})[0]
    spread = resize_maps(np.moveaxis(spread, -1, 0), full.shape[:2])
    ids = np.array([0, *(cam.classes + 1)], np.uint8)
    return ids[spread[:, :rows, :columns].argmax(axis=0)]
