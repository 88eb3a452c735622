"""The permutohedral lattice on which Gaussian filters of scattered points are cheap (Adams et al., 2010)."""

from typing import NamedTuple

import numpy as np
import tensorflow as tf


class Lattice(NamedTuple):
    """N points of d dimensions in a lattice, and the M lattice points that they touch.

    Attributes:
        ids: int32 `(N, d+1)`, the lattice points at the corners of each point's simplex.
        weights: float32 `(N, d+1)`, barycentric coordinates in it; each row sums to 1.
        before: int32 `(d+1, M)`, the neighbour against each of the d+1 directions; -1 where none is touched.
        after: int32 `(d+1, M)`, the neighbour along it.
    """

    ids: tf.Tensor
    weights: tf.Tensor
    before: tf.Tensor
    after: tf.Tensor


def build(features) -> Lattice:
    """Embeds points in the lattice whose blur by (1/2, 1, 1/2) along every direction is a unit Gaussian.

    A lattice point has d+1 whole coordinates that sum to 0 and leave the same remainder
    after division by d+1. Its key is their mixed-radix number, so a neighbour's key is its own
    plus a constant. Points that share a simplex are found first, which leaves a quarter as
    many corners to be told apart in a photograph. Time is linear in N, but for sorting M keys.

    Args:
        features: list of d float32 vectors `(N,)`, in standard deviations.

    Returns:
        The `Lattice`; its points are in the order of their keys.

    Example:
    >>> lattice = build([tf.constant([0.0, 0.1, 9.0])])
    >>> lattice.ids.numpy().tolist(), lattice.after.numpy()[0].tolist()
    ([[0, 1], [0, 1], [2, 3]], [1, -1, 3, -1])

    Reference: Adams, Baek and Davis, Fast high-dimensional filtering using the permutohedral lattice, 2010.
    """
    d = len(features)
    elevated = tf.stack(_elevate(features))                               # (d+1, N): whole arrays are faster as rows
    base = tf.round(elevated * (1 / (d + 1)))                             # the nearest multiple of d+1, divided by it
    rest, order = tf.math.top_k(tf.transpose(elevated - base * (d + 1)), d + 1)   # descending; a tie keeps its order
    shifts = _shifts(base)
    start = tf.add_n([tf.cast(base[i], tf.int64) * shifts[i] for i in range(d + 1)])
    cell, corners = _cells(start, order, shifts)
    keys, ids = tf.unique(tf.reshape(corners, [-1]))
    ranks = tf.argsort(keys)
    ids = tf.gather(tf.math.invert_permutation(ranks), ids)
    neighbours = [_neighbours(tf.gather(keys, ranks), shifts[i]) for i in range(d + 1)]
    return Lattice(
        tf.gather(tf.reshape(ids, [-1, d + 1]), cell), _weights(rest),
        tf.stack([before for before, _ in neighbours]), tf.stack([after for _, after in neighbours]),
    )


def _elevate(features) -> list:
    """Maps features into the hyperplane of d+1 coordinates that sum to 0; returns them as vectors."""
    d = len(features)
    scale = np.sqrt(2 / 3) * (d + 1) / np.sqrt(np.arange(1, d + 1) * np.arange(2, d + 2))
    elevated, total = [], tf.zeros_like(features[0])
    for j in range(d, 0, -1):
        scaled = features[j - 1] * np.float32(scale[j - 1])
        elevated.append(total - j * scaled)
        total += scaled
    return [total, *reversed(elevated)]


def _shifts(base):
    """Returns int64 `(d+1,)`: what a key gains by one step along each direction.

    A step along direction i adds d to coordinate i and takes 1 from all others. Spans leave
    room for the corners of a simplex and their neighbours, so no two keys collide. Where the
    spans' product exceeds 63 bits (tiny deviations) keys are products with odd random numbers,
    modulo 2^64: a collision among a million of them has a chance of 3e-8.
    """
    d = base.shape[0] - 1
    span = (tf.reduce_max(base[:d], axis=1) - tf.reduce_min(base[:d], axis=1) + 4) * (d + 1)
    bits = tf.reduce_sum(tf.math.log(span)) / np.log(2) + (d + 1) * np.log2(d + 1)
    exact = tf.math.cumprod(tf.cast(span, tf.int64), exclusive=True)
    odd = np.random.default_rng(20111212).integers(-2**62, 2**62, d) * 2 + 1
    factors = tf.where(bits < 62, exact, odd)         # none for the last coordinate: all sum to 0
    return tf.concat([(d + 1) * factors, [0]], axis=0) - tf.reduce_sum(factors)


def _cells(start, order, shifts):
    """Returns each point's cell `(N,)` and the keys int64 `(cell, d+1)` of each cell's corners.

    The first corner is the nearest point whose coordinates are multiples of d+1; the next
    is reached from each by stepping against the direction of the smallest remainder left.
    """
    d = shifts.shape[0] - 1
    places = (d + 1.0) ** np.arange(d + 1, dtype=np.float32)
    permutation = tf.linalg.matvec(tf.cast(order, tf.float32), places)
    cells, cell = tf.unique(start * (d + 1) ** (d + 1) + tf.cast(permutation, tf.int64))
    example = tf.dynamic_stitch([cell], [tf.range(tf.size(cell))])        # one point of each cell
    example = tf.ensure_shape(example, [None])
    order = tf.transpose(tf.gather(order, example))
    corners = [tf.gather(start, example)]
    for k in range(d, 0, -1):
        corners.append(corners[-1] - tf.gather(shifts, order[k]))
    return cell, tf.transpose(tf.stack(corners))


def _weights(rest):
    """Returns barycentric coordinates float32 `(N, d+1)` from descending remainders `(N, d+1)`."""
    rest = tf.transpose(rest) / rest.shape[1]
    first = 1 - (rest[:1] - rest[-1:])
    return tf.transpose(tf.concat([first, tf.reverse(rest[:-1] - rest[1:], axis=[0])], axis=0))


def _neighbours(keys, shift):
    """Returns int32 `(M,)` twice: where key - shift is, and where key + shift is, in ascending keys; else -1."""
    size = tf.size(keys)
    place = tf.minimum(tf.searchsorted(keys, keys + shift), size - 1)
    after = tf.where(tf.gather(keys, place) == keys + shift, place, -1)
    # the inverse of `after`; index `size` takes what points nowhere
    target = tf.where(after < 0, size, after)
    before = tf.dynamic_stitch([tf.range(size + 1), target], [tf.fill([size + 1], -1), tf.range(size)])
    return before[:size], after
