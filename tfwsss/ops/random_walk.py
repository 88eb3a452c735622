"""Random walk over local affinities: scores spread along alike neighbours, with memory linear in the grid."""

import math

import numpy as np
from keras import ops

from tfwsss.ops.affinity import seen_from_the_end
from tfwsss.ops.offsets import Offset, pair_mask, reach
from tfwsss.ops.tiles import from_tiles, to_tiles

SMALLEST_CELL = 4      # cells of 4 × 4 positions were the fastest of 4 × 4, 4 × 8, 8 × 8 and 4 × 16
NEGLECTED = 1e-9       # weight of the expansion's left-out tail


def transition(affinity, offsets: tuple[Offset, ...], sharpness: float = 8.0):
    """Weights with which each position averages over itself and its neighbours in one step of the walk.

    Affinities are sharpened by a power, every pair is used in both directions, each position has affinity 1 to
    itself, and the weights of a position sum to 1. They are the columns of AffinityNet's transition matrix.

        T[i, j] = W[i, j] / Σ_i W[i, j],   W = affinity^sharpness,   W[i, i] = 1

    Memory grows with `row · column · offset`.

    Args:
        affinity: float, `(batch, row, column, offset)`, 0 to 1; 0 where a pair is absent. Pairs that leave the
            grid are ignored.
        offsets: the pairs of int of the last axis, one of every opposite pair, without (0, 0).
        sharpness: positive float, the power (beta).

    Returns:
        float32, `(batch, row, column, 1 + 2·offset)`: weight of the position itself, of the positions at `offsets`,
        of those at the opposite offsets. Each position's weights sum to 1; a position without pairs has weight 1
        for itself and 0 else.

    Raises:
        ValueError: where `offsets` holds (0, 0) or both of an opposite pair, or `sharpness` is not positive.

    Example:
    >>> affinity = ops.convert_to_tensor([[[[1.0], [0.5], [0.0]]]])
    >>> transition(affinity, ((0, 1),), sharpness=1.0)[0, 0, 0].numpy().tolist()
    [0.5, 0.5, 0.0]

    Reference: Ahn and Kwak, AffinityNet, CVPR 2018.
    """
    _check(offsets, sharpness)
    affinity = ops.cast(affinity, "float32")
    _, rows, columns, _ = ops.shape(affinity)
    forward = ops.power(affinity, float(sharpness)) * pair_mask(rows, columns, offsets)
    weights = ops.concatenate([ops.ones_like(forward[..., :1]), forward, seen_from_the_end(forward, offsets)], axis=-1)
    return weights / ops.sum(weights, axis=-1, keepdims=True)


def random_walk(planes, affinity, offsets: tuple[Offset, ...], sharpness: float = 8.0, steps: int = 256):
    """Spreads score planes by a random walk whose steps follow the affinities.

        planes_t = planes · T^t,   T as in `transition`

    A power of T is a sum of Chebyshev polynomials of T, whose weights are the probabilities of a coin's walk:

        T^t = Σ_k c_k C_k(T),   c_k = 2^(1−t)·binomial(t, (t − k)/2) for k = t, t−2, … (half of it for k = 0)

    Since T has real eigenvalues in −1 to 1 (affinities are symmetric), terms beyond k ≈ 6 √t weigh less than 1e-9
    together and are left out: 256 steps cost 96 products. Up to 32 steps the sum is complete. The grid is cut into
    cells; one product gathers the 3 × 3 cells round each cell and multiplies by the cell's block of T, so memory
    and time grow with the number of positions. Computed in float32.

    Args:
        planes: float, `(batch, row, column, class)`; sizes may be unknown.
        affinity: float, `(batch, row, column, offset)`, 0 to 1; 0 where a pair is absent.
        offsets: the pairs of int of the affinity's last axis, one of every opposite pair, without (0, 0).
        sharpness: positive float, the power of the affinities (beta).
        steps: int, t, at least 0; 0 gives the planes back.

    Returns:
        float32, shape of `planes`. Each plane stays within its smallest and largest value (to rounding), a constant
        plane and positions without pairs keep their values, an all-zero plane stays exactly zero.

    Raises:
        ValueError: where `offsets` or `sharpness` are refused by `transition`, or `steps` is negative.

    Example:
    >>> planes = ops.convert_to_tensor([[[[1.0], [0.0], [0.0]]]])
    >>> affinity = ops.convert_to_tensor([[[[1.0], [0.0], [0.0]]]])
    >>> random_walk(planes, affinity, ((0, 1),), steps=4)[0, 0, :, 0].numpy().tolist()
    [0.5, 0.5, 0.0]

    Reference: Ahn and Kwak, AffinityNet, CVPR 2018; Sachdeva and Vishnoi, Faster Algorithms via Approximation
    Theory, 2014, chapter 3 (the shortened sum).
    """
    if steps != int(steps) or steps < 0:
        raise ValueError(f"steps: received {steps}, expected a whole number of at least 0")
    weights = transition(affinity, offsets, sharpness)
    planes = ops.cast(planes, "float32")
    _, rows, columns, _ = ops.shape(planes)
    size = max(reach(offsets), SMALLEST_CELL)
    blocks = _blocks(to_tiles(2.0 * weights, size), offsets, size)         # doubled here: a second copy would be large
    around = _cells_around(-(-rows // size), -(-columns // size))
    walked = _chebyshev(to_tiles(planes, size), blocks, around, _coefficients(int(steps)))
    return from_tiles(walked, rows, columns, size)


def _chebyshev(cells, twice, around, coefficients):
    if len(coefficients) == 1:
        return cells
    share = ops.convert_to_tensor(coefficients, "float32")

    def product(values):                                                    # (batch, cell, inside, class)
        batch, count, inside, classes = ops.shape(values)
        near = ops.reshape(ops.take(values, around, axis=1), (batch, count, 9 * inside, classes))
        return ops.matmul(twice, near)

    def step(k, before, now, total):
        after = product(now) - before
        return k + 1, now, after, total + share[k] * after

    first = 0.5 * product(cells)
    total = float(coefficients[0]) * cells + float(coefficients[1]) * first
    degree = len(coefficients) - 1
    return ops.while_loop(lambda k, *_: k <= degree, step, (ops.cast(2, "int32"), cells, first, total))[3]


def _coefficients(steps: int) -> np.ndarray:
    """Weights of the Chebyshev polynomials of degree 0, 1, … in x^steps, as far as they matter."""
    weights = np.zeros(steps + 1)
    for k in range(steps % 2, steps + 1, 2):
        weights[k] = math.comb(steps, (steps - k) // 2) / 2**steps * (2 if k else 1)
    tail = np.cumsum(weights[::-1])[::-1]
    kept = weights[: max(1, np.count_nonzero(tail > NEGLECTED))]
    return kept / kept.sum()


def _cells_around(down, right):
    """Numbers of the 3 × 3 cells round each cell; beyond the grid the nearest, whose weights there are 0."""
    steps = ops.arange(-1, 2, dtype="int32")
    row = ops.clip(ops.arange(down, dtype="int32")[:, None] + steps, 0, down - 1)           # (down, 3)
    column = ops.clip(ops.arange(right, dtype="int32")[:, None] + steps, 0, right - 1)      # (right, 3)
    return ops.reshape(row[:, None, :, None] * right + column[None, :, None, :], (down * right, 9))


def _blocks(weights, offsets, size: int):
    """Spreads local weights over the 3 × 3 cells round each cell: `(batch, cell, inside, 9·inside)`."""
    batch, count, inside, kinds = ops.shape(weights)
    both_ways = ((0, 0),) + tuple(offsets) + tuple((-dy, -dx) for dy, dx in offsets)
    table = np.repeat(np.arange(inside)[:, None] * (kinds + 1) + kinds, 9 * inside, axis=1)   # the added zero
    for place in range(inside):
        for kind, (dy, dx) in enumerate(both_ways):
            row, column = place // size + dy + size, place % size + dx + size                 # in the 3 × 3 cells
            source = (row // size * 3 + column // size) * inside + row % size * size + column % size
            table[place, source] = place * (kinds + 1) + kind
    flat = ops.reshape(ops.pad(weights, ((0, 0), (0, 0), (0, 0), (0, 1))), (batch, count, inside * (kinds + 1)))
    spread = ops.take(flat, ops.convert_to_tensor(table.reshape(-1), "int32"), axis=2)
    return ops.reshape(spread, (batch, count, inside, 9 * inside))


def _check(offsets, sharpness: float) -> None:
    known = set(offsets)
    twice = [offset for offset in offsets if (-offset[0], -offset[1]) in known]
    if twice or len(known) != len(offsets):
        raise ValueError(f"offsets: received {twice[:2] or 'a repeated offset'}; expected each pair of positions once: "
                         "half_disc, half_disc_by_path or half_window give such a set")
    if not sharpness > 0:
        raise ValueError(f"sharpness: received {sharpness}, expected a positive number")
