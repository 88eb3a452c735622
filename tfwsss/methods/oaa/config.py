"""Settings of OAA."""

from typing import Any, Literal

import pydantic

from tfwsss.backbones.facts import BackboneFacts, facts_of
from tfwsss.batches.frames import OPENCV, Frame
from tfwsss.inference.views import Resized
from tfwsss.refine.accumulation import ACCEPTS, RULES
from tfwsss.settings.sections import CRFSettings, Settings
from tfwsss.steps.cam_masks import ThresholdSettings
from tfwsss.steps.proxy_labels import OAALabelSettings, ProxyLabelSettings
from tfwsss.steps.rounds import SMALL_SEGMENTER, SegmenterRounds
from tfwsss.steps.saliency import SaliencySettings
from tfwsss.training.fitting import OptimizerSettings


class AttentionFitSettings(OptimizerSettings):
    """Training of either network on whole images; the defaults are those of the program for Caffe.

    Args:
        batch_size: images of a step of the optimiser; unless they become squares they are seen one by one, and their
            gradients averaged.
        mirror: flip half of the images.
        jitter: largest changes of brightness, contrast, saturation (shares) and hue (turns); empty for none.
        decay_epochs: epochs, counted from 0, at whose start the rate falls to a tenth; null: by a power (`schedule`).
        nesterov: momentum that looks ahead. rate_outside: velocity without the rate, as PyTorch's.
        decay_all: biases and scales decay too.
    """

    epochs: pydantic.PositiveInt = 14                    # 30 000 steps of 5 of 10 582 images
    batch_size: pydantic.PositiveInt = 5
    mirror: bool = True
    jitter: tuple[float, float, float, float] | tuple[()] = ()
    decay_epochs: tuple[pydantic.PositiveInt, ...] | None = (9,)      # 20 000 steps
    head_factor: pydantic.PositiveFloat = 1.0
    bias_factor: pydantic.PositiveFloat = 2.0
    weight_decay: pydantic.NonNegativeFloat = 2e-4
    nesterov: bool = False
    rate_outside: bool = False
    decay_all: bool = False


class OAASettings(AttentionFitSettings):
    """First network, and how its maps are gathered.

    Args:
        program: whose rules hold: `caffe` or `torch`, the authors' two programs. They differ in VGG-16's form, in how
            images are resized and maps stretched, gathered and accepted, and in the hybrid loss' threshold.
        side: the shorter side of an image in pixels; both where images become squares.
        square: images become squares, which makes batches of several; else they keep their shapes.
        rule, accept: of `refine.accumulation`, in place of the program's.
        quantised: maps are gathered as bytes, as published.
        drop: share of the visits at which what was found at the one before is hidden (0.5 in the program for PyTorch).
        drop_above: share of a map's maximum above which it is.
    """

    program: Literal["caffe", "torch"] = "caffe"
    side: pydantic.PositiveInt = 224
    square: bool = False
    rule: Literal[RULES] | None = None
    accept: Literal[ACCEPTS] | None = None
    quantised: bool = True
    drop: float = pydantic.Field(0.0, ge=0.0, le=1.0)
    drop_above: float = pydantic.Field(0.6, ge=0.0, lt=1.0)

    @property
    def form(self) -> str:
        """VGG-16's form: the programs' differ in colours and pools."""
        return {"caffe": "oaa", "torch": "mcis"}[self.program]

    @property
    def joined_by(self) -> str:
        """How maps are joined, one of `refine.accumulation.RULES`."""
        return self.rule or {"caffe": "max", "torch": "plain_max"}[self.program]

    @property
    def accepted_by(self) -> str:
        """Which maps are taken, one of `refine.accumulation.ACCEPTS`."""
        return self.accept or {"caffe": "rank", "torch": "top"}[self.program]

    @property
    def facts_of_network(self) -> BackboneFacts:
        """What is known of the backbone in the program's form."""
        name = self.backbone.name
        return facts_of(f"{name}_{self.form}" if name == "vgg16" else name)

    @property
    def frame(self) -> Frame:
        """To what size images are brought."""
        return Frame(self.side, self.square, self.backbone.stride if self.facts_of_network.corners else None,
                     "cubic" if self.program == "torch" else OPENCV)


class OAAPlusSettings(AttentionFitSettings):
    """Second network, OAA+, which learns the gathered maps; it sees images as the first does.

    The program is that of `oaa`. The one for PyTorch adds the gradients of 5 images here
    where it averages them before; a rate five times as high and a fifth of the decay do the same.
    """


class LabelSettings(OAALabelSettings):
    """The rule from maps to proxy labels.

    Args:
        corners_aligned: enlarge maps corners on corners, else as published; None: as the network's positions lie.
    """

    corners_aligned: bool | None = None


class LookSettings(Settings):
    """How a trained network is shown whole images, beyond the size at which it was trained.

    Args:
        scales: factors of that size; the maps are averaged.
        mirror: also see each image mirrored.
        batch_size: images at a time.
    """

    scales: tuple[pydantic.PositiveFloat, ...] = pydantic.Field((1.0,), min_length=1)
    mirror: bool = False
    batch_size: pydantic.PositiveInt = 4

    def resized(self, settings: OAASettings) -> Resized:
        """Returns how the network is shown images.

        Args:
            settings: of its training.
        """
        return Resized(*settings.frame, scales=self.scales, mirror=self.mirror, batch_size=self.batch_size)


class Config(SegmenterRounds):
    """Settings of OAA; the defaults are those of the authors' program for Caffe (VGG-16, VOC 2012).

    Args:
        oaa: first network, training and gathering.
        cam: how the plain class maps of the first network are made, beside which the method is judged.
        cam_masks: their threshold.
        plus: whether the second network is trained (OAA+); else the gathered maps are the result.
        oaa_plus: second network and training.
        maps: how its maps are made.
        saliency: how saliency maps are made, where `data.saliency` is `make`.
        labels: from maps to proxy labels.
        pseudo: the CRF that sharpens them, where `labels.background` is `crf`.
    """

    method: Literal["oaa"] = "oaa"
    oaa: OAASettings = OAASettings()
    cam: LookSettings = LookSettings()
    cam_masks: ThresholdSettings = ThresholdSettings()
    plus: bool = True
    oaa_plus: OAAPlusSettings = OAAPlusSettings()
    maps: LookSettings = LookSettings()
    saliency: SaliencySettings = SaliencySettings()
    labels: LabelSettings = LabelSettings()
    pseudo: CRFSettings = CRFSettings()

    @property
    def label_rule(self) -> ProxyLabelSettings:
        """The section `labels`, which knows how the network's positions lie."""
        if self.labels.corners_aligned is not None:
            return self.labels
        return self.labels.model_copy(update={"corners_aligned": self.oaa.facts_of_network.corners})

    @pydantic.model_validator(mode="after")
    def _one_grid(self) -> "Config":
        first, second = ((each.backbone.name == "vgg16", each.backbone.stride) for each in (self.oaa, self.oaa_plus))
        if self.plus and first != second:
            raise ValueError("oaa_plus.backbone: its maps must have the positions of oaa.backbone's; name networks "
                             "of one output stride")
        return self


_DEMO_FIT = {"backbone": {"name": "small", "initial": None}, "batch_size": 16, "optimizer": "adam",
             "learning_rate": 1e-3, "schedule": "step", "decay_epochs": None, "bias_factor": 1.0, "weight_decay": 0.0}

DEMO: dict[str, Any] = {
    "data": {"kind": "demo", "split": "train", "val_split": "val"},
    "oaa": {**_DEMO_FIT, "side": 97, "square": True, "epochs": 20},
    "oaa_plus": {**_DEMO_FIT, "epochs": 12},
    "cam": {"mirror": True, "batch_size": 16},
    "maps": {"mirror": True, "batch_size": 16},
    "pseudo": {"position_deviation": 20.0},
    "segmenter": SMALL_SEGMENTER,
}
"""Small settings for the built-in data set."""
