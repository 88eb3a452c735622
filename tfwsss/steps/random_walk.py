"""The stage that spreads class maps along learned affinities."""

import functools
from collections.abc import Iterator, Sequence
from pathlib import Path

import keras
import numpy as np
import pydantic

from tfwsss.artefacts.models import load_model
from tfwsss.artefacts.scores import read_scores
from tfwsss.backbones.facts import facts_of
from tfwsss.data.image_set import ImageSet
from tfwsss.errors import ImageFault
from tfwsss.inference.decide.walk import VERSION, Walker, decide_by_walk
from tfwsss.inference.kept import KeptRule
from tfwsss.inference.see import stride_of
from tfwsss.inference.stream import try_each
from tfwsss.layers.random_walk import RandomWalk
from tfwsss.models.affinity import AffinityNet, affinities
from tfwsss.runs.stage import Inputs, Stage, infer
from tfwsss.settings.sections import Settings
from tfwsss.steps.cam_masks import ThresholdSettings
from tfwsss.steps.class_maps import MapSettings
from tfwsss.steps.confident_labels import power


class WalkSettings(Settings):
    """The random walk.

    Args:
        alpha: power of the background, (1 - strongest class map)^alpha; None takes the one that belongs to the
            threshold of `cam_masks`.
        sharpness: power of the affinities. steps: of the walk.
        paths: the affinity of a pair is that of the weakest link on the straight path between them (IRN), and all
            pairs of the map count, whatever `affinity.border` says; links part less, so that 16 suits `sharpness`.
    """

    alpha: pydantic.PositiveFloat | None = 16.0
    sharpness: pydantic.PositiveFloat = 8.0
    steps: pydantic.NonNegativeInt = 256
    paths: bool = False


def load_walker(folder: Path, settings: WalkSettings) -> Walker:
    """Loads an affinity network and joins the walk along its affinities.

    Args:
        folder: of the network's stage.
        settings: of the walk.

    Returns:
        What `inference.decide.walk` needs.

    Raises:
        UserError: the file is missing or damaged, or holds another network.
    """
    return build_walker(load_model(folder, AffinityNet), settings)


def build_walker(model: AffinityNet, settings: WalkSettings) -> Walker:
    """Joins an affinity network and the walk along its affinities.

    Args:
        model: trained; shares its weights with the result.
        settings: of the walk.

    Returns:
        What `inference.decide.walk` needs.
    """
    network = affinities(model, settings.paths)
    planes = keras.Input((None, None, None), name="planes")
    walk = RandomWalk(model.get_layer("affinity").radius, settings.sharpness, settings.steps, name="walk")
    joined = keras.Model({"image": network.input, "planes": planes}, walk(planes, network.output["affinity"]))
    return Walker(joined, stride_of(network), facts_of(model.backbone.name).colour)


def walk_stage(name: str, images: ImageSet, settings: WalkSettings, thresholds: ThresholdSettings,
               maps: MapSettings) -> Stage:
    """Makes the stage that spreads the class maps of `cam` along the affinities of `affinity`.

    Args:
        name: of the stage.
        images: what to make masks of.
        settings: of the walk.
        thresholds: of `cam_masks`, for a power that follows from it.
        maps: how the class maps were made.

    Returns:
        Stage of kind `masks`, without ignored pixels.
    """
    def predict(inputs: Inputs, names: Sequence[str]) -> Iterator[tuple[str, np.ndarray | ImageFault]]:
        walker = load_walker(inputs["affinity"], settings)
        alpha = power(settings.alpha, thresholds, inputs["cam_masks"])
        rule = KeptRule(functools.partial(decide_by_walk, walker, alpha, maps.views), ("cam",), image=True)

        def walked(image: str) -> np.ndarray:
            return rule({"cam": read_scores(inputs["cam"], image)}, images.read_image(image), name=image)

        return try_each(walked, names)

    return infer(name, images, kind="masks", settings=settings, needs=("cam", "cam_masks", "affinity"),
                 predict=predict, versions={"walk": VERSION})
