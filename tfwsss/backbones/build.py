"""A backbone by its name, with its initial weights."""

import functools
from pathlib import Path

import keras

from tfwsss.backbones.facts import facts_of
from tfwsss.backbones.initial import load_initial
from tfwsss.backbones.mobilenet_v2 import mobilenet_v2
from tfwsss.backbones.resnet38 import resnet38
from tfwsss.backbones.resnet_v1 import resnet_v1
from tfwsss.backbones.resnet_v2 import resnet_v2
from tfwsss.backbones.small import small
from tfwsss.backbones.vgg16 import vgg16
from tfwsss.backbones.vit import FORMS, vit


def build_backbone(name: str, initial: str | Path | None = None, output_stride: int = 16,
                   tap: str = "block_16_project_BN", learning_norm: str = "none", width: float = 1.0,
                   frozen: bool | None = None, form: str = "icd", fc6_dilation: int = 1) -> keras.Model:
    """Builds a backbone and fills it.

    Args:
        name: `vgg16` or `resnet38` (stride 8), `mobilenet_v2`, `small` (stride 4), or `resnet50` and `resnet101`
            in MXNet's form; `resnet50_keras` and `resnet101_keras` in Keras', `resnet50_torch` and
            `resnet101_torch` in torchvision's; `clip_b16` (stride 16), `dinov2_small` or `dinov2_base` (stride 14), see
            `backbones.vit`.
        initial: a weights file, `imagenet`, or None for random weights.
        output_stride: of `mobilenet_v2` and the ResNets of 50 and 101 layers.
        tap: layer of `mobilenet_v2` whose output is "features".
        learning_norm: which batch normalisations of `mobilenet_v2` learn: `none`, `after_tap` or `all`.
        width: factor of all channels.
        frozen: whether its weights stay as they are; None: those of transformers do, see `backbones.facts`.
        form: of `vgg16`: "icd", "affinitynet", "mcis" or "oaa".
        fc6_dilation: of `vgg16`.

    Returns:
        keras.Model, image `(batch, row, column, 3)` to "features" and "classifier".

    Raises:
        UserError: a weights file that is missing or of another network.

    Example:

    >>> sorted(build_backbone("small", width=0.25).output)
    ['classifier', 'features']
    """
    if name == "mobilenet_v2":
        backbone = mobilenet_v2(output_stride=output_stride, tap=tap, learning_norm=learning_norm, width=width)
    elif name == "vgg16":
        backbone = vgg16(width=width, form=form, fc6_dilation=fc6_dilation)
    elif name.startswith(("resnet50", "resnet101")):
        depth, _, kind = name.removeprefix("resnet").partition("_")
        build = resnet_v1 if kind == "torch" else functools.partial(resnet_v2, form=kind or "mxnet")
        backbone = build(int(depth), output_stride=output_stride, width=width)
    elif name in FORMS:
        backbone = vit(name, width=width)
    else:
        backbone = {"resnet38": resnet38, "small": small}[name](width=width)
    load_initial(backbone, initial)
    if facts_of(backbone.name).frozen if frozen is None else frozen:
        for layer in backbone.layers:
            layer.trainable = False
    return backbone
