"""The stage that spreads class maps along learned affinities."""

import functools
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import keras
import numpy as np
import pydantic

from tfwsss.artefacts.models import load_model
from tfwsss.artefacts.scores import read_scores
from tfwsss.backbones.facts import facts_of
from tfwsss.data.image_set import ImageSet
from tfwsss.errors import ImageFault
from tfwsss.inference.decide.decision import Decision
from tfwsss.inference.decide.walk import VERSION, Walker, decide_by_walk
from tfwsss.inference.kept import KeptRule
from tfwsss.inference.see import stride_of
from tfwsss.inference.stream import try_each
from tfwsss.layers.random_walk import RandomWalk
from tfwsss.models.affinity import AffinityNet, affinities
from tfwsss.runs.stage import Inputs, Stage, infer
from tfwsss.settings.sections import Settings
from tfwsss.steps.confident_labels import KeptMaps, power


class WalkSettings(Settings):
    """The random walk.

    Args:
        alpha: power of the background, (1 - strongest class map)^alpha; None takes the one that belongs to the
            threshold of the class maps' masks.
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


def walk_rule(walker: Walker, settings: WalkSettings, maps: KeptMaps, folder: Path) -> Callable[..., Decision]:
    """Returns the rule by which the walk decides on class maps.

    Args:
        walker: an affinity network with its walk.
        settings: of the walk.
        maps: the class maps, and their masks, for a power that follows from a threshold.
        folder: of the masks' stage.

    Returns:
        Maps, Picture and classes to a Decision.

    Raises:
        UserError: no power is set and no threshold is known.
    """
    return functools.partial(decide_by_walk, walker, power(settings.alpha, maps, folder), maps.views)


def walk_stage(name: str, images: ImageSet, settings: WalkSettings, maps: KeptMaps) -> Stage:
    """Makes the stage that spreads class maps along the affinities of `affinity`.

    Args:
        name: of the stage.
        images: what to make masks of.
        settings: of the walk.
        maps: the class maps, and their masks, for a power that follows from a threshold.

    Returns:
        Stage of kind `masks`, without ignored pixels.
    """
    def predict(inputs: Inputs, names: Sequence[str]) -> Iterator[tuple[str, np.ndarray | ImageFault]]:
        walker = load_walker(inputs["affinity"], settings)
        rule = KeptRule(walk_rule(walker, settings, maps, inputs[maps.masks]), ("cam",), image=True)

        def walked(image: str) -> np.ndarray:
            return rule({"cam": read_scores(inputs[maps.scores], image)}, images.read_image(image), name=image)

        return try_each(walked, names)

    return infer(name, images, kind="masks", settings=settings, needs=(maps.scores, maps.masks, "affinity"),
                 predict=predict, versions={"walk": VERSION})
