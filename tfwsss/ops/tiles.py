"""A grid cut into square tiles, each with the positions round it: near pairs as products of small matrices."""

import math

import numpy as np
from keras import ops

from tfwsss.ops.offsets import half_window


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


def around_tiles(values, side: int, radius: int):
    """Reads every tile with the positions round it.

    Memory: the maps times `(1 + 2 radius / side)²`. The gradient flows back to each position from all tiles that
    read it.

    Args:
        values: `(batch, row, column, channel)`.
        side: int. Of a tile.
        radius: int. How far beyond its tile each is read, at most `side`.

    Returns:
        `(batch, tile, (side + 2 radius)², channel)`, positions row by row, 0 outside the maps.

    Raises:
        ValueError: a radius above the side.

    Example:

    >>> around_tiles(ops.reshape(ops.arange(1, 4), (1, 1, 3, 1)), 1, 1)[0, :, 3:6, 0].numpy().tolist()
    [[0, 1, 2], [1, 2, 3], [2, 3, 0]]
    """
    if not 0 <= radius <= side:
        raise ValueError(f"radius: received {radius}, expected 0 to the side of the tiles, {side}")
    batch, rows, columns, channels = ops.shape(values)
    down, right, wide = -(-rows // side), -(-columns // side), side + 2 * radius
    cut = ops.reshape(to_tiles(values, side), (batch, down, right, side, side, channels))
    cut = _with_ends(cut, 1, 3, side, radius)                               # rows of the tiles above and below
    cut = _with_ends(cut, 2, 4, side, radius)                               # columns of those beside
    return ops.reshape(cut, (batch, down * right, wide * wide, channels))


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
    _, rows, columns, _ = ops.shape(half)
    framed = ops.pad(half, ((0, 0), (radius, radius), (radius, radius), (0, 0)))
    back = [framed[:, radius - dy : radius - dy + rows, radius - dx : radius - dx + columns, k]
            for k, (dy, dx) in enumerate(half_window(radius))]
    own = ops.full_like(half[..., :1], centre)
    return ops.concatenate([ops.stack(back[::-1], axis=-1), own, half], axis=-1)


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
    near = (place >= 0) & (place < span)
    index = place[:, None, :, None] * span + place[None, :, None, :]         # (side, side, wide, wide)
    index = np.where(near[:, None, :, None] & near[None, :, None, :], index, span * span)
    own = np.arange(side * side).reshape(side, side, 1, 1) * (span * span + 1)
    return (own + index).reshape(-1)


def _with_ends(cut, tiles: int, inside: int, side: int, radius: int):
    """Puts the ends of the tiles before and behind, along one axis of tiles, to the positions along one inside them."""
    if not radius:
        return cut
    def shifted(part, after: int):
        """Moves a part to the next tile, or to the one before, and puts 0 where there is none."""
        count = ops.shape(cut)[tiles]
        margin = [(0, 0)] * 6
        margin[tiles] = (1 - after, after)
        return ops.pad(_between(part, tiles, after, count - 1 + after), margin)

    before = shifted(_between(cut, inside, side - radius, side), 0)
    behind = shifted(_between(cut, inside, 0, radius), 1)
    return ops.concatenate([before, cut, behind], axis=inside)


def _between(values, axis: int, start, stop):
    return values[(slice(None),) * axis + (slice(start, stop),)]
