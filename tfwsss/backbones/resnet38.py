"""Wide ResNet-38 as AffinityNet uses it: stride 8, no pooling, batch normalisation frozen."""

import keras
from keras import layers

from tfwsss.ops.colours import DEVIATION, MEAN

PLAIN = (("b2", 128, 128, 2, 1, 1), ("b2_1", 128, 128, 1, 1, 1), ("b2_2", 128, 128, 1, 1, 1),
         ("b3", 256, 256, 2, 1, 1), ("b3_1", 256, 256, 1, 1, 1), ("b3_2", 256, 256, 1, 1, 1),
         ("b4", 512, 512, 2, 1, 1), *((f"b4_{i}", 512, 512, 1, 1, 1) for i in range(1, 6)),
         ("b5", 512, 1024, 1, 1, 2), ("b5_1", 512, 1024, 1, 2, 2), ("b5_2", 512, 1024, 1, 2, 2))
"""Blocks of two 3x3 convolutions: name, channels between and after, stride, dilation of the first and the second."""

BOTTLENECKS = (("b6", 2048, 4, 0.3), ("b7", 4096, 4, 0.5))
"""Blocks of 1x1, 3x3 and 1x1: name, channels after, dilation, share of channels dropped."""


def _conv(x, channels: int, kernel: int, name: str, stride: int = 1, dilation: int = 1):
    """Adds a convolution without bias; those that learn nothing are conv1a and block 2."""
    if kernel > 1 and stride > 1:                              # "same" would pad even sizes on one side only
        x = layers.ZeroPadding2D(1, name=f"{name}_pad")(x)
    return layers.Conv2D(channels, kernel, stride, padding="valid" if stride > 1 else "same", dilation_rate=dilation,
                         use_bias=False, kernel_initializer="he_normal", name=name,
                         trainable=not name.startswith(("conv1a", "b2_")))(x)


def _norm(x, block: str, branch: str):
    """Adds batch normalisation by the stored statistics, and ReLU."""
    x = layers.BatchNormalization(epsilon=1e-5, trainable=False, name=f"{block}_bn_{branch}")(x)
    return layers.ReLU(name=f"{block}_relu_{branch}")(x)


def _plain(x, block: str, between: int, after: int, stride: int, first_dilation: int, dilation: int):
    """Adds a block of two 3x3 convolutions; where the shape changes, the shortcut starts after its first ReLU."""
    start = _norm(x, block, "branch2a")
    y = _conv(start, between, 3, f"{block}_conv_branch2a", stride, first_dilation)
    y = _conv(_norm(y, block, "branch2b1"), after, 3, f"{block}_conv_branch2b1", dilation=dilation)
    shortcut = x if "_" in block else _conv(start, after, 1, f"{block}_conv_branch1", stride)
    return layers.Add(name=f"{block}_add")([shortcut, y])


def _bottleneck(x, block: str, after: int, dilation: int, dropout: float):
    """Adds a block of 1x1, 3x3 and 1x1 that drops whole channels before its last two convolutions."""
    start = _norm(x, block, "branch2a")
    y = _conv(start, max(1, after // 4), 1, f"{block}_conv_branch2a")
    y = layers.SpatialDropout2D(dropout, name=f"{block}_dropout_branch2b1")(_norm(y, block, "branch2b1"))
    y = _conv(y, max(1, after // 2), 3, f"{block}_conv_branch2b1", dilation=dilation)
    y = layers.SpatialDropout2D(dropout, name=f"{block}_dropout_branch2b2")(_norm(y, block, "branch2b2"))
    y = _conv(y, after, 1, f"{block}_conv_branch2b2")
    return layers.Add(name=f"{block}_add")([_conv(start, after, 1, f"{block}_conv_branch1"), y])


def resnet38(*, width: float = 1.0, name: str = "resnet38") -> keras.Model:
    """Builds the wide pre-activation network of 38 layers that AffinityNet, SEAM and A2GNN start from.

    Three convolutions of stride 2 halve the size, the last blocks are dilated
    instead. As released, no batch normalisation learns or moves, and conv1a and
    block 2 keep their weights. The layers bear the released names with `_` for
    `.`: `b5_1_conv_branch2a`, `bn7`. Multiply-adds: 399 G for 448x448 pixels.

        side of the maps = (side + 7) // 8

    Args:
        width: float. Factor of all channels; 1 is the published network.
        name: str. Name of the model.

    Inputs:
        image: `(batch, row, column, 3)` RGB, 0 to 255, any size. Mean and deviation of ImageNet are divided out inside.

    Returns:
        keras.Model whose output is a dictionary: "features", block 5 after the
        next ReLU, `(batch, row', column', 1024)`; "classifier", what class maps
        read, `(batch, row', column', 4096)`. AffinityNet also taps the layer
        `b5_relu_branch2a` (512 channels).

    Example:

    >>> model = resnet38(width=1 / 64)
    >>> {key: tuple(value.shape) for key, value in sorted(model(keras.ops.ones((1, 33, 48, 3))).items())}
    {'classifier': (1, 5, 6, 64), 'features': (1, 5, 6, 16)}

    Reference: Wu, Shen and van den Hengel, Wider or Deeper, 2016; Ahn and Kwak, AffinityNet, CVPR 2018.
    """
    def channels(count: int) -> int:
        return max(1, round(count * width))

    image = keras.Input((None, None, 3), name="image")
    x = layers.Rescaling([1 / (255 * d) for d in DEVIATION], [-m / d for m, d in zip(MEAN, DEVIATION, strict=True)],
                         name="normalise")(image)
    x = _conv(x, channels(64), 3, "conv1a")
    for block, between, after, *rest in PLAIN:
        x = _plain(x, block, channels(between), channels(after), *rest)
    for block, after, dilation, dropout in BOTTLENECKS:
        x = _bottleneck(x, block, channels(after), dilation, dropout)
    x = layers.BatchNormalization(epsilon=1e-5, trainable=False, name="bn7")(x)
    x = layers.ReLU(name="bn7_relu")(x)
    model = keras.Model(image, x)
    return keras.Model(image, {"features": model.get_layer("b6_relu_branch2a").output, "classifier": x}, name=name)
