"""Settings of CIAN."""

from typing import Any, Literal

import pydantic

from tfwsss.settings.sections import BackboneSettings, CRFSettings
from tfwsss.steps.cam_masks import ThresholdSettings
from tfwsss.steps.classifier import ClassifierSettings
from tfwsss.steps.confident_labels import LabelSettings
from tfwsss.steps.explained_maps import ExplainedMapSettings
from tfwsss.steps.rounds import RelabelSettings, SegmenterRounds
from tfwsss.steps.saliency import SaliencySettings
from tfwsss.steps.salient_seeds import SalientSeedSettings
from tfwsss.steps.segment import SegmentSettings
from tfwsss.training.fitting import FitSettings


class CIANSettings(FitSettings):
    """CIAN's network and its training; the defaults are the published ones.

    Args:
        batch_size: groups at a time, over all devices.
        group: images of a group; any two of them share a class.
        filters: width of the embeddings.
        merge: how messages of several images become one. merge_self: whether an image's own is among them.
        similarity: `dot` or `cosine`.
        cross: whether images read from each other; without it is the control, see `models.cian`.
        downsample: whether keys and values are pooled, so that a quarter as many positions are read.
        label_shrink: from masks to the network's grid: `stride`, or `bilinear_ids` of a later release.
        padding: what lies outside of an image is `background`, or `open`.
        continued: later rounds begin with the weights of the round before.
    """

    ADDED = ("downsample",)

    backbone: BackboneSettings = BackboneSettings(name="resnet101", output_stride=8)
    epochs: pydantic.PositiveInt = 20
    batch_size: pydantic.PositiveInt = 8
    crop: pydantic.PositiveInt = 321
    scales: tuple[pydantic.PositiveFloat, ...] = pydantic.Field((0.5, 0.75, 1.0, 1.25, 1.5), min_length=1)
    learning_rate: pydantic.PositiveFloat = 5e-4
    group: int = pydantic.Field(2, ge=2)
    filters: pydantic.PositiveInt = 1024
    merge: Literal["max", "mean"] = "max"
    merge_self: bool = True
    similarity: Literal["dot", "cosine"] = "dot"
    cross: bool = True
    downsample: bool = True
    label_shrink: Literal["stride", "bilinear_ids"] = "stride"
    padding: Literal["background", "open"] = "background"
    continued: bool = True

    @property
    def images_per_batch(self) -> int:
        """Images that a step sees: all members of its groups."""
        return self.batch_size * self.group


class SeedSettings(LabelSettings, SalientSeedSettings):
    """From class maps to seeds: by two dense CRFs (`low`, `high`, `crf`), or by saliency maps (`salient`).

    With `data.saliency` the masks of `cam_masks` count where they and the saliency agree; elsewhere is 255.
    """

    ADDED = ("salient",)


_SEEN = {"scales": (1.0, 0.75, 1.25), "mirror": True, "average": "logits_and_maximum"}


class Config(SegmenterRounds):
    """Settings of CIAN; the defaults are the published ones (ResNet-101, VOC 2012).

    Published seeds come from class maps and saliency; `given.seeds` takes them.
    Without them a classifier of our own makes class maps, which become seeds by
    `data.saliency`, or by two dense CRFs.

    Args:
        classifier: network and training, where seeds are not given.
        cam: how class maps of whole images are made.
        cam_masks: the plain class maps, beside which CIAN is judged.
        saliency: how saliency maps are made, where `data.saliency` is `make`.
        seeds: from class maps to what CIAN learns from.
        rounds: the second and later ones learn from the masks of the one before.
        segmenter: CIAN's network and training.
        relabel: how it labels the training images: `pseudo`, and `pseudo_2` in the second round.
        masks: how it segments the images of `data.val_split`, without tags.
    """

    method: Literal["cian"] = "cian"
    classifier: ClassifierSettings = ClassifierSettings()
    cam: ExplainedMapSettings = ExplainedMapSettings(scales=(1.0, 0.5, 1.5, 2.0), mirror=True)
    cam_masks: ThresholdSettings = ThresholdSettings()
    saliency: SaliencySettings = SaliencySettings()
    seeds: SeedSettings = SeedSettings()
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
