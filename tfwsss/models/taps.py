"""Maps of a backbone's inner layers, which other networks read beside its last one."""

from collections.abc import Sequence

import keras
from keras import layers

from tfwsss.backbones.facts import FACTS, facts_of
from tfwsss.errors import UserError
from tfwsss.layers.patches import TokenMap

_PROBE = 64     # pixels of the square image by which the taps' sizes are compared


def own_taps(backbone: keras.Model, reader: str) -> tuple[str, ...]:
    """Returns the taps that are known for a backbone.

    Args:
        backbone: keras.Model.
        reader: str. Who asks, for messages.

    Returns:
        Three names of its layers, later ones last.

    Raises:
        UserError: none are known.

    Example:

    >>> from tfwsss.backbones.small import small
    >>> own_taps(small(width=0.1), "AffinityNet")
    ('relu4', 'relu5', 'relu6')
    """
    taps = facts_of(backbone.name).taps
    if not taps:
        raise UserError(f"{reader}: no taps are known for backbone {backbone.name!r}, only for {', '.join(FACTS)}; "
                        "name three of its layers as taps, all of one size")
    return taps


def tapped(backbone: keras.Model, taps: Sequence[str], reader: str) -> list:
    """Returns the outputs of a backbone's taps.

    Args:
        backbone: keras.Model.
        taps: names of its layers.
        reader: str. Who asks, for messages.

    Returns:
        Symbolic tensors, all of one size.

    Raises:
        UserError: a layer that it has not, or maps of different sizes.

    Example:

    >>> from tfwsss.backbones.small import small
    >>> [tuple(x.shape) for x in tapped(small(width=0.1), ("relu4", "relu5"), "AffinityNet")]
    [(None, None, None, 6), (None, None, None, 10)]
    """
    missing = [tap for tap in taps if tap not in (layer.name for layer in backbone.layers)]
    if missing:
        raise UserError(f"{reader}: backbone {backbone.name!r} has no layer {missing[0]!r}; "
                        f"its last layers are {', '.join(layer.name for layer in backbone.layers[-6:])}")
    found = [_as_map(backbone.get_layer(tap).output, backbone) for tap in taps]
    shapes = keras.Model(backbone.input, found).compute_output_shape((1, _PROBE, _PROBE, 3))
    sizes = [tuple(shape[1:3]) for shape in shapes]
    if len(set(sizes)) > 1:
        raise UserError(f"{reader}: taps {', '.join(taps)} of backbone {backbone.name!r} have the sizes {sizes} for "
                        f"an image of {_PROBE} pixels; expected one size: choose later taps or a smaller output_stride")
    return found


def _as_map(x, backbone: keras.Model):
    """Lays the tokens of a transformer's block out as a map; maps stay as they are."""
    return x if len(x.shape) == 4 else TokenMap()(x, backbone.output["features"])


def narrowing(width: int, name: str) -> layers.Conv2D:
    """Returns the 1x1 convolution that narrows a tap, without bias, drawn by He's normal rule.

    Args:
        width: int. Channels.
        name: str. Of the layer.

    Example:

    >>> narrowing(64, "f8_3").filters
    64
    """
    initial = keras.initializers.VarianceScaling(2.0, "fan_in", "untruncated_normal")
    return layers.Conv2D(width, 1, use_bias=False, kernel_initializer=initial, name=name)


def mixing(width: int, name: str = "f9") -> layers.Conv2D:
    """Returns the 1x1 convolution that mixes narrowed taps, without bias, drawn by Glorot's rule, 4 times as wide.

    Args:
        width: int. Channels.
        name: str. Of the layer.

    Example:

    >>> mixing(448).use_bias
    False
    """
    initial = keras.initializers.VarianceScaling(16.0, "fan_avg", "uniform")
    return layers.Conv2D(width, 1, use_bias=False, kernel_initializer=initial, name=name)
