"""AffinityNet (PSA): class maps, two CRFs' sure labels, learned affinity, random walk."""

import functools
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pydantic

from tfwsss.data.image_set import ImageSet
from tfwsss.data.sources import Splits
from tfwsss.inference.served import Served
from tfwsss.methods import affinity_training, classify, maps, walking
from tfwsss.methods.affinitynet.training import AffinitySettings
from tfwsss.methods.retrain.stages import SMALL_SEGMENTER, Ending, ending
from tfwsss.models.affinity import AffinityNet
from tfwsss.runs.stages import Stage, train
from tfwsss.settings.sections import CRFSettings, Settings
from tfwsss.steps.cam_masks import ThresholdSettings, threshold_stage
from tfwsss.steps.classifier import ClassifySettings
from tfwsss.steps.confident_labels import LabelSettings, label_stage
from tfwsss.steps.confident_labels import power as power_of
from tfwsss.steps.crf import crf_stage, sharpen
from tfwsss.steps.served import decide_by_walk, from_maps
from tfwsss.training.fitting import having


class WalkSettings(Settings):
    """The random walk.

    Args:
        alpha: power of the background, (1 - strongest class map)^alpha; nothing takes the one that belongs to the
            threshold of `cam_masks`.
        sharpness: power of the affinities. steps: of the walk.
        paths: the affinity of a pair is that of the weakest link on the straight path between them (IRN), and all
            pairs of the map count, whatever `affinity.border` says; links part less, so that 16 suits `sharpness`.
    """

    alpha: pydantic.PositiveFloat | None = 16.0
    sharpness: pydantic.PositiveFloat = 8.0
    steps: pydantic.NonNegativeInt = 256
    paths: bool = False


class Config(Ending):
    """Settings of AffinityNet; the defaults are those of the released code with VGG-16.

    Args:
        classifier: network and training.
        cam: how class maps of whole images are made.
        cam_masks: the plain class maps, beside which the walk is judged.
        cam_crf: also sharpen the plain class maps' masks by the CRF, to compare.
        labels: what the affinity network learns from.
        affinity: network and training.
        walk: from class maps and affinities to masks.
        pseudo: the CRF that makes the pseudo labels.
    """

    method: Literal["affinitynet"] = "affinitynet"
    classifier: ClassifySettings = ClassifySettings()
    cam: maps.MapSettings = maps.MapSettings(scales=(1.0, 0.5, 1.5, 2.0), mirror=True)
    cam_masks: ThresholdSettings = ThresholdSettings()
    cam_crf: bool = False
    labels: LabelSettings = LabelSettings()
    affinity: AffinitySettings = AffinitySettings()
    walk: WalkSettings = WalkSettings()
    pseudo: CRFSettings = CRFSettings()


_DEMO_FIT = {"backbone": {"name": "small", "initial": None}, "batch_size": 16, "optimizer": "adam",
             "learning_rate": 1e-3, "head_factor": 1.0, "bias_factor": 1.0, "weight_decay": 0.0, "jitter": []}

DEMO: dict[str, Any] = {
    "data": {"kind": "demo", "split": "train", "val_split": "val"},
    "classifier": {**_DEMO_FIT, "epochs": 15, "crop": 97, "longer_side": None, "scales": [0.75, 1.0, 1.25],
                   "dropout": 0.0},
    "cam": {"canvas": 129, "batch_size": 16, "scales": [1.0, 0.5], "mirror": True},
    "labels": {"high": 128.0, "crf": {"position_deviation": 20.0}},
    "affinity": {**_DEMO_FIT, "epochs": 8, "crop": 96, "widths": [16, 32, 64]},
    "walk": {"alpha": 32.0},
    "pseudo": {"position_deviation": 20.0},
    "segmenter": SMALL_SEGMENTER,
}
"""Small settings for the built-in data set."""


def stages(config: Config, splits: Splits) -> list[Stage]:
    """Ahn and Kwak, CVPR 2018: learn from sure labels which neighbours belong together, and walk.

    Args:
        config: settings.
        splits: what to train on, to make pseudo labels of, and to segment.

    Returns:
        The stages, in order: to `pseudo`, then the segmentation network.
    """
    images, pseudo, _ = splits
    everything = images.joined(pseudo)
    listed = [
        classify.classifier_stage("classifier", images, config, config.classifier),
        classify.map_stage("cam", everything, config, config.cam, "classifier"),
        threshold_stage("cam_masks", everything, config, config.cam_masks, "cam"),
        label_stage("labels", images, config, config.labels),
        train("affinity", images, config, settings=config.affinity, epochs=config.affinity.epochs, needs=("labels",),
              build=functools.partial(affinity_training.build, config), usable=having("labels", "masks", images),
              batches=functools.partial(affinity_training.batches, config),
              callbacks=functools.partial(affinity_training.callbacks, config)),
        walking.walk_stage("walk", pseudo, config),
        crf_stage("pseudo", pseudo, config, source="walk", settings=config.pseudo),
    ]
    if config.cam_crf:
        listed.insert(3, crf_stage("cam_crf", pseudo, config, source="cam_masks", settings=config.pseudo))
    return [*listed, *ending(config, splits)]


def predict(config: Config, run: Path, images: ImageSet, tagged: bool) -> Iterator[tuple[str, np.ndarray]]:
    """Makes masks of any images with the networks of a finished run.

    Without tags the classifier's own classes count: those with a probability above
    one half, or else the likeliest one.

    Args:
        config: the run's settings.
        run: folder of the run.
        images: what to make masks of; without tags every image is labelled with all classes.
        tagged: whether the labels are tags to believe.

    Yields:
        Name and mask uint8 `(row, column)`.
    """
    mapper, walker, power = _networks(config, run)
    for name, found in maps.score_images(mapper.network, images, images.names, config.cam, mapper.colour):
        if not tagged:
            found = maps.likely(found, mapper.logits)
        image = images.read_image(name)
        mask = walking.walked(walker, image, found["cam"], power)
        yield name, sharpen(mask, image, len(images.classes), config.pseudo)


class_maps = classify.class_maps_of
"""The plain class maps of a run, beside which it is judged."""


def served(config: Config, run: Path) -> Served:
    """Says how a finished run makes masks, for `tfwsss.export`; `predict` makes the same.

    Args:
        config: the run's settings.
        run: folder of the run.

    Returns:
        Its networks and rule.
    """
    mapper, walker, power = _networks(config, run)
    return from_maps(mapper.network, config.cam, config.pseudo, logits=mapper.logits, colour=mapper.colour,
                     decide=functools.partial(decide_by_walk, walker, power), others=(walker.network,))


def _networks(config: Config, run: Path) -> tuple[classify.Mapper, walking.Walker, float]:
    """Loads what makes masks: the network of class maps, the walk, and the background's power."""
    folders = {name: config.given.get(name, run / name) for name in ("affinity", "cam_masks")}
    mapper = classify.class_maps_of(config, run)
    walker = walking.build_walker(maps.load_model(folders["affinity"], AffinityNet), config.walk)
    power = power_of(config.walk.alpha, config.cam_masks, folders["cam_masks"])
    return mapper, walker, power
