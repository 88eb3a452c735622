"""Features whose likeness says whether two positions belong together: three maps of a backbone, narrowed and mixed."""

from collections.abc import Sequence

import keras
from keras import layers

from tfwsss.errors import UserError
from tfwsss.models.taps import mixing, narrowing, own_taps, tapped

HEADS = ("f8_3", "f8_4", "f8_5", "f9")
"""Layers of `embedding`, which learn faster than the backbone."""

_READER = "AffinityNet"


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
    mix = mixing(sum(widths))                                    # draws first, so that a seed gives what it always gave
    narrow = [_narrowed(x, width, f"8_{number}", group_norm)
              for number, (x, width) in enumerate(zip(tapped(backbone, taps, _READER), widths, strict=True), start=3)]
    return layers.Activation("elu", dtype="float32", name="f9_elu")(mix(layers.Concatenate(name="f8")(narrow)))


def taps_of(backbone: keras.Model, taps: Sequence[str] = ()) -> tuple[str, ...]:
    """Returns the layers of a backbone that the features are made of.

    Args:
        backbone: keras.Model. Image to "features" and "classifier".
        taps: three names of its layers; () for those of `backbones.facts`.

    Raises:
        UserError: a backbone without taps of its own where none are named.
    """
    return tuple(taps) or own_taps(backbone, _READER)


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


def _narrowed(x, width: int, suffix: str, group_norm: bool):
    """Adds a 1x1 convolution, normalisation of groups of 8 channels if wanted, and ELU."""
    x = narrowing(width, f"f{suffix}")(x)
    if group_norm:
        x = layers.GroupNormalization(max(1, width // 8), epsilon=1e-5, dtype="float32", name=f"gn{suffix}")(x)
    return layers.ELU(name=f"f{suffix}_elu")(x)
