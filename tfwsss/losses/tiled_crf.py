"""The gated CRF loss of images that are looked at again and again: its kernel laid out in tiles once."""

from typing import Any, NamedTuple

from keras import ops

from tfwsss.ops.tiles import SIDE, Tiling, around_tiles, from_tiles, radius_of, spread_windows, tiling, whole_windows
from tfwsss.ops.window_kernel import WindowKernel


class TiledKernel(NamedTuple):
    """A kernel as small matrices.

    Args:
        pairs: float32 `(batch, tile, 64, (8 + 2 radius)²)`, as `ops.tiles.spread_windows` orders it.
        tiles: which positions each tile reads.
        total: float32 `(batch,)`, sum over all pairs both ways and over the cells outside.
        count: float32 `(batch,)`, positions of each image.
    """

    pairs: Any
    tiles: Tiling
    total: Any
    count: Any


def tiled_kernel(kernel: WindowKernel) -> TiledKernel:
    """Lays a kernel out in tiles.

    Memory: `(8 + 2 radius)²` numbers a position.

    Args:
        kernel: of radius 8 at most, of known size.

    Returns:
        `TiledKernel`.

    Example:

    >>> from tfwsss.ops.window_kernel import window_kernel
    >>> tiled = tiled_kernel(window_kernel(ops.zeros((1, 1, 3, 3)), radius=1))
    >>> tuple(tiled.pairs.shape), round(float(tiled.total[0]), 4)
    ((1, 1, 64, 100), 23.4838)
    """
    half = ops.transpose(kernel.pairs, (0, 2, 3, 1))
    radius = radius_of(half.shape[-1])
    total = 2.0 * ops.sum(half, axis=(1, 2, 3)) + ops.sum(kernel.outside, axis=(1, 2))
    return TiledKernel(spread_windows(whole_windows(half, radius), SIDE, radius),
                       tiling(*half.shape[1:3], SIDE, radius), total, ops.sum(kernel.inside, axis=(1, 2)))


def tiled_gated_crf(kernel: TiledKernel, probabilities):
    """Computes `losses.gated_crf.GatedCRFLoss` without masks, each image by itself, as products of small matrices.

        loss = (sum_ij k(i, j) - sum_i y(i) (K y)(i)) / positions,   gradient = -2 K y / positions

    One product of `(8 + 2 radius)²` by classes a position gives both value and gradient, in place of one pass over the
    prediction for each of `4 radius (radius + 1)` offsets.

    Args:
        kernel: of `tiled_kernel`.
        probabilities: float32 `(batch, row, column, class)`, of sum 1.

    Returns:
        float32 `(batch,)`, at least 0 up to rounding.

    Example:

    >>> from tfwsss.ops.window_kernel import window_kernel
    >>> probabilities = ops.array([[[[0.8, 0.2], [0.5, 0.5], [0.1, 0.9]]]])
    >>> loss = tiled_gated_crf(tiled_kernel(window_kernel(ops.zeros((1, 1, 3, 3)), radius=1)), probabilities)
    >>> round(float(loss[0]), 4)
    7.1705

    Reference: Obukhov et al., Gated CRF Loss for Weakly Supervised Semantic Image Segmentation, 2019.
    """
    @ops.custom_gradient
    def alike(values):
        rows, columns = ops.shape(values)[1:3]
        received = from_tiles(ops.matmul(kernel.pairs, around_tiles(values, kernel.tiles)), rows, columns, SIDE)

        def gradient(*args, upstream=None):
            upstream = args[0] if upstream is None else upstream
            return 2.0 * upstream[:, None, None, None] * received            # the kernel is symmetric

        return ops.sum(values * received, axis=(1, 2, 3)), gradient

    return (kernel.total - alike(ops.cast(probabilities, "float32"))) / ops.maximum(kernel.count, 1.0)
