"""A grid cut into square tiles, each with the positions round it: near pairs as products of small matrices."""

import functools
import math
from typing import Any, NamedTuple

import numpy as np
from keras import ops

from tfwsss.ops.affinity import seen_from_the_end
from tfwsss.ops.offsets import half_window

SIDE = 8
"""Of tiles where nothing else decides: larger ones multiply more zeros, smaller ones copy more neighbours."""


def to_tiles(values, side: int):
    """Cuts maps into square tiles.

    Args:
        values: `(batch, row, column, channel)`; sizes may be unknown.
        side: int. Of a tile; a size that is no multiple is filled up with 0.

    Returns:
        `(batch, tile, side², channel)`, tiles and the positions of a tile row by row.

    Example:

    >>> to_tiles(ops.reshape(ops.arange(6), (1, 2, 3, 1)), 2)[0, :, :, 0].numpy().tolist()
    [[0, 1, 3, 4], [2, 0, 5, 0]]
    """
    batch, rows, columns, channels = ops.shape(values)
    down, right = -(-rows // side), -(-columns // side)
    full = ops.pad(values, ((0, 0), (0, down * side - rows), (0, right * side - columns), (0, 0)))
    cut = ops.transpose(ops.reshape(full, (batch, down, side, right, side, channels)), (0, 1, 3, 2, 4, 5))
    return ops.reshape(cut, (batch, down * right, side * side, channels))


def from_tiles(tiles, rows, columns, side: int):
    """Puts tiles together again; the reverse of `to_tiles`.

    Args:
        tiles: `(batch, tile, side², channel)`.
        rows: int or integer scalar. Of the grid.
        columns: int or integer scalar. Of the grid.
        side: int. Of a tile.

    Returns:
        `(batch, rows, columns, channel)`.

    Example:

    >>> from_tiles(ops.convert_to_tensor([[[[1], [2], [3], [4]]]]), 2, 1, 2)[0, :, :, 0].numpy().tolist()
    [[1], [3]]
    """
    batch, _, _, channels = ops.shape(tiles)
    down, right = -(-rows // side), -(-columns // side)
    cut = ops.transpose(ops.reshape(tiles, (batch, down, right, side, side, channels)), (0, 1, 3, 2, 4, 5))
    return ops.reshape(cut, (batch, down * side, right * side, channels))[:, :rows, :columns]


class Tiling(NamedTuple):
    """Which positions every tile reads, and which places of tiles read every position.

    Args:
        read: int32 `(tile, (side + 2 radius)²)`, the position that each place reads, counted row by row; behind the
            last one where a place lies outside the map.
        back: int32 `(position, reader)`, the places that read each position, counted tile by tile.
        valid: float32 `(position, reader)`, 0 where a position has fewer readers.
    """

    read: Any
    back: Any
    valid: Any


@functools.lru_cache(maxsize=64)
def tiling(rows: int, columns: int, side: int, radius: int) -> Tiling:
    """Says which positions the tiles of a map read, with those round them.

    Args:
        rows: of the map.
        columns: of the map.
        side: int. Of a tile.
        radius: int. How far beyond its tile each reads, at most `side`.

    Returns:
        `Tiling` of NumPy arrays.

    Raises:
        ValueError: a radius above the side.

    Example:

    >>> tiling(1, 3, 1, 1).read[:, 3:6].tolist()
    [[3, 0, 1], [0, 1, 2], [1, 2, 3]]
    """
    if not 0 <= radius <= side:
        raise ValueError(f"radius: received {radius}, expected 0 to the side of the tiles, {side}")
    down, right, wide = -(-rows // side), -(-columns // side), side + 2 * radius
    row = np.arange(down)[:, None] * side + np.arange(wide) - radius         # (tile row, place)
    column = np.arange(right)[:, None] * side + np.arange(wide) - radius
    inside = ((row >= 0) & (row < rows))[:, None, :, None] & ((column >= 0) & (column < columns))[None, :, None, :]
    read = np.where(inside, row[:, None, :, None] * columns + column[None, :, None, :], rows * columns)
    read = read.reshape(down * right, wide * wide).astype(np.int32)
    places = np.argsort(read, axis=None, kind="stable")[:np.count_nonzero(inside)]
    own = read.reshape(-1)[places]                                           # each position as often as it is read
    first = np.searchsorted(own, np.arange(rows * columns))
    turn = np.arange(len(own)) - first[own]
    back = np.zeros((rows * columns, turn.max() + 1), np.int32)
    valid = np.zeros(back.shape, np.float32)
    back[own, turn], valid[own, turn] = places, 1
    return Tiling(read, back, valid)


def around_tiles(values, tiles: Tiling):
    """Reads every tile with the positions round it.

    Memory: the maps times `(1 + 2 radius / side)²`. The gradient is `add_back`.

    Args:
        values: float, `(batch, row, column, channel)`.
        tiles: of `tiling`, for maps of this size.

    Returns:
        `(batch, tile, (side + 2 radius)², channel)`, 0 outside the maps.

    Example:

    >>> around_tiles(ops.reshape(ops.array([1.0, 2.0, 3.0]), (1, 1, 3, 1)), tiling(1, 3, 1, 1))[0, :, 3:6, 0].numpy()
    array([[0., 1., 2.],
           [1., 2., 3.],
           [2., 3., 0.]], dtype=float32)
    """
    batch, rows, columns, channels = ops.shape(values)

    @ops.custom_gradient
    def read(given):
        def gradient(*args, upstream=None):
            return ops.reshape(add_back(args[0] if upstream is None else upstream, tiles), ops.shape(given))

        flat = ops.pad(ops.reshape(given, (batch, rows * columns, channels)), ((0, 0), (0, 1), (0, 0)))
        return ops.take(flat, tiles.read, axis=1), gradient

    return read(values)


def add_back(around, tiles: Tiling):
    """Adds up, for every position, what the tiles that read it hold of it; the transpose of `around_tiles`.

    Args:
        around: float, `(batch, tile, (side + 2 radius)², channel)`.
        tiles: of `tiling`.

    Returns:
        `(batch, position, channel)`, row by row.

    Example:

    >>> add_back(ops.ones((1, 3, 9, 1)), tiling(1, 3, 1, 1))[0, :, 0].numpy().tolist()
    [2.0, 3.0, 2.0]
    """
    batch, count, places, channels = ops.shape(around)
    flat = ops.reshape(around, (batch, count * places, channels))
    return ops.einsum("bpkc,pk->bpc", ops.take(flat, tiles.back, axis=1), tiles.valid)


def spread_windows(windows, side: int, radius: int):
    """Turns values of every position's window into a small matrix a tile, as `around_tiles` reads the neighbours.

    With it a sum over windows is a product: `matmul(spread_windows(w), around_tiles(x))` holds, for each position i of
    each tile,

        sum_d w[i, d] x[i + d]

    Memory: `(side + 2 radius)²` numbers a position.

    Args:
        windows: float, `(batch, row, column, (2 radius + 1)²)`, offsets as `window(radius)`.
        side: int. Of a tile.
        radius: int. Of the window, at most `side`.

    Returns:
        `(batch, tile, side², (side + 2 radius)²)`, 0 between positions that are not in each other's window.

    Example:

    >>> spread_windows(ops.reshape(ops.arange(1, 10), (1, 1, 1, 9)), 1, 1)[0, 0, 0].numpy().tolist()
    [1, 2, 3, 4, 5, 6, 7, 8, 9]
    """
    wide = side + 2 * radius
    tiles = to_tiles(windows, side)
    batch, count, inside, offsets = ops.shape(tiles)
    flat = ops.reshape(ops.pad(tiles, ((0, 0), (0, 0), (0, 0), (0, 1))), (batch, count, inside * (offsets + 1)))
    spread = ops.take(flat, ops.convert_to_tensor(_window_table(side, radius), "int32"), axis=2)
    return ops.reshape(spread, (batch, count, inside, wide * wide))


def whole_windows(half, radius: int, centre: float = 0.0):
    """Completes values of pairs, of which one of two opposite ones is given, to every position's whole window.

        output[i, d] = half[i, d],   output[i, -d] = half[i - d, d],   output[i, 0] = centre

    Args:
        half: float, `(batch, row, column, 2 radius (radius + 1))`, offsets as `half_window(radius)`.
        radius: int. Of the window.
        centre: float. Of each position with itself.

    Returns:
        `(batch, row, column, (2 radius + 1)²)`, offsets as `window(radius)`; 0 where an opposite pair begins outside
        the map.

    Example:

    >>> half = ops.reshape(ops.array([5.0, 0, 0, 0, 7.0, 0, 0, 0]), (1, 1, 2, 4))
    >>> whole_windows(half, 1, centre=1.0)[0, 0, 1, 3:6].numpy().tolist()
    [5.0, 1.0, 7.0]
    """
    back = ops.flip(seen_from_the_end(half, half_window(radius)), axis=-1)
    return ops.concatenate([back, ops.full_like(half[..., :1], centre), half], axis=-1)


def radius_of(pairs: int) -> int:
    """Returns the radius of the window of which a number of pairs is one half.

    Args:
        pairs: of a position, `2 radius (radius + 1)`.

    Raises:
        ValueError: no window has this number.

    Example:

    >>> [radius_of(pairs) for pairs in (4, 12, 24, 40)]
    [1, 2, 3, 4]
    """
    radius = (math.isqrt(2 * pairs + 1) - 1) // 2
    if radius < 1 or 2 * radius * (radius + 1) != pairs:
        raise ValueError(f"received {pairs} offsets, expected 2 r (r + 1) of half a window: 4, 12, 24, 40, ...")
    return radius


def _window_table(side: int, radius: int) -> np.ndarray:
    """Says where each number of a tile's matrix stands among its windows, each followed by one 0."""
    span, wide = 2 * radius + 1, side + 2 * radius
    place = np.arange(wide) - np.arange(side)[:, None]                       # (side, wide): place in the window
    near, down, right = (place >= 0) & (place < span), np.s_[:, None, :, None], np.s_[None, :, None, :]
    index = np.where(near[down] & near[right], place[down] * span + place[right], span * span)  # 4 axes
    return (np.arange(side * side).reshape(side, side, 1, 1) * (span * span + 1) + index).reshape(-1)

