"""Features whose likeness says whether two positions belong together: three maps of a backbone, narrowed and mixed."""

from collections.abc import Sequence

import keras
from keras import layers

from tfwsss.backbones.facts import FACTS, facts_of
from tfwsss.errors import UserError
from tfwsss.layers.patches import TokenMap

_PROBE = 64     # pixels of the square image by which the taps' sizes are compared


def embedding(backbone: keras.Model, taps: Sequence[str], widths: Sequence[int], group_norm: bool):
    """Adds the features of AffinityNet to a backbone.

    Three maps are narrowed, put together and mixed.

        f = ELU(f9(concat(ELU(f8_3(x_3)), ELU(f8_4(x_4)), ELU(f8_5(x_5)))))

    Each f is a 1x1 convolution without bias. For a trunk without normalisation (VGG-16) groups of 8 channels are
    normalised before the first ELU.

    Args:
        backbone: keras.Model. Image to "features" and "classifier".
        taps: three names of its layers.
        widths: three ints. Channels of f8_3, f8_4 and f8_5; f9 keeps their sum.
        group_norm: bool. Whether narrowed maps are normalised.

    Returns:
        Symbolic float32 `(batch, row', column', sum of widths)`.

    Raises:
        UserError: a tap that the backbone has not, or taps of different sizes.

    Example:

    >>> from tfwsss.backbones.small import small
    >>> backbone = small(width=0.1)
    >>> tuple(embedding(backbone, taps_of(backbone), (2, 4, 8), group_norm=False).shape)
    (None, None, None, 14)

    Reference: Ahn and Kwak, CVPR 2018.
    """
    # f9 draws first, so that a seed gives what it always gave; Glorot's rule, 4 times as wide
    gain = keras.initializers.VarianceScaling(16.0, "fan_avg", "uniform")
    mix = layers.Conv2D(sum(widths), 1, use_bias=False, kernel_initializer=gain, name="f9")
    narrow = [_narrowed(x, width, f"8_{number}", group_norm)
              for number, (x, width) in enumerate(zip(tapped(backbone, taps), widths, strict=True), start=3)]
    return layers.Activation("elu", dtype="float32", name="f9_elu")(mix(layers.Concatenate(name="f8")(narrow)))


def taps_of(backbone: keras.Model, taps: Sequence[str] = ()) -> tuple[str, ...]:
    """Returns the layers of a backbone that the features are made of.

    Args:
        backbone: keras.Model. Image to "features" and "classifier".
        taps: three names of its layers; () for those of `backbones.facts`.

    Raises:
        UserError: a backbone without taps of its own where none are named.
    """
    taps = tuple(taps) or facts_of(backbone.name).taps
    if not taps:
        raise UserError(f"AffinityNet: no taps are known for backbone {backbone.name!r}, only for {', '.join(FACTS)}; "
                        "name three of its layers as taps, all of one size")
    return taps


def check_grid(mask: Sequence[int | None], grid: Sequence[int | None]) -> None:
    """Refuses a mask that does not lie on the network's grid; sizes may be unknown while a graph is made.

    Args:
        mask: shape of the masks.
        grid: shape of what the network gives, `(batch, row, column, ...)`.

    Raises:
        UserError: another size.
    """
    if any(None not in (one, other) and one != other for one, other in zip(mask[1:], grid[1:3], strict=False)) \
            or len(mask) != 3:
        raise UserError(f"AffinityNet: received masks of the shape {tuple(mask)}, expected (batch, row, column) of "
                        f"{grid[1]} x {grid[2]} positions, the network's grid: reduce masks of the image's size by "
                        "batches.shrink.reduce_ids")


def tapped(backbone: keras.Model, taps: Sequence[str]) -> list:
    """Returns the outputs of a backbone's layers, all of one size.

    Args:
        backbone: keras.Model.
        taps: names of its layers.

    Raises:
        UserError: a layer that it has not, or layers of different sizes.
    """
    missing = [tap for tap in taps if tap not in (layer.name for layer in backbone.layers)]
    if missing:
        raise UserError(f"AffinityNet: backbone {backbone.name!r} has no layer {missing[0]!r}; "
                        f"its last layers are {', '.join(layer.name for layer in backbone.layers[-6:])}")
    found = [_as_map(backbone.get_layer(tap).output, backbone) for tap in taps]
    shapes = keras.Model(backbone.input, found).compute_output_shape((1, _PROBE, _PROBE, 3))
    sizes = [tuple(shape[1:3]) for shape in shapes]
    if len(set(sizes)) > 1:
        raise UserError(f"AffinityNet: taps {', '.join(taps)} of backbone {backbone.name!r} have the sizes {sizes} for "
                        f"an image of {_PROBE} pixels; expected one size: choose later taps or a smaller output_stride")
    return found


def _as_map(x, backbone: keras.Model):
    """Lays the tokens of a transformer's block out as a map; maps stay as they are."""
    return x if len(x.shape) == 4 else TokenMap()(x, backbone.output["features"])


def _narrowed(x, width: int, suffix: str, group_norm: bool):
    """Adds a 1x1 convolution, normalisation of groups of 8 channels if wanted, and ELU."""
    initial = keras.initializers.VarianceScaling(2.0, "fan_in", "untruncated_normal")
    x = layers.Conv2D(width, 1, use_bias=False, kernel_initializer=initial, name=f"f{suffix}")(x)
    if group_norm:
        x = layers.GroupNormalization(max(1, width // 8), epsilon=1e-5, dtype="float32", name=f"gn{suffix}")(x)
    return layers.ELU(name=f"f{suffix}_elu")(x)
