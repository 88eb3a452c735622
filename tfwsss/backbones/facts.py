"""What has to be known of each backbone besides its layers, in one table."""

import dataclasses
from collections.abc import Mapping
from typing import Literal

BackboneName = Literal["vgg16", "resnet50", "resnet50_keras", "resnet50_torch", "resnet101", "resnet101_keras",
                       "resnet101_torch", "resnet38", "mobilenet_v2", "small", "clip_b16", "dinov2_small",
                       "dinov2_base"]
"""The backbones that settings can name."""

GREY = 127.0
"""Colour round images smaller than the crop, and of the rest of a canvas."""


@dataclasses.dataclass(frozen=True)
class BackboneFacts:
    """What trainings, inference and other models must know of a backbone.

    Args:
        colour: red, green and blue, 0-255, that the published programs put round images: what the normalisation turns
            to about zero, but in CIAN's, which puts black.
        stride: pixels between positions of the maps where the network leaves no choice; None: as asked.
        taps: three layers whose outputs AffinityNet reads, all of one size.
        heads: fully convolutional layers of its own before the class maps.
        normalised: whether it has normalisations inside; what reads another one must normalise for it.
        imagenet: name in `keras.applications` of the network whose ImageNet weights fit.
        fresh: patterns of layers that no ImageNet network has: they stay as they are drawn.
        corners: whether the first position of the maps lies on the first pixel; else each in the middle of its cell.
        frozen: whether its weights stay as they are unless settings say otherwise.
    """

    colour: tuple[float, float, float] = (GREY, GREY, GREY)
    stride: int | None = None
    taps: tuple[str, ...] = ()
    heads: tuple[str, ...] = ()
    normalised: bool = True
    imagenet: str | None = None
    fresh: tuple[str, ...] = ()
    corners: bool = True
    frozen: bool = False

    def output_stride(self, asked: int) -> int:
        """Returns the pixels between positions of the maps.

        Args:
            asked: output stride of the settings; networks that leave no choice do not heed it.
        """
        return self.stride or asked


_BLACK = (0.0, 0.0, 0.0)
_MXNET_TAPS = ("stage4_unit1_relu1", "stage4_unit2_relu1", "relu1")
_TORCH_TAPS = ("layer4_0_relu", "layer4_1_relu", "layer4_2_relu")
_RGB_MEAN = (123.675, 116.28, 103.53)
_VIT_TAPS = ("block3_sum2", "block7_sum2", "features")
_KERAS_TAPS = ("conv5_block1_preact_relu", "conv5_block2_preact_relu", "post_relu")

FACTS: Mapping[str, BackboneFacts] = {
    "vgg16": BackboneFacts((122.675, 116.669, 104.008), 8, ("conv4_3", "conv5_3", "fc7"), heads=("fc6", "fc7"),
                           normalised=False, imagenet="VGG16"),
    "resnet50": BackboneFacts(_BLACK, None, _MXNET_TAPS),
    "resnet50_keras": BackboneFacts(taps=_KERAS_TAPS, imagenet="ResNet50V2"),
    "resnet50_torch": BackboneFacts(_RGB_MEAN, None, _TORCH_TAPS),
    "resnet101": BackboneFacts(_BLACK, None, _MXNET_TAPS),
    "resnet101_keras": BackboneFacts(taps=_KERAS_TAPS, imagenet="ResNet101V2"),
    "resnet101_torch": BackboneFacts(_RGB_MEAN, None, _TORCH_TAPS),
    "resnet38": BackboneFacts(_RGB_MEAN, 8, ("b5_relu_branch2a", "b6_relu_branch2a", "bn7_relu")),
    "mobilenet_v2": BackboneFacts(taps=("block_9_add", "block_12_add", "out_relu"), imagenet="MobileNetV2"),
    "small": BackboneFacts(stride=4, taps=("relu4", "relu5", "relu6")),
    "clip_b16": BackboneFacts((122.771, 116.746, 104.094), 16, _VIT_TAPS, frozen=True),
    "dinov2_small": BackboneFacts((123.675, 116.28, 103.53), 14, _VIT_TAPS, frozen=True),
    "dinov2_base": BackboneFacts((123.675, 116.28, 103.53), 14, _VIT_TAPS, frozen=True),
}
"""Every backbone of this package."""


_EXTRA = BackboneFacts(_RGB_MEAN, 8, ("conv4_3", "conv5_3", "extra3"), normalised=False,
                       imagenet="VGG16", fresh=("extra*",), corners=False)

FORM_FACTS: Mapping[str, BackboneFacts] = {
    "vgg16_mcis": _EXTRA,
    "vgg16_oaa": dataclasses.replace(_EXTRA, colour=(122.679, 116.669, 104.007)),
}
"""Forms of a backbone that differ in more than their numbers, by the name that the network itself bears."""


def facts_of(name: str) -> BackboneFacts:
    """Returns what is known of a backbone.

    Args:
        name: of the backbone, or of a form of it; one that is none of this package's is grey outside, normalised, and
            has what is asked.

    Returns:
        Its facts.

    Example:

    >>> facts_of("vgg16").output_stride(asked=16), facts_of("mobilenet_v2").output_stride(asked=16)
    (8, 16)
    """
    return {**FACTS, **FORM_FACTS}.get(name, BackboneFacts())
