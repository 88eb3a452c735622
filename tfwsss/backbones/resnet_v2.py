"""ResNet-50 and ResNet-101 with activations before the convolutions, in MXNet's and in Keras' form, dilated."""

import dataclasses
from collections.abc import Sequence

import keras
from keras import layers

from tfwsss.errors import UserError

UNITS = {50: (3, 4, 6, 3), 101: (3, 4, 23, 3)}
"""Depth to the units of each stage."""

CHANNELS = (64, 256, 512, 1024, 2048)
"""Of the first convolution, and after each stage."""


@dataclasses.dataclass(frozen=True)
class _Form:
    """What differs between the two networks: where a stage steps, who has a bias, and all names."""

    strides: tuple[int, int, int, int]
    stride_first: bool          # a stage's first unit steps, else its last
    bias: bool                  # of the first convolution, the projections and the last convolution of a unit
    epsilon: float
    unit: str
    first_stage: int
    norms: tuple[str, str, str]
    convolutions: tuple[str, str, str]
    projection: str


_FORMS = {
    "mxnet": _Form((1, 2, 2, 2), True, False, 1e-5, "stage{}_unit{}_", 1, ("bn1", "bn2", "bn3"),
                   ("conv1", "conv2", "conv3"), "sc"),
    "keras": _Form((2, 2, 2, 1), False, True, 1.001e-5, "conv{}_block{}_", 2, ("preact_bn", "1_bn", "2_bn"),
                   ("1_conv", "2_conv", "3_conv"), "0_conv"),
}
FORMS = tuple(_FORMS)
"""Choices of `form`."""


def _conv(x, channels: int, kernel: int, name: str, stride: int = 1, dilation: int = 1, bias: bool = False):
    """Adds a convolution with equal padding on both sides."""
    if kernel > 1 and stride > 1:                              # "same" would pad even sizes on one side only
        x = layers.ZeroPadding2D(kernel // 2, name=f"{name}_pad")(x)
    return layers.Conv2D(channels, kernel, stride, padding="valid" if stride > 1 else "same", dilation_rate=dilation,
                         use_bias=bias, kernel_initializer="he_normal", name=name)(x)


def _norm(x, name: str, epsilon: float, scale: bool = True):
    """Adds batch normalisation by the stored statistics."""
    return layers.BatchNormalization(epsilon=epsilon, momentum=0.9, scale=scale, trainable=False, name=name)(x)


def _active(x, name: str, epsilon: float):
    """Adds batch normalisation and ReLU."""
    return layers.ReLU(name=name.replace("bn", "relu"))(_norm(x, name, epsilon))


def _unit(x, form: _Form, prefix: str, channels: int, stride: int, dilation: int, project: bool):
    """Adds one residual: narrow, filter, widen; a projected shortcut starts after the first ReLU, others do not."""
    start, y, narrow = x, x, max(1, channels // 4)
    shape = ((narrow, 1, 1, 1, False), (narrow, 3, stride, dilation, False), (channels, 1, 1, 1, form.bias))
    for norm, convolution, (count, kernel, step, apart, bias) in zip(form.norms, form.convolutions, shape, strict=True):
        y = _active(y, prefix + norm, form.epsilon)
        if project and norm == form.norms[0]:
            start = _conv(y, channels, 1, prefix + form.projection, stride, bias=form.bias)
        y = _conv(y, count, kernel, prefix + convolution, step, apart, bias)
    if stride > 1 and not project:
        start = layers.MaxPooling2D(1, stride, name=f"{prefix}shortcut")(start)
    return layers.Add(name=f"{prefix}add")([start, y])


def _stages(x, form: _Form, units: Sequence[int], channels: Sequence[int], output_stride: int):
    """Adds the stages; where a stride is removed, what follows is dilated instead."""
    reached, dilation = 4, 1
    for stage, (count, width, stride) in enumerate(zip(units, channels, form.strides, strict=True)):
        removed = reached * stride > output_stride
        if removed and form.stride_first:                      # the unit that would step is dilated too
            dilation *= stride
        for unit in range(1, count + 1):
            steps = not removed and unit == (1 if form.stride_first else count)
            x = _unit(x, form, form.unit.format(stage + form.first_stage, unit), width, stride if steps else 1,
                      dilation, project=unit == 1)
        if removed and not form.stride_first:
            dilation *= stride
        reached *= 1 if removed else stride
    return x


def resnet_v2(depth: int = 101, *, form: str = "mxnet", output_stride: int = 8, width: float = 1.0,
              units: Sequence[int] = (), channels: Sequence[int] = CHANNELS, name: str = "") -> keras.Model:
    """Builds the pre-activation ResNet of CIAN, or that of Keras, at output stride 8, 16 or 32.

    No batch normalisation learns or moves, as CIAN has it; all convolutions do
    learn. Layers bear the names of the weights:

        form     names                    a stage steps   input                 its weights
        mxnet    stage1_unit1_conv1       at its start    normalised: bn_data   MXNet's zoo, CIAN
        keras    conv2_block1_1_conv      at its end      -1 to 1               Keras' ResNet50V2, ResNet101V2

    Where a stride is removed, later filters are dilated by it. MXNet's form
    dilates the unit that would step too, as published; in Keras' form every
    second position of the finer map equals the coarser map. Multiply-adds for
    321x321 pixels at stride 8: 41 G of 50 layers, 73 G of 101.

        side of the maps = ceil(side / output_stride)

    Args:
        depth: int, 50 or 101.
        form: str, "mxnet" or "keras".
        output_stride: int, 8, 16 or 32. Pixels between neighbours of the last map.
        width: float. Factor of all channels; 1 is the published network.
        units: ints. Units of each stage; () for those of `UNITS`.
        channels: ints. Channels of the first convolution and after each stage.
        name: str. Name of the model; by default `resnet50`, in Keras' form `resnet50_keras`.

    Inputs:
        image: `(batch, row, column, 3)` RGB, 0 to 255, any size. Normalised inside.

    Returns:
        keras.Model whose output is a dictionary: "features" and "classifier" are
        both the last map after normalisation and ReLU, `(batch, row', column', 2048)`.

    Raises:
        UserError: an unknown depth, form or output stride.

    Example:

    >>> model = resnet_v2(50, width=1 / 64)
    >>> {key: tuple(value.shape) for key, value in sorted(model(keras.ops.ones((1, 33, 48, 3))).items())}
    {'classifier': (1, 5, 6, 32), 'features': (1, 5, 6, 32)}

    Reference: He et al., Identity Mappings, ECCV 2016; Fan et al., CIAN, AAAI 2020.
    """
    for argument, value, choices in (("depth", depth, UNITS), ("form", form, FORMS),
                                     ("output_stride", output_stride, (8, 16, 32))):
        if value not in choices:
            raise UserError(f"resnet_v2: {argument} is {value!r}; expected one of {', '.join(map(str, choices))}")
    rules, plain = _FORMS[form], form == "keras"
    first, *after = (max(1, round(count * width)) for count in channels)
    image = keras.Input((None, None, 3), name="image")
    if plain:
        x = layers.Rescaling(1 / 127.5, offset=-1.0, name="rescale")(image)
        x = _conv(x, first, 7, "conv1_conv", 2, bias=True)
    else:
        x = _norm(image, "bn_data", rules.epsilon, scale=False)
        x = _active(_conv(x, first, 7, "conv0", 2), "bn0", rules.epsilon)
    x = layers.ZeroPadding2D(1, name="pool_pad")(x)            # zeros in Keras' form too, though it pools signed values
    x = layers.MaxPooling2D(3, 2, name="pool")(x)
    x = _stages(x, rules, units or UNITS[depth], after, output_stride)
    x = _active(x, "post_bn" if plain else "bn1", rules.epsilon)
    name = name or f"resnet{depth}{'_keras' if plain else ''}"
    return keras.Model(image, {"features": x, "classifier": x}, name=name)
