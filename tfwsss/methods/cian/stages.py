"""CIAN: a segmentation network trained on seeds in groups of images that share a class, then on its own masks."""

import dataclasses
from typing import Any, Literal

import pydantic

from tfwsss.data.sources import Splits
from tfwsss.methods import classify, maps
from tfwsss.methods.cian.training import CIANSettings, cian_stage
from tfwsss.methods.retrain.stages import Ending, RelabelSettings, ending, predict, served
from tfwsss.runs.stages import Stage
from tfwsss.settings.sections import CRFSettings
from tfwsss.steps.cam_masks import ThresholdSettings, threshold_stage
from tfwsss.steps.classifier import ClassifySettings
from tfwsss.steps.confident_labels import LabelSettings, label_stage
from tfwsss.steps.viewing import SegmentSettings

__all__ = ["DEMO", "CIANSettings", "Config", "class_maps", "predict", "served", "stages"]

class_maps = classify.class_maps_of
"""The plain class maps of a run, beside which it is judged; there are none where seeds are given."""

_SEEN = {"scales": (1.0, 0.75, 1.25), "mirror": True, "average": "logits_and_maximum"}


class Config(Ending):
    """Settings of CIAN; the defaults are the published ones (ResNet-101, VOC 2012).

    Published seeds come from class maps and saliency; `given.seeds` takes them.
    Without them a classifier of our own makes class maps, and two dense CRFs seeds.

    Args:
        classifier: network and training, where seeds are not given.
        cam: how class maps of whole images are made.
        cam_masks: the plain class maps, beside which CIAN is judged.
        seeds: from class maps to what CIAN learns from.
        rounds: the second and later ones learn from the masks of the one before.
        segmenter: CIAN's network and training.
        relabel: how it labels the training images: `pseudo`, and `pseudo_2` in the second round.
        masks: how it segments the images of `data.val_split`, without tags.
    """

    method: Literal["cian"] = "cian"
    classifier: ClassifySettings = ClassifySettings()
    cam: maps.MapSettings = maps.MapSettings(scales=(1.0, 0.5, 1.5, 2.0), mirror=True)
    cam_masks: ThresholdSettings = ThresholdSettings()
    seeds: LabelSettings = LabelSettings()
    rounds: pydantic.PositiveInt = 2
    segmenter: CIANSettings = CIANSettings()
    relabel: RelabelSettings = RelabelSettings(**_SEEN, tagged=False, crf=CRFSettings(iterations=10))
    masks: SegmentSettings = SegmentSettings(**_SEEN, crf=CRFSettings(iterations=5))


_SMALL = {"backbone": {"name": "small", "initial": None}, "optimizer": "adam", "learning_rate": 1e-3,
          "head_factor": 1.0, "bias_factor": 1.0, "weight_decay": 0.0, "crop": 97, "scales": [0.75, 1.0, 1.25]}

DEMO: dict[str, Any] = {
    "data": {"kind": "demo", "split": "train", "val_split": "val"},
    "classifier": {**_SMALL, "batch_size": 16, "epochs": 15, "longer_side": None, "jitter": [], "dropout": 0.0},
    "cam": {"canvas": 129, "batch_size": 16, "scales": [1.0, 0.5], "mirror": True},
    "seeds": {"high": 128.0, "crf": {"position_deviation": 20.0}},
    "segmenter": {**_SMALL, "batch_size": 8, "epochs": 24, "learning_rate": 3e-3, "schedule": "step", "filters": 64,
                  "padding": "open"},
    "relabel": {"scales": [1.0], "tagged": True, "crf": {"position_deviation": 20.0}},
    "masks": {"scales": [1.0], "crf": {"position_deviation": 20.0}},
}
"""Small settings for the built-in data set."""


def stages(config: Config, splits: Splits) -> list[Stage]:
    """Fan et al., AAAI 2020: positions read from another image of the class what their own does not show.

    Args:
        config: settings.
        splits: what to train on, and to segment without tags.

    Returns:
        The stages, in order: seeds with all that they are made of unless they are given, then rounds of `segmenter`,
        `pseudo` and `masks`.
    """
    images = splits.training
    first = [
        classify.classifier_stage("classifier", images, config, config.classifier),
        classify.map_stage("cam", images, config, config.cam, "classifier"),
        threshold_stage("cam_masks", images, config, config.cam_masks, "cam"),
        label_stage("seeds", images, config, config.seeds),
    ]
    if "seeds" in config.given:
        first = first[-1:]                                    # nobody asks for class maps
    first = [dataclasses.replace(stage, split="training") for stage in first]
    return [*first, *ending(config, splits, "seeds", "training", train=cian_stage, relabelled="pseudo")]
