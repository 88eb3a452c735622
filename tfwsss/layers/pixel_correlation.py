"""Pixel correlation: maps read from everywhere by the likeness of features, a block of positions at a time (SEAM)."""

import keras
from keras import ops

_ADDED = 1e-5       # to lengths and to sums, as released
_TINY = 1e-24       # under the root: a feature of length 0 has a gradient


@keras.saving.register_keras_serializable(package="tfwsss")
class PixelCorrelation(keras.layers.Layer):
    """Lets every position read maps from all positions, those with features most like its own weighing most.

    Negative likeness counts nothing, and the weights of a position sum to all but 1.

        g_i = f_i / (|f_i| + 1e-5),     A_ij = max(g_i . g_j, 0)
        output[j, c] = sum_i A_ij q[i, c] / (sum_i A_ij + 1e-5)

    Of A only the rows of a block of positions exist at a time. Numerators and the
    sum below are one product, with a row of ones beside the maps; the gradient
    makes A again, and since A is its own transpose every block gives its own
    positions' gradient. Classes are independent of each other: leave out those that nobody asks for.

    Cost of an image with N positions, D features and C maps: N^2 (D + C + 1) multiply-adds forward, N^2 (2 D + 3 C)
    backward; memory beyond the result `block N` floats: 48 MB at N = 11750, where A as a whole would be 552 MB.

    Args:
        block: int. Positions at a time, at least 1.

    Inputs:
        maps: float, `(batch, row, column, map)`.
        features: float, `(batch, row, column, channel)`, of the same rows and columns.

    Returns:
        float32 `(batch, row, column, map)`, at least 0 where the maps are. A feature's length does not matter.

    Example:

    >>> maps, features = ops.array([[[[1.0], [0.0], [0.5]]]]), ops.array([[[[1.0, 0.0], [1.0, 1.0], [-1.0, 0.0]]]])
    >>> ops.convert_to_numpy(PixelCorrelation()(maps, features)).ravel().astype(float).round(4).tolist()
    [0.5858, 0.4142, 0.5]

    Reference: Wang et al., SEAM, CVPR 2020.
    """

    def __init__(self, block: int = 1024, **kwargs):
        kwargs.setdefault("dtype", "float32")
        super().__init__(**kwargs)
        if block < 1:
            raise ValueError(f"block: received {block}, expected at least 1 position")
        self.block = block

    def call(self, maps, features):
        """Returns what every position reads."""
        size = ops.shape(maps)
        features = _cells(features)
        length = ops.sqrt(ops.sum(ops.square(features), axis=-1, keepdims=True) + _TINY)
        read = _read(_cells(maps), features / (length + _ADDED), self.block)
        return ops.reshape(read, (size[0], size[1], size[2], maps.shape[-1]))

    def compute_output_shape(self, maps_shape, features_shape=None):
        """Returns the shape of the maps."""
        return tuple(maps_shape)

    def get_config(self):
        """Returns the constructor's arguments."""
        return {**super().get_config(), "block": self.block}


def _cells(x):
    """Turns `(batch, row, column, channel)` to `(batch, position, channel)`."""
    size = ops.shape(x)
    return ops.reshape(x, (size[0], size[1] * size[2], x.shape[-1]))


def _read(maps, unit, block: int):
    """Returns the weighted means of maps, `(batch, position, map)`, by features of length 1, with their gradient."""

    @ops.custom_gradient
    def read(maps, unit):
        with_ones = ops.concatenate([maps, ops.ones_like(maps[..., :1])], axis=-1)

        def sums(own):
            return ops.matmul(ops.relu(_likeness(own, unit)), with_ones)         # (batch, block, map + 1)

        found = _by_blocks(sums, unit, block, with_ones.shape[-1])
        divisor = found[..., -1:] + _ADDED
        result = found[..., :-1] / divisor

        def gradient(*args, upstream=None):
            upstream = args[0] if upstream is None else upstream
            of_sums = upstream / divisor
            of_sums = ops.concatenate([of_sums, -ops.sum(of_sums * result, axis=-1, keepdims=True)], axis=-1)
            return _gradients(with_ones, unit, of_sums, block)

        return result, gradient

    return read(maps, unit)


def _gradients(with_ones, unit, of_sums, block: int):
    """Returns the gradients of maps and unit features: A_ij counts as i's weight for j, and as j's for i."""
    one, other = (ops.concatenate(pair, axis=-1) for pair in ((with_ones, of_sums), (of_sums, with_ones)))
    width, channels = with_ones.shape[-1], unit.shape[-1]

    def of_block(own):
        mine, features = own[..., :2 * width], own[..., 2 * width:]
        likeness = _likeness(features, unit)
        both_ways = ops.where(likeness > 0, ops.matmul(mine, ops.swapaxes(other, 1, 2)), 0.0)
        return ops.concatenate([ops.matmul(ops.relu(likeness), of_sums[..., :-1]), ops.matmul(both_ways, unit)],
                               axis=-1)

    found = _by_blocks(of_block, ops.concatenate([one, unit], axis=-1), block, width - 1 + channels)
    return found[..., :width - 1], found[..., width - 1:]


def _likeness(own, unit):
    """Returns g_i . g_j, `(batch, block, position)`."""
    return ops.matmul(own, ops.swapaxes(unit, 1, 2))


def _by_blocks(work, cells, block: int, width: int):
    """Works on positions `(batch, position, channel)` in blocks of about one size, one after another."""
    batch, count, channels = ops.shape(cells)
    blocks = -(-count // block)
    if isinstance(blocks, int) and blocks <= 1:
        return work(cells)
    side = -(-count // blocks)
    full = ops.pad(cells, ((0, 0), (0, blocks * side - count), (0, 0)))
    parts = ops.swapaxes(ops.reshape(full, (batch, blocks, side, channels)), 0, 1)      # (block, batch, side, channel)

    def step(_, part):
        found = work(part)
        return found, found

    # scan keeps one block alive at a time; map works on several at once
    stacked = ops.scan(step, ops.zeros((batch, side, width), dtype=cells.dtype), parts)[1]
    return ops.reshape(ops.swapaxes(stacked, 0, 1), (batch, blocks * side, width))[:, :count]
