"""AffinityNet's walk along learned affinities, on whole images."""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import keras
import numpy as np

from tfwsss.artefacts.scores import Scores, read_scores
from tfwsss.data.image_set import ImageSet
from tfwsss.errors import ImageFault
from tfwsss.layers.random_walk import RandomWalk
from tfwsss.methods import maps
from tfwsss.models.affinity import AffinityNet, affinities
from tfwsss.refine.affinity_labels import cell_means
from tfwsss.refine.background import normalise, with_background
from tfwsss.refine.seeds import resize_maps
from tfwsss.refine.upsample import upsample
from tfwsss.runs.stages import Inputs, Stage, infer
from tfwsss.steps.confident_labels import power
from tfwsss.training.fitting import mean_colour


def walk_stage(name: str, images: ImageSet, config: Any) -> Stage:
    """Makes the stage that spreads class maps along the learned affinities.

    Args:
        name: of the stage.
        images: what to make masks of.
        config: `methods.affinitynet.stages.Config`.

    Returns:
        Stage of kind `masks`.
    """
    def predict(inputs: Inputs, names: Sequence[str]) -> Iterator[tuple[str, np.ndarray | ImageFault]]:
        walker = build_walker(maps.load_model(inputs["affinity"], AffinityNet), config.walk)
        alpha = power(config.walk.alpha, config.cam_masks, inputs["cam_masks"])
        for image in names:
            try:
                yield image, walked(walker, images.read_image(image), read_scores(inputs["cam"], image),
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
        settings: `methods.affinitynet.stages.WalkSettings`.

    Returns:
        What `walked` needs.
    """
    network = affinities(model, settings.paths)
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
