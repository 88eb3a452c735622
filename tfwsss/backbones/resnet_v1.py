"""ResNet-50 and ResNet-101 with activations behind the sums, in torchvision's form, dilated."""

from collections.abc import Sequence

import keras
from keras import layers

from tfwsss.backbones.resnet_v2 import CHANNELS, UNITS
from tfwsss.errors import UserError

_MEAN, _DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)       # of red, green and blue from 0 to 1
_EPSILON = 1e-5
_STRIDES = (1, 2, 2, 2)


def _conv(x, channels: int, kernel: int, name: str, stride: int = 1, dilation: int = 1):
    """Adds a convolution without bias, with equal padding on both sides."""
    pad = dilation * (kernel // 2)
    if pad:                                                    # "same" would pad even sizes on one side only
        x = layers.ZeroPadding2D(pad, name=f"{name}_pad")(x)
    return layers.Conv2D(channels, kernel, stride, dilation_rate=dilation, use_bias=False,
                         kernel_initializer="he_normal", name=name)(x)


def _norm(x, name: str):
    """Adds batch normalisation by the stored statistics."""
    return layers.BatchNormalization(epsilon=_EPSILON, momentum=0.9, trainable=False, name=name)(x)


def _unit(x, name: str, channels: int, stride: int, dilation: int, project: bool):
    """Adds one residual: narrow, filter (here it steps), widen; the ReLU follows the sum."""
    narrow, start, y = max(1, channels // 4), x, x
    for number, (count, kernel, step, apart) in enumerate(
            ((narrow, 1, 1, 1), (narrow, 3, stride, dilation), (channels, 1, 1, 1)), start=1):
        y = _norm(_conv(y, count, kernel, f"{name}_conv{number}", step, apart), f"{name}_bn{number}")
        y = layers.ReLU(name=f"{name}_relu{number}")(y) if number < 3 else y
    if project:
        start = _norm(_conv(x, channels, 1, f"{name}_downsample_conv", stride), f"{name}_downsample_bn")
    return layers.ReLU(name=f"{name}_relu")(layers.Add(name=f"{name}_add")([start, y]))


def resnet_v1(depth: int = 50, *, output_stride: int = 16, width: float = 1.0, units: Sequence[int] = (),
              channels: Sequence[int] = CHANNELS, name: str = "") -> keras.Model:
    """Builds the ResNet whose weights torchvision releases, at output stride 8, 16 or 32.

    A stage steps in the 3x3 filter of its first unit. Where a stride is removed,
    the filters behind it are dilated by it, those of that unit not yet. No batch
    normalisation learns or moves. Layers bear torchvision's names with _ for a
    point (layer1_0_conv1, layer1_0_downsample_conv). Multiply-adds for 321x321
    pixels at stride 16: 12 G of 50 layers, 20 G of 101.

        side of the maps = ceil(side / output_stride)

    Args:
        depth: int, 50 or 101.
        output_stride: int, 8, 16 or 32. Pixels between neighbours of the last map.
        width: float. Factor of all channels; 1 is the published network.
        units: ints. Units of each stage; () for those of the depth.
        channels: ints. Channels of the first convolution and after each stage.
        name: str. Name of the model; by default `resnet50_torch`.

    Inputs:
        image: `(batch, row, column, 3)` RGB, 0 to 255, any size. Normalised inside: (x / 255 - mean) / deviation.

    Returns:
        keras.Model whose output is a dictionary: "features" and "classifier" are
        both the last map after its ReLU, `(batch, row', column', 2048)`.

    Raises:
        UserError: an unknown depth or output stride.

    Example:

    >>> model = resnet_v1(50, width=1 / 64)
    >>> {key: tuple(value.shape) for key, value in sorted(model(keras.ops.ones((1, 33, 48, 3))).items())}
    {'classifier': (1, 3, 3, 32), 'features': (1, 3, 3, 32)}

    Reference: He et al., Deep Residual Learning for Image Recognition, CVPR 2016.
    """
    for argument, value, choices in (("depth", depth, UNITS), ("output_stride", output_stride, (8, 16, 32))):
        if value not in choices:
            raise UserError(f"resnet_v1: {argument} is {value!r}; expected one of {', '.join(map(str, choices))}")
    first, *after = (max(1, round(count * width)) for count in channels)
    image = keras.Input((None, None, 3), name="image")
    scale = [1 / (255 * deviation) for deviation in _DEVIATION]
    offset = [-mean / deviation for mean, deviation in zip(_MEAN, _DEVIATION, strict=True)]
    x = layers.Rescaling(scale, offset=offset, name="normalise")(image)
    x = layers.ReLU(name="relu1")(_norm(_conv(x, first, 7, "conv1", 2), "bn1"))
    x = layers.MaxPooling2D(3, 2, name="pool")(layers.ZeroPadding2D(1, name="pool_pad")(x))    # zeros: behind a ReLU
    reached, dilation = 4, 1
    for stage, (count, channel, stride) in enumerate(zip(units or UNITS[depth], after, _STRIDES, strict=True), start=1):
        removed = reached * stride > output_stride
        for unit in range(count):
            step = stride if unit == 0 and not removed else 1
            x = _unit(x, f"layer{stage}_{unit}", channel, step, dilation, project=unit == 0)
            dilation *= stride if unit == 0 and removed else 1
        reached *= 1 if removed else stride
    return keras.Model(image, {"features": x, "classifier": x}, name=name or f"resnet{depth}_torch")
