"""ICD: superpixels, an intra-class discriminator, its scores, seeds, then dense CRF or saliency."""

import dataclasses
import functools
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import keras
import numpy as np
import pydantic

from tfwsss.data.image_set import ImageSet
from tfwsss.data.sources import Splits
from tfwsss.inference.served import Served
from tfwsss.methods import icd_training, maps
from tfwsss.methods.icd.training import ICDSettings
from tfwsss.methods.retrain.stages import SMALL_SEGMENTER, Ending, ending
from tfwsss.refine.icd import seeds_of_scores
from tfwsss.refine.superpixels import superpixels
from tfwsss.runs.stages import Stage, infer, refine, train
from tfwsss.settings.sections import CRFSettings, Settings
from tfwsss.steps.cam_masks import ThresholdSettings, threshold_stage
from tfwsss.steps.classifier import Mapper
from tfwsss.steps.crf import crf_stage, sharpen
from tfwsss.steps.served import decide_by_icd, from_maps
from tfwsss.training.fitting import GREY, having


class RegionSettings(Settings):
    """Superpixels, by default those of the published tool: see `refine.superpixels`."""

    kind: Literal["felzenszwalb", "slic"] = "felzenszwalb"
    scale: pydantic.PositiveFloat = 75.0
    sigma: pydantic.NonNegativeFloat = 0.8
    min_size: pydantic.PositiveInt = 75
    segments: pydantic.PositiveInt = 300
    compactness: pydantic.PositiveFloat = 10.0


class MergeSettings(Settings):
    """Superpixels merged by a network's features until at most `max_regions` remain.

    Args:
        max_regions: 64 published; 0 leaves the superpixels as they are, which costs under one point.
        canvas: side in pixels on which features are computed.
        subtract_mean: the published program forgot to normalise here; true does it.
    """

    max_regions: pydantic.NonNegativeInt = 64
    canvas: pydantic.PositiveInt = 513
    subtract_mean: bool = False


class SeedSettings(Settings):
    """ICD's rule from scores to seeds: see `refine.icd`."""

    corners_aligned: bool = False


class Config(Ending):
    """Settings of ICD; the defaults are the published ones (VGG-16, VOC 2012).

    Args:
        superpixels: how they are made.
        regions: how they are merged.
        icd: network and training.
        cam, scores: how maps of whole images are made.
        cam_masks: the plain CAM beside which ICD is judged.
        seeds: from scores to masks.
        pseudo: the CRF that makes the pseudo labels; unused where `data.saliency` is given.
        cam_crf: also sharpen the plain CAM's masks by the CRF, to compare.
    """

    method: Literal["icd"] = "icd"
    superpixels: RegionSettings = RegionSettings()
    regions: MergeSettings = MergeSettings()
    icd: ICDSettings = ICDSettings()
    cam: maps.MapSettings = maps.MapSettings()
    scores: maps.MapSettings = maps.MapSettings()
    cam_masks: ThresholdSettings = ThresholdSettings()
    seeds: SeedSettings = SeedSettings()
    pseudo: CRFSettings = CRFSettings()
    cam_crf: bool = False


_DEMO_MAPS = {"canvas": 129, "batch_size": 16, "mirror": True}

DEMO: dict[str, Any] = {
    "data": {"kind": "demo", "split": "train", "val_split": "val"},
    "regions": {"max_regions": 0},
    "icd": {"backbone": {"name": "small", "initial": None}, "crop": 97, "batch_size": 16, "epochs": 14,
            "optimizer": "adam", "learning_rate": 1e-3, "schedule": "step", "head_width": 64, "head_factor": 1.0,
            "weight_decay": 0.0, "scales": [0.75, 1.0, 1.25], "top_down_into_backbone": False},
    "cam": _DEMO_MAPS,
    "scores": _DEMO_MAPS,
    "seeds": {"corners_aligned": True},
    "pseudo": {"position_deviation": 20.0},
    "segmenter": SMALL_SEGMENTER,
}
"""Small settings for the built-in data set."""


def stages(config: Config, splits: Splits) -> list[Stage]:
    """Fan et al., CVPR 2020: learn from tags which side of a class' own direction is the object.

    Args:
        config: settings.
        splits: what to train on, to make pseudo labels of, and to segment.

    Returns:
        The stages, in order: to `pseudo`, then the segmentation network.
    """
    images, pseudo, _ = splits
    everything = images.joined(pseudo)     # superpixels are made of each once

    def map_of(key: str, settings: maps.MapSettings) -> Stage:
        return maps.map_stage(key, pseudo, config, settings, "icd",
                              lambda folder: icd_training.load_maps(folder / "model.keras", [key]))

    listed = [
        *_region_stages(config, everything),
        train("icd", images, config, settings=config.icd, epochs=config.icd.epochs, needs=("regions",),
              build=functools.partial(icd_training.build, config), usable=having("regions", "regions", images),
              batches=functools.partial(icd_training.batches, config),
              callbacks=functools.partial(icd_training.callbacks, config)),
        map_of("cam", settings=config.cam),
        threshold_stage("cam_masks", pseudo, config, config.cam_masks, "cam"),
        map_of("scores", settings=config.scores),
    ]
    if config.cam_crf:
        stage = crf_stage("cam_crf", pseudo, config, source="cam_masks", settings=config.pseudo)
        listed.append(dataclasses.replace(stage, section="pseudo"))
    return [*listed, *_seed_stages(config, pseudo), *ending(config, splits)]


def _region_stages(config: Config, images: ImageSet) -> list[Stage]:
    merged = config.regions.max_regions > 0
    first = refine("superpixels" if merged else "regions", images, config, kind="regions", function=superpixels,
                   settings=config.superpixels, arguments=("image",))
    if not merged:
        return [dataclasses.replace(first, section="superpixels")]
    return [first, infer("regions", images, config, kind="regions", needs=("superpixels",),
                         settings=icd_training.MergeWith(**config.regions.model_dump(), backbone=config.icd.backbone),
                         predict=functools.partial(icd_training.merged_regions, config, images))]


def _seed_stages(config: Config, images: ImageSet) -> list[Stage]:
    """Seeds, then the CRF; or, where saliency maps are given, seeds with saliency as background."""
    arguments = ["scores:scores", "cam:scores"]
    make = functools.partial(refine, images=images, config=config, kind="masks", function=seeds_of_scores,
                             settings=config.seeds, needs=("scores", "cam"))
    if config.data.saliency is not None:
        stage = make("pseudo", arguments=[*arguments, "saliency"])
        facts = {**stage.settings, "saliency": str(config.data.saliency)}           # other maps, other seeds
        return [dataclasses.replace(stage, settings=facts, section="seeds")]
    return [make("seeds", arguments=arguments),
            crf_stage("pseudo", images, config, source="seeds", settings=config.pseudo)]


def predict(config: Config, run: Path, images: ImageSet, tagged: bool) -> Iterator[tuple[str, np.ndarray]]:
    """Makes masks of any images with the network of a finished run.

    Without tags the network's own classes count: those with a probability above one
    half, or else the likeliest one.

    Args:
        config: the run's settings.
        run: folder of the run.
        images: what to make masks of; without tags every image is labelled with all classes.
        tagged: whether the labels are tags to believe.

    Yields:
        Name and mask uint8 `(row, column)`.
    """
    network = _maps(config, run, "cam", "scores")
    for name, found in maps.score_images(network, images, images.names, config.scores):
        if not tagged:
            found = maps.likely(found, "cam")
        seeds = seeds_of_scores(found["scores"], found["cam"], corners_aligned=config.seeds.corners_aligned)
        yield name, sharpen(seeds, images.read_image(name), len(images.classes), config.pseudo)


def class_maps(config: Config, run: Path) -> Mapper:
    """Loads the plain class maps of a run, beside which it is judged.

    Args:
        config: the run's settings.
        run: folder of the run.

    Returns:
        Mapper; ICD's class maps are its logits.
    """
    return Mapper(_maps(config, run, "cam"), GREY, "cam")


def _maps(config: Config, run: Path, *keys: str) -> keras.Model:
    return icd_training.load_maps(config.given.get("icd", run / "icd") / "model.keras", keys)


def served(config: Config, run: Path) -> Served:
    """Says how a finished run makes masks, for `tfwsss.export`; `predict` makes the same.

    Args:
        config: the run's settings.
        run: folder of the run.

    Returns:
        Its network and rule.
    """
    network = _maps(config, run, "cam", "scores")
    rule = functools.partial(decide_by_icd, config.seeds.corners_aligned)
    return from_maps(network, config.scores, config.pseudo, logits="cam", decide=rule)
