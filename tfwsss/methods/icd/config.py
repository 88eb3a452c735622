"""Settings of ICD."""

from typing import Any, Literal

import pydantic

from tfwsss.settings.sections import BackboneSettings, CRFSettings, Settings
from tfwsss.steps.cam_masks import ThresholdSettings
from tfwsss.steps.class_maps import MapSettings, SpreadMapSettings
from tfwsss.steps.rounds import SMALL_SEGMENTER, SegmenterRounds
from tfwsss.steps.saliency import SaliencySettings
from tfwsss.training.fitting import HeadFitSettings


class RegionSettings(Settings):
    """Superpixels, by default those of the published tool: see `refine.superpixels`.

    Args:
        kind: `felzenszwalb` (reads `scale`, `sigma`, `min_size`) or `slic` (reads `segments`, `compactness`).
        scale: larger gives larger superpixels. sigma: deviation of the smoothing before, in pixels.
        min_size: smallest superpixel, in pixels.
        segments: about how many superpixels. compactness: weight of place against colour; higher is squarer.
    """

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


class MergeWith(Settings):
    """All that changes merged superpixels: `MergeSettings` and the network asked."""

    max_regions: int
    canvas: int
    subtract_mean: bool
    backbone: BackboneSettings


class ICDSettings(HeadFitSettings):
    """Network, losses, optimiser and augmentation of ICD; the defaults are the published ones.

    Args:
        head_width: channels of the position classifier.
        sign_updates_per_step: 1, or 2 as on the publication's two devices.
        bottom_up_scale, top_down_threshold: of the losses.
        warm_up_epochs: until the top-down loss counts fully.
        dropout: before the class maps of backbones without a head of their own.
        top_down_into_backbone: whether the top-down loss trains the backbone too, as published.
    """

    epochs: pydantic.PositiveInt = 20
    batch_size: pydantic.PositiveInt = 32
    crop: pydantic.PositiveInt = 321
    scales: tuple[pydantic.PositiveFloat, ...] = pydantic.Field((0.5, 0.75, 1.0, 1.25, 1.5), min_length=1)
    head_width: pydantic.PositiveInt = 1024
    sign_updates_per_step: Literal[1, 2] = 1
    bottom_up_scale: pydantic.PositiveFloat = 10.0
    top_down_threshold: float = pydantic.Field(0.2, ge=0.0, lt=1.0)
    warm_up_epochs: pydantic.NonNegativeFloat = 2.0
    dropout: float = pydantic.Field(0.0, ge=0.0, lt=1.0)
    top_down_into_backbone: bool = True


class SeedSettings(Settings):
    """ICD's rule from scores to seeds: see `inference.decide.icd`.

    Args:
        corners_aligned: enlarge maps corners on corners, which suits MobileNetV2; else as published.
    """

    corners_aligned: bool = False


class Config(SegmenterRounds):
    """Settings of ICD; the defaults are the published ones (VGG-16, VOC 2012).

    Args:
        superpixels: how they are made.
        regions: how they are merged.
        icd: network and training.
        cam, scores: how maps of whole images are made.
        cam_masks: the plain CAM beside which ICD is judged.
        saliency: how saliency maps are made, where `data.saliency` is `make`.
        seeds: from scores to masks.
        pseudo: the CRF that makes the pseudo labels; unused where `data.saliency` is set.
        cam_crf: also sharpen the plain CAM's masks by the CRF, to compare.
    """

    method: Literal["icd"] = "icd"
    superpixels: RegionSettings = RegionSettings()
    regions: MergeSettings = MergeSettings()
    icd: ICDSettings = ICDSettings()
    cam: SpreadMapSettings = SpreadMapSettings()
    scores: MapSettings = MapSettings()
    cam_masks: ThresholdSettings = ThresholdSettings()
    saliency: SaliencySettings = SaliencySettings()
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
