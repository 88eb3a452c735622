"""VGG-16 as class maps use it: stride 8, dilated last block, fully convolutional head; in four published forms."""

from collections.abc import Callable
from typing import NamedTuple

import keras
from keras import layers, ops

from tfwsss.errors import UserError
from tfwsss.layers.tap_conv import Conv2D
from tfwsss.ops.colours import DEVIATION as RGB_DEVIATION
from tfwsss.ops.colours import MEAN as RGB_MEAN

BLOCKS = ((64, 2), (128, 2), (256, 3), (512, 3), (512, 3))     # channels, convolutions
MEAN = (104.008, 116.669, 122.675)
"""Of blue, green and red, in the form of AffinityNet."""

_CAFFE_MEAN = (104.007, 116.669, 122.679)                      # of blue, green and red


def _conv(x, channels: int, kernel: int, dilation: int, name: str, trainable: bool = True, initial="he_normal"):
    """Adds a convolution with bias and ReLU that keeps the size."""
    kind = Conv2D if dilation > 2 else layers.Conv2D           # at 2 both take as long, at 4 and 12 ours takes less
    return kind(channels, kernel, padding="same", dilation_rate=dilation, activation="relu",
                kernel_initializer=initial, name=name, trainable=trainable)(x)


def _max_pool(x, stride: int, name: str):
    """Adds a 3x3 maximum with one pixel of padding on every side.

    Zeros stand for minus infinity, since what is pooled comes from a ReLU;
    "same" would pad even sizes on one side only.
    """
    x = layers.ZeroPadding2D(1, name=f"{name}_pad")(x)
    return layers.MaxPooling2D(3, stride, padding="valid", name=name)(x)


def _halve(x, name: str, padding: str):
    """Adds a 2x2 maximum of stride 2; "same" rounds the size up, as Caffe does, "valid" down, as PyTorch does."""
    return layers.MaxPooling2D(2, 2, padding=padding, name=name)(x)


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


def _further_convolutions(x, channels: int, initial):
    """Adds three convolutions like those of block 5, not dilated."""
    for i in range(1, 4):
        x = _conv(x, channels, 3, 1, f"extra{i}", initial=initial)
    return x


def _mcis_head(x, channels: int, dilation: int, dropout: float):
    """Adds three convolutions, drawn by the number of their outputs."""
    return _further_convolutions(x, channels, keras.initializers.VarianceScaling(2.0, "fan_out", "untruncated_normal"))


def _oaa_head(x, channels: int, dilation: int, dropout: float):
    """Adds three convolutions, drawn with deviation 0.01."""
    return _further_convolutions(x, channels, keras.initializers.RandomNormal(stddev=0.01))


class _Form(NamedTuple):
    """What tells published forms apart: colours, pools that halve, frozen blocks, what follows block 5."""

    scale: tuple[float, ...] | float
    offset: tuple[float, ...] | float
    blue_first: bool
    halve: Callable
    head: Callable
    head_channels: int
    frozen: int = 0


_FORMS = {
    "icd": _Form(1.0, -127.0, False, lambda x, name: _max_pool(x, 2, name), _icd_head, 1024),
    "affinitynet": _Form(1.0, tuple(-mean for mean in MEAN), True, lambda x, name: _max_pool(x, 2, name),
                         _affinitynet_head, 1024, frozen=2),
    "mcis": _Form(tuple(1 / (255 * deviation) for deviation in RGB_DEVIATION),
                  tuple(-mean / deviation for mean, deviation in zip(RGB_MEAN, RGB_DEVIATION, strict=True)), False,
                  lambda x, name: _halve(x, name, "valid"), _mcis_head, 512),
    "oaa": _Form(1.0, tuple(-mean for mean in _CAFFE_MEAN), True, lambda x, name: _halve(x, name, "same"), _oaa_head,
                 512),
}
FORMS = tuple(_FORMS)
_WITH_FC6 = ("icd", "affinitynet")


def vgg16(*, width: float = 1.0, head_channels: int | None = None, dropout: float = 0.5, form: str = "icd",
          fc6_dilation: int = 1, name: str | None = None) -> keras.Model:
    """Builds VGG-16 with stride 8 and the convolutional layers that class maps read.

    Three pools halve the size; the fourth keeps it, and block 5 is dilated
    instead. Layers bear the released names (conv1_1 to fc7), those of MCIS and OAA
    behind block 5 are extra1 to extra3. Four forms are published; every number is
    that of the release:

        form          input                  pools that halve   after conv5_3                  learns
        icd           RGB - 127              3x3                two pools, fc6, fc7            everything
        affinitynet   BGR - means            3x3                fc6, fc7                       not blocks 1 and 2
        mcis          (RGB/255 - m) / s      2x2, round down    extra1, extra2, extra3 (3x3)   everything
        oaa           BGR - means            2x2, round up      extra1, extra2, extra3 (3x3)   everything

    fc6 and fc7 have dropout, of single numbers in icd, of whole channels behind fc6
    in affinitynet. Multiply-adds: 51 G for 321x321 pixels, 33 G for 256x256.

        side of the maps = (side + 7) // 8,   of mcis side // 8

    Args:
        width: float. Factor of the trunk's channels; 1 is the published network.
        head_channels: int or None. Channels of fc6 and fc7 (1024) or of the extra layers (512 times `width`).
        dropout: float in `[0, 1)`. Share dropped in training behind fc6 and fc7.
        form: str, one of `FORMS`.
        fc6_dilation: int. 4 in AffinityNet's second network, else 1.
        name: str or None. Name of the model; None: vgg16, vgg16_mcis or vgg16_oaa.

    Inputs:
        image: `(batch, row, column, 3)` RGB, 0 to 255, any size. The means are subtracted inside.

    Returns:
        keras.Model whose output is a dictionary: "features", conv5_3 after its
        ReLU and before any pool, `(batch, row', column', 512)`; "classifier",
        what class maps read (fc7 or extra3), `(batch, row', column', channel)`.

    Raises:
        UserError: an unknown form.

    Example:

    >>> model = vgg16(width=1 / 16, head_channels=8)
    >>> {key: tuple(value.shape) for key, value in sorted(model(keras.ops.ones((1, 33, 41, 3))).items())}
    {'classifier': (1, 5, 6, 8), 'features': (1, 5, 6, 32)}

    Reference: Simonyan and Zisserman, ICLR 2015; Fan et al., CVPR 2020; Ahn and Kwak, CVPR 2018; Sun et al., ECCV
    2020; Jiang et al., ICCV 2019.
    """
    if form not in FORMS:
        raise UserError(f"vgg16: form is {form!r}; expected one of {', '.join(FORMS)}")
    how = _FORMS[form]
    image = keras.Input((None, None, 3), name="image")
    x = ops.flip(image, axis=-1) if how.blue_first else image  # RGB to BGR, in which the weights are released
    scale, offset = (list(value) if isinstance(value, tuple) else value for value in (how.scale, how.offset))
    x = layers.Rescaling(scale, offset=offset, name="subtract_mean")(x)
    for block, (channels, count) in enumerate(BLOCKS, start=1):
        if block > 1:
            pool = f"pool{block - 1}"
            x = how.halve(x, pool) if block <= 4 else _max_pool(x, 1, pool)
        for i in range(1, count + 1):
            x = _conv(x, max(1, round(channels * width)), 3, 2 if block == 5 else 1, f"conv{block}_{i}",
                      trainable=block > how.frozen)
    if head_channels is None:
        head_channels = how.head_channels if form in _WITH_FC6 else max(1, round(how.head_channels * width))
    outputs = {"features": x, "classifier": how.head(x, head_channels, fc6_dilation, dropout)}
    return keras.Model(image, outputs, name=name or ("vgg16" if form in _WITH_FC6 else f"vgg16_{form}"))


def reads_bgr(model: keras.Model) -> bool:
    """Says whether the first kernel of a network of this file sees blue first, as released weights do.

    Args:
        model: keras.Model, as `vgg16` builds it.

    Returns:
        True in the forms of AffinityNet and OAA.

    Example:

    >>> [reads_bgr(vgg16(width=1 / 64, head_channels=1, form=form)) for form in FORMS]
    [False, True, False, True]
    """
    offset = model.get_layer("subtract_mean").offset
    return any(offset == list(how.offset) for how in _FORMS.values() if how.blue_first)
