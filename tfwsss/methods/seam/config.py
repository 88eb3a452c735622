"""Settings of SEAM."""

from typing import Any, Literal

import pydantic

from tfwsss.inference.views import Canvas, OwnSize, Resized
from tfwsss.settings.sections import CRFSettings, ResNet38Settings
from tfwsss.steps.affinity import AffinitySettings
from tfwsss.steps.cam_masks import ThresholdSettings
from tfwsss.steps.class_maps import MapSettings
from tfwsss.steps.classifier import ClassifierSettings
from tfwsss.steps.confident_labels import KeptMaps, LabelSettings
from tfwsss.steps.random_walk import WalkSettings
from tfwsss.steps.rounds import SMALL_SEGMENTER, SegmenterRounds


class SEAMSettings(ClassifierSettings):
    """Network and its training; the defaults are those of the released code, with ResNet-38.

    Args:
        plain: train the classifier alone, without a smaller copy and refined maps: the baseline.
        widths: channels of the two narrowed maps and of the features whose likeness counts.
        minimum_pooling: the least refined maps count, as in the released code and not in the paper.
        copy_scale: size of the smaller copy.
        hardest: share of the differences between class maps and refined maps that count.
    """

    backbone: ResNet38Settings = ResNet38Settings()
    epochs: pydantic.PositiveInt = 8
    batch_size: pydantic.PositiveInt = 8
    longer_side: tuple[pydantic.PositiveInt, pydantic.PositiveInt] | None = (448, 768)
    learning_rate: pydantic.PositiveFloat = 0.01
    plain: bool = False
    widths: tuple[pydantic.PositiveInt, pydantic.PositiveInt, pydantic.PositiveInt] = (64, 128, 192)
    minimum_pooling: bool = True
    copy_scale: float = pydantic.Field(0.3, gt=0.0, lt=1.0)
    hardest: float = pydantic.Field(0.2, gt=0.0, le=1.0)


class WholeMapSettings(MapSettings):
    """How class maps of whole images are made, as released: at the images' own sizes, four scales, mirrored."""

    canvas: pydantic.PositiveInt | None = None
    scales: tuple[pydantic.PositiveFloat, ...] = pydantic.Field((0.5, 1.0, 1.5, 2.0), min_length=1)
    mirror: bool = True

    def view(self, colour: tuple[float, float, float]) -> Canvas | OwnSize | Resized:
        """Returns how the network is shown images; at their own sizes its maps first grow to the scaled image.

        Args:
            colour: red, green, blue of the rest of a canvas.
        """
        view = super().view(colour)
        return view._replace(corners=True) if isinstance(view, OwnSize) else view


class ConfidentSettings(LabelSettings):
    """What the affinity network learns from, with the released powers."""

    high: pydantic.PositiveFloat | None = 24.0


class SEAMAffinitySettings(AffinitySettings):
    """Affinity network and its training; the defaults are those of the released code, with ResNet-38."""

    backbone: ResNet38Settings = ResNet38Settings()
    learning_rate: pydantic.PositiveFloat = 0.01


class SEAMWalkSettings(WalkSettings):
    """The random walk, with the released power of the background and number of steps."""

    alpha: pydantic.PositiveFloat | None = 6.0
    steps: pydantic.NonNegativeInt = 64


class PseudoSettings(CRFSettings):
    """The CRF that makes the pseudo labels; the released code has none, and those of the walk stay as they are."""

    iterations: pydantic.NonNegativeInt = 0


class Config(SegmenterRounds):
    """Settings of SEAM; the defaults are those of the released code with ResNet-38.

    Args:
        seam: network and training.
        cam: how its plain class maps of whole images are made.
        cam_masks: the plain class maps, beside which SEAM is judged.
        maps: how its refined maps of whole images are made.
        map_masks: the refined maps under a threshold.
        labels: what the affinity network learns from.
        affinity: network and training.
        walk: from refined maps and affinities to masks.
        pseudo: the CRF that makes the pseudo labels; off as released.
    """

    method: Literal["seam"] = "seam"
    seam: SEAMSettings = SEAMSettings()
    cam: WholeMapSettings = WholeMapSettings()
    cam_masks: ThresholdSettings = ThresholdSettings()
    maps: WholeMapSettings = WholeMapSettings()
    map_masks: ThresholdSettings = ThresholdSettings()
    labels: ConfidentSettings = ConfidentSettings()
    affinity: SEAMAffinitySettings = SEAMAffinitySettings()
    walk: SEAMWalkSettings = SEAMWalkSettings()
    pseudo: PseudoSettings = PseudoSettings()

    @property
    def kept_maps(self) -> KeptMaps:
        """The class maps that are spread: refined ones, or those of the plain classifier."""
        if self.seam.plain:
            return KeptMaps(self.cam_masks, self.cam.views)
        return KeptMaps(self.map_masks, None, "maps", "map_masks")


_DEMO_FIT = {"backbone": {"name": "small", "initial": None}, "batch_size": 16, "optimizer": "adam",
             "learning_rate": 1e-3, "head_factor": 1.0, "bias_factor": 1.0, "weight_decay": 0.0, "jitter": []}

DEMO: dict[str, Any] = {
    "data": {"kind": "demo", "split": "train", "val_split": "val"},
    "seam": {**_DEMO_FIT, "epochs": 15, "crop": 97, "longer_side": None, "scales": [0.75, 1.0, 1.25],
             "dropout": 0.0, "widths": [16, 32, 48]},
    "cam": {"canvas": 129, "batch_size": 16, "scales": [1.0, 0.5]},
    "maps": {"canvas": 129, "batch_size": 16, "scales": [1.0, 0.5]},
    "labels": {"high": 128.0, "crf": {"position_deviation": 20.0}},
    "affinity": {**_DEMO_FIT, "epochs": 8, "crop": 96, "widths": [16, 32, 64]},
    "walk": {"alpha": 32.0},
    "pseudo": {"iterations": 10, "position_deviation": 20.0},
    "segmenter": SMALL_SEGMENTER,
}
"""Small settings for the built-in data set."""
