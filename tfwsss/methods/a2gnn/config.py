"""Settings of A2GNN."""

from typing import Any, Literal

import pydantic

from tfwsss.settings.sections import ResNet38Settings
from tfwsss.steps.affinity import AffinityFitSettings
from tfwsss.steps.cam_masks import ThresholdSettings
from tfwsss.steps.classifier import ClassifierSettings
from tfwsss.steps.explained_maps import ExplainedMapSettings
from tfwsss.steps.graph_masks import GraphMaskSettings
from tfwsss.steps.graph_stages import GraphLabelSettings
from tfwsss.steps.rounds import SMALL_SEGMENTER, SegmenterRounds
from tfwsss.steps.weak_seeds import WeakSeedSettings


class ResNet38ClassifierSettings(ClassifierSettings):
    """Classifier and its training; the defaults are those of AffinityNet's released code with ResNet-38."""

    backbone: ResNet38Settings = ResNet38Settings()
    longer_side: tuple[pydantic.PositiveInt, pydantic.PositiveInt] | None = (448, 768)


class OwnSizeMapSettings(ExplainedMapSettings):
    """How class maps are made: of images at their own sizes, at four scales."""

    canvas: pydantic.PositiveInt | None = None
    scales: tuple[pydantic.PositiveFloat, ...] = pydantic.Field((1.0, 0.5, 1.5, 2.0), min_length=1)
    mirror: bool = True


class WindowAffinitySettings(AffinityFitSettings):
    """Affinity network and its training; the defaults are those of the released code for tags and clicks.

    Args:
        radius: of the window whose pairs are learnt from, in positions; released with scribbles and boxes: 4.
        mask_border: whether cells outside the map are left out; released: they are background.
        crf_weight: of what the image itself teaches, where seeds say nothing.
    """

    backbone: ResNet38Settings = ResNet38Settings()
    epochs: pydantic.PositiveInt = 12
    batch_size: pydantic.PositiveInt = 4
    learning_rate: pydantic.PositiveFloat = 0.01
    radius: int = pydantic.Field(3, ge=1)
    mask_border: bool = False
    crf_weight: pydantic.NonNegativeFloat = 3.0


class Config(SegmenterRounds):
    """Settings of A2GNN; the defaults are the published ones (ResNet-38, VOC 2012).

    Args:
        classifier: network and training; not needed where `given.cam` is a folder of class maps.
        cam: how class maps of whole images are made.
        cam_masks: the plain class maps, beside which A2GNN is judged.
        seeds: from the strongest label of each image to the pixels that are learnt from.
        affinity: network that turns an image into a graph, and its training.
        graph: networks that spread the seeds, one trained on each image.
        pseudo: what labels tell of the networks' results, and the CRF that makes the pseudo labels.
    """

    method: Literal["a2gnn"] = "a2gnn"
    classifier: ResNet38ClassifierSettings = ResNet38ClassifierSettings()
    cam: OwnSizeMapSettings = OwnSizeMapSettings()
    cam_masks: ThresholdSettings = ThresholdSettings()
    seeds: WeakSeedSettings = WeakSeedSettings()
    affinity: WindowAffinitySettings = WindowAffinitySettings()
    graph: GraphLabelSettings = GraphLabelSettings()
    pseudo: GraphMaskSettings = GraphMaskSettings()


_DEMO_FIT = {"backbone": {"name": "small", "initial": None}, "batch_size": 16, "optimizer": "adam",
             "learning_rate": 1e-3, "head_factor": 1.0, "bias_factor": 1.0, "weight_decay": 0.0, "jitter": []}

_DEMO_NETWORK = {"width": 64, "epochs": [24, 16]}

DEMO: dict[str, Any] = {
    "data": {"kind": "demo", "split": "train", "val_split": "val"},
    "classifier": {**_DEMO_FIT, "epochs": 15, "crop": 97, "longer_side": None, "scales": [0.75, 1.0, 1.25],
                   "dropout": 0.0},
    "cam": {"canvas": 129, "batch_size": 16, "scales": [1.0, 0.5]},
    "seeds": {"crf": {"position_deviation": 20.0}, "segments": 2000},
    "affinity": {**_DEMO_FIT, "epochs": 8, "crop": 96, "widths": [16, 32, 64]},
    "graph": {"network": _DEMO_NETWORK, "box_network": _DEMO_NETWORK,
              "walked": []},    # class maps know heads alone: a walk of them makes bodies background
    "pseudo": {"position_deviation": 20.0},
    "segmenter": SMALL_SEGMENTER,
}
"""Small settings for the built-in data set."""
