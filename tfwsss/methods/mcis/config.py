"""Settings of MCIS."""

from typing import Any, Literal

import pydantic

from tfwsss.settings.sections import CRFSettings
from tfwsss.steps.cam_masks import ThresholdSettings
from tfwsss.steps.class_maps import MapSettings
from tfwsss.steps.co_attention_maps import CoAttentionSettings
from tfwsss.steps.proxy_labels import ProxyLabelSettings
from tfwsss.steps.rounds import SMALL_SEGMENTER, SegmenterRounds
from tfwsss.steps.saliency import SaliencySettings
from tfwsss.training.fitting import OptimizerSettings


class MCISSettings(OptimizerSettings):
    """Network of pairs and its training; the defaults are those of the released code.

    The paper is said to decay weights by 2e-4, and to lower the rate every 6 epochs.

    Args:
        epochs: 11, of the 15 that the release trains it takes the network of these.
        batch_size: pairs at a time, over all devices.
        side: of the squares to which images are stretched, in pixels.
        jitter: largest changes of brightness, contrast, saturation (shares) and hue (turns); empty for none.
        self_views: each first image also makes pairs with its mirror image and with itself at 3/4 and twice the side.
        contrastive_from_epoch: epoch, counted from 0, from which on what a pair does not share counts; None: never.
        learn_similarity: learn which positions read each other, as published; false: positions of like features do, as
            networks other than VGG-16 start. Adam moves the large matrix that learns it faster than its features.
        decay_epochs: epochs, counted from 0, at whose start the rate falls to a tenth; null: by a power (`schedule`).
        weight_decay: of every variable.
    """

    epochs: pydantic.PositiveInt = 11
    batch_size: pydantic.PositiveInt = 5
    bias_factor: pydantic.PositiveFloat = 2.0
    side: pydantic.PositiveInt = 256
    jitter: tuple[float, float, float, float] | tuple[()] = (0.3, 0.3, 0.3, 0.1)
    self_views: bool = True
    contrastive_from_epoch: pydantic.NonNegativeInt | None = 2
    learn_similarity: bool = True
    decay_epochs: tuple[pydantic.PositiveInt, ...] | None = (5, 10)

    @property
    def images_per_batch(self) -> int:
        """Images that a step sees: two of each pair."""
        return 2 * self.batch_size


class PlainMapSettings(MapSettings):
    """How plain class maps are made: as the network was trained, on squares."""

    canvas: pydantic.PositiveInt | None = 256
    stretch: bool = True


class Config(SegmenterRounds):
    """Settings of MCIS; the defaults are the published ones (VGG-16, VOC 2012).

    Args:
        mcis: network of pairs and its training.
        cam: how plain class maps of whole images are made, each by itself.
        cam_masks: the plain class maps, beside which MCIS is judged.
        maps: how class maps by co-attention are made and merged.
        saliency: how saliency maps are made, where `data.saliency` is `make`.
        labels: from merged maps, and saliency where it is given, to proxy labels.
        pseudo: the CRF that makes the pseudo labels where `labels.background` is `crf`.
    """

    method: Literal["mcis"] = "mcis"
    mcis: MCISSettings = MCISSettings()
    cam: PlainMapSettings = PlainMapSettings()
    cam_masks: ThresholdSettings = ThresholdSettings()
    maps: CoAttentionSettings = CoAttentionSettings()
    saliency: SaliencySettings = SaliencySettings()
    labels: ProxyLabelSettings = ProxyLabelSettings()
    pseudo: CRFSettings = CRFSettings()


DEMO: dict[str, Any] = {
    "data": {"kind": "demo", "split": "train", "val_split": "val", "saliency": "make"},
    "mcis": {"backbone": {"name": "small", "initial": None}, "side": 65, "batch_size": 8, "epochs": 6,
             "optimizer": "adam", "learning_rate": 1e-3, "schedule": "step", "decay_epochs": None,
             "head_factor": 1.0, "bias_factor": 1.0, "weight_decay": 0.0, "jitter": []},
    "cam": {"canvas": 65, "batch_size": 16, "mirror": True},
    "maps": {"side": 65, "batch_size": 16},
    "pseudo": {"position_deviation": 20.0},
    "segmenter": SMALL_SEGMENTER,
}
"""Small settings for the built-in data set."""
