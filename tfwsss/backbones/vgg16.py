"""VGG-16 as class maps use it: stride 8, dilated last block, fully convolutional head; in two published forms."""

import keras
from keras import layers, ops

from tfwsss.errors import UserError

BLOCKS = ((64, 2), (128, 2), (256, 3), (512, 3), (512, 3))     # channels, convolutions
FORMS = ("icd", "affinitynet")
MEAN = (104.008, 116.669, 122.675)
"""Of blue, green and red, in the form of AffinityNet."""


def _conv(x, channels: int, kernel: int, dilation: int, name: str, trainable: bool = True):
    """Adds a convolution with bias and ReLU that keeps the size."""
    return layers.Conv2D(channels, kernel, padding="same", dilation_rate=dilation, activation="relu",
                         kernel_initializer="he_normal", name=name, trainable=trainable)(x)


def _max_pool(x, stride: int, name: str):
    """Adds a 3x3 maximum with one pixel of padding on every side.

    Zeros stand for minus infinity, since what is pooled comes from a ReLU;
    "same" would pad even sizes on one side only.
    """
    x = layers.ZeroPadding2D(1, name=f"{name}_pad")(x)
    return layers.MaxPooling2D(3, stride, padding="valid", name=name)(x)


def _icd_head(x, channels: int, dilation: int, dropout: float):
    """Adds two pools that keep the size, fc6 and fc7, each with dropout of single numbers."""
    x = _max_pool(x, 1, "pool5")
    x = layers.ZeroPadding2D(1, name="pool5a_pad")(x)          # the divisor is 9 at the borders too
    x = layers.AveragePooling2D(3, 1, padding="valid", name="pool5a")(x)
    for layer, kernel in (("fc6", 3), ("fc7", 1)):
        x = _conv(x, channels, kernel, dilation if kernel > 1 else 1, layer)
        x = layers.Dropout(dropout, name=f"{layer}_dropout")(x)
    return x


def _affinitynet_head(x, channels: int, dilation: int, dropout: float):
    """Adds fc6 and fc7; whole channels are dropped, and after fc6 only."""
    x = _conv(x, channels, 3, dilation, "fc6")
    return _conv(layers.SpatialDropout2D(dropout, name="fc6_dropout")(x), channels, 1, 1, "fc7")


def vgg16(*, width: float = 1.0, head_channels: int = 1024, dropout: float = 0.5, form: str = "icd",
          fc6_dilation: int = 1, name: str = "vgg16") -> keras.Model:
    """Builds VGG-16 with stride 8 and the convolutional fc6 and fc7 of class activation maps.

    Three pools halve the size; the fourth keeps it, and block 5 is dilated
    instead. Layers bear the released names (conv1_1 to fc7). Two forms are
    published; every number is that of the release:

        form          input           after conv5_3   dropout               learns
        icd           RGB - 127       two pools       fc6, fc7: numbers     everything
        affinitynet   BGR - means     -               fc6: whole channels   not blocks 1 and 2

    Multiply-adds: 51 G for 321x321 pixels.

        side of the maps = (side + 7) // 8

    Args:
        width: float. Factor of the trunk's channels; 1 is the published network.
        head_channels: int. Channels of fc6 and fc7.
        dropout: float in `[0, 1)`. Share dropped in training.
        form: str, "icd" or "affinitynet".
        fc6_dilation: int. 4 in AffinityNet's second network, else 1.
        name: str. Name of the model.

    Inputs:
        image: `(batch, row, column, 3)` RGB, 0 to 255, any size. The means are subtracted inside.

    Returns:
        keras.Model whose output is a dictionary: "features", conv5_3 after its
        ReLU and before any pool, `(batch, row', column', 512)`; "classifier",
        what class maps read (fc7), `(batch, row', column', 1024)`.

    Raises:
        UserError: an unknown form.

    Example:

    >>> model = vgg16(width=1 / 16, head_channels=8)
    >>> {key: tuple(value.shape) for key, value in sorted(model(keras.ops.ones((1, 33, 41, 3))).items())}
    {'classifier': (1, 5, 6, 8), 'features': (1, 5, 6, 32)}

    Reference: Simonyan and Zisserman, ICLR 2015; Fan et al., CVPR 2020; Ahn and Kwak, CVPR 2018.
    """
    if form not in FORMS:
        raise UserError(f"vgg16: form is {form!r}; expected one of {', '.join(FORMS)}")
    plain = form == "icd"
    image = keras.Input((None, None, 3), name="image")
    x = image if plain else ops.flip(image, axis=-1)           # RGB to BGR, in which the weights are released
    x = layers.Rescaling(1.0, offset=-127.0 if plain else [-mean for mean in MEAN], name="subtract_mean")(x)
    for block, (channels, count) in enumerate(BLOCKS, start=1):
        if block > 1:
            x = _max_pool(x, 2 if block <= 4 else 1, f"pool{block - 1}")
        for i in range(1, count + 1):
            x = _conv(x, max(1, round(channels * width)), 3, 2 if block == 5 else 1, f"conv{block}_{i}",
                      trainable=plain or block > 2)
    head = _icd_head if plain else _affinitynet_head
    return keras.Model(image, {"features": x, "classifier": head(x, head_channels, fc6_dilation, dropout)}, name=name)


def reads_bgr(model: keras.Model) -> bool:
    """Says whether the first kernel of a network of this file sees blue first, as released weights do.

    Args:
        model: keras.Model, as `vgg16` builds it.

    Returns:
        True in the form of AffinityNet.

    Example:

    >>> [reads_bgr(vgg16(width=1 / 64, head_channels=1, form=form)) for form in FORMS]
    [False, True]
    """
    return model.get_layer("subtract_mean").offset != -127.0
