"""MobileNetV2 of keras.applications with dilation instead of its last strides: the light default."""

import keras
from keras import layers

from tfwsss.errors import UserError
from tfwsss.layers.batch_normalization import BatchNormalization

GROUPS = ((1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1))
#          expansion, channels, blocks, stride of the first block

LEARNING = ("none", "after_tap", "all")
"""Choices of `learning_norm`."""


def _divisible(value: float) -> int:
    """Rounds a number of channels to a multiple of 8, never down by more than a tenth."""
    rounded = max(8, int(value + 4) // 8 * 8)
    return rounded + 8 if rounded < 0.9 * value else rounded


def _norm(x, name: str, trainable: bool):
    """Adds batch normalisation; frozen unless said otherwise."""
    return BatchNormalization(momentum=0.999, epsilon=1e-3, trainable=trainable, name=name)(x)


def _block(x, expansion: int, channels: int, stride: int, dilation: int, prefix: str, learning: bool):
    """Adds one inverted residual: widen, filter each channel, narrow."""
    start, width = x, x.shape[-1]
    if expansion > 1:
        x = layers.Conv2D(expansion * width, 1, use_bias=False, name=f"{prefix}_expand")(x)
        x = layers.ReLU(6.0, name=f"{prefix}_expand_relu")(_norm(x, f"{prefix}_expand_BN", learning))
    x = layers.DepthwiseConv2D(3, stride, padding="same", dilation_rate=dilation, use_bias=False,
                               name=f"{prefix}_depthwise")(x)
    x = layers.ReLU(6.0, name=f"{prefix}_depthwise_relu")(_norm(x, f"{prefix}_depthwise_BN", learning))
    x = layers.Conv2D(channels, 1, use_bias=False, name=f"{prefix}_project")(x)
    x = _norm(x, f"{prefix}_project_BN", learning)
    if stride == 1 and width == channels:
        x = layers.Add(name=f"{prefix}_add")([start, x])
    return x


def mobilenet_v2(*, output_stride: int = 16, width: float = 1.0, tap: str = "block_16_project_BN",
                 learning_norm: str = "none", name: str = "mobilenet_v2") -> keras.Model:
    """Builds MobileNetV2 at output stride 8, 16 or 32, on which ImageNet weights fit by layer name.

    Where a stride is removed, later filters are dilated by it, so that every
    second position of the finer map equals the coarser map. Sides of the form
    32k + 1 keep the first and last positions on the corner pixels at every
    stride; choose such crops where maps meet pixels. About 0.6 G multiply-adds
    for 225x225 pixels at stride 16 (1.0 G at stride 8).

        side of the maps = ceil(side / output_stride)

    Args:
        output_stride: int, 8, 16 or 32. Pixels between neighbours of the last map.
        width: float. Factor of the channels; ImageNet weights exist for 0.35, 0.5, 0.75, 1, 1.3 and 1.4.
        tap: str. Layer whose output is "features": `block_16_project_BN` (320
            channels, signed), `out_relu` (1280 channels), or another layer's name.
        learning_norm: str. Which batch normalisations learn, over all replicas: "none" (frozen), "after_tap"
            (those that "features" does not pass), or "all".
        name: str. Name of the model.

    Inputs:
        image: `(batch, row, column, 3)` RGB, 0 to 255, any size. Scaled to `[-1, 1]` inside.

    Returns:
        keras.Model whose output is a dictionary: "features", the tap;
        "classifier", `(batch, row', column', 1280)` after the last ReLU.

    Raises:
        UserError: an unknown output stride or tap.

    Example:

    >>> model = mobilenet_v2(output_stride=8, width=0.35)
    >>> {key: tuple(value.shape) for key, value in sorted(model(keras.ops.ones((1, 33, 65, 3))).items())}
    {'classifier': (1, 5, 9, 1280), 'features': (1, 5, 9, 112)}

    Reference: Sandler et al., MobileNetV2, CVPR 2018.
    """
    if output_stride not in (8, 16, 32):
        raise UserError(f"mobilenet_v2: output_stride is {output_stride}; expected 8, 16 or 32")
    if learning_norm not in LEARNING:
        raise UserError(f"mobilenet_v2: learning_norm is {learning_norm!r}; expected one of {', '.join(LEARNING)}")
    learning = learning_norm != "none"
    image = keras.Input((None, None, 3), name="image")
    x = layers.Rescaling(1 / 127.5, offset=-1.0, name="rescale")(image)
    x = layers.Conv2D(_divisible(32 * width), 3, 2, padding="same", use_bias=False, name="Conv1")(x)
    x = layers.ReLU(6.0, name="Conv1_relu")(_norm(x, "bn_Conv1", learning))
    reached, dilation, index = 2, 1, 0
    for expansion, channels, count, first_stride in GROUPS:
        for i in range(count):
            stride = first_stride if i == 0 else 1
            removed = reached * stride > output_stride
            x = _block(x, expansion, _divisible(channels * width), 1 if removed else stride, dilation,
                       f"block_{index}" if index else "expanded_conv", learning)
            dilation, reached = (dilation * stride, reached) if removed else (dilation, reached * stride)
            index += 1
    x = layers.Conv2D(max(1280, _divisible(1280 * width)), 1, use_bias=False, name="Conv_1")(x)
    x = layers.ReLU(6.0, name="out_relu")(_norm(x, "Conv_1_bn", learning))
    whole = keras.Model(image, x)
    if tap not in (layer.name for layer in whole.layers):
        raise UserError(f"mobilenet_v2: no layer is named {tap!r}; try block_16_project_BN or out_relu")
    features = whole.get_layer(tap).output
    if learning_norm == "after_tap":
        for layer in keras.Model(image, features).layers:
            layer.trainable &= not isinstance(layer, BatchNormalization)
    return keras.Model(image, {"features": features, "classifier": x}, name=name)
