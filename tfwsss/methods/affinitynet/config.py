"""Settings of AffinityNet."""

from typing import Any, Literal

from tfwsss.settings.sections import CRFSettings
from tfwsss.steps.affinity import AffinitySettings
from tfwsss.steps.cam_masks import ThresholdSettings
from tfwsss.steps.classifier import ClassifierSettings
from tfwsss.steps.confident_labels import KeptMaps, LabelSettings
from tfwsss.steps.explained_maps import ExplainedMapSettings
from tfwsss.steps.random_walk import WalkSettings
from tfwsss.steps.rounds import SMALL_SEGMENTER, SegmenterRounds


class Config(SegmenterRounds):
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
    classifier: ClassifierSettings = ClassifierSettings()
    cam: ExplainedMapSettings = ExplainedMapSettings(scales=(1.0, 0.5, 1.5, 2.0), mirror=True)
    cam_masks: ThresholdSettings = ThresholdSettings()
    cam_crf: bool = False
    labels: LabelSettings = LabelSettings()
    affinity: AffinitySettings = AffinitySettings()
    walk: WalkSettings = WalkSettings()
    pseudo: CRFSettings = CRFSettings()

    @property
    def kept_maps(self) -> KeptMaps:
        """The class maps that are spread."""
        return KeptMaps(self.cam_masks, self.cam.views)


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
