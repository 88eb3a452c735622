"""The weighted sum of several lattice filters as compressed sparse products, which use all cores."""

import os
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from tfwsss.ops.permutohedral import Lattice


class LatticeFilter(NamedTuple):
    """A linear map of values `(N, channel)`, as compressed sparse matrices applied in turn.

    Attributes:
        splat: `(M, N)`, from points to the lattice points of all kernels.
        blurs: each `(M, M)`, along one direction of every lattice.
        slice: `(N, M)`, back to the points; the transpose of `splat`.
    """

    splat: tf.Tensor
    blurs: tuple
    slice: tf.Tensor


def symmetric_filter(lattices: list[Lattice], weights: list[float]) -> LatticeFilter:
    """Joins kernels K_k on lattices into sum_k weight_k D_k K_k D_k, with D_k = diag(K_k 1)^(-1/2).

    The directions are blurred in turn, as the original does, so the map is symmetric only as far as no
    lattice point is missing; its transpose blurs in reverse. Memory: 24 bytes for each point and corner,
    80 for each lattice point and direction.

    Args:
        lattices: one or more `Lattice` of the same N points.
        weights: positive floats, one for each.

    Returns:
        The `LatticeFilter`.

    Example:
    >>> from tfwsss.ops import permutohedral
    >>> one = symmetric_filter([permutohedral.build([tf.constant([0.0, 50.0])])], [2.0])
    >>> smooth(one, tf.constant([[1.0], [3.0]])).numpy().round(3).tolist()
    [[2.0], [6.0]]
    """
    os.environ.setdefault("TF_ENABLE_ONEDNN_SPMM", "1")   # the fast kernel for these products, off by default in graphs
    sizes = [tf.shape(lattice.before)[1] for lattice in lattices]
    starts = [tf.add_n(sizes[:k]) if k else 0 for k in range(len(lattices))]
    corners = tf.concat([lattice.ids + start for lattice, start in zip(lattices, starts, strict=True)], axis=1)
    share = tf.concat([lattice.weights for lattice in lattices], axis=1)  # (N, corner of any kernel)
    blurs = _blurs(lattices, starts, sizes)

    members = np.repeat(np.eye(len(lattices), dtype=np.float32), [x.ids.shape[1] for x in lattices], axis=0)
    gain = np.array([1 / (1 + 2.0 ** (1 - x.ids.shape[1])) for x in lattices], np.float32)   # of the blurs
    shape = tf.stack([tf.shape(corners)[0], tf.add_n(sizes)])
    indices = _indices(tf.transpose(corners))
    grid = tf.raw_ops.SparseTensorDenseMatMul(
        a_indices=indices, a_values=tf.reshape(share, [-1]), a_shape=tf.cast(shape, tf.int64),
        b=tf.ones([shape[0], 1]), adjoint_a=True,
    )
    for blur in blurs:
        grid = _product(blur, grid)
    mass = tf.matmul(tf.gather(grid[:, 0], corners) * share, members * gain)                 # (N, kernel): K_k 1
    scale = tf.math.rsqrt(mass + 1e-20) * np.sqrt(gain * np.array(weights, np.float32))
    back = _matrix(indices, share * tf.matmul(scale, members.T), shape)
    return LatticeFilter(tf.raw_ops.SparseMatrixTranspose(input=back, type=tf.float32), blurs, back)


def smooth(matrices: LatticeFilter, values):
    """Filters values by matrices made once.

    Args:
        matrices: the `LatticeFilter` of N points.
        values: float32 `(N, channel)`.

    Returns:
        float32 `(N, channel)`. Filtering a sum gives the sum of the filtered.

    Example:
    >>> from tfwsss.ops import permutohedral
    >>> near = symmetric_filter([permutohedral.build([tf.constant([0.0, 1.0])])], [1.0])
    >>> smooth(near, tf.constant([[0.0], [1.0]])).numpy().astype(float).round(3).tolist()
    [[0.404], [0.607]]
    """
    grid = _product(matrices.splat, values)
    for blur in matrices.blurs:
        grid = _product(blur, grid)
    return _product(matrices.slice, grid)


def _blurs(lattices, starts, sizes) -> tuple:
    """Returns one matrix for each direction; a lattice of fewer directions rests in the others."""
    total = tf.add_n(sizes)
    own = tf.range(total)
    blurs = []
    for direction in range(max(lattice.ids.shape[1] for lattice in lattices)):
        sides = []
        for side in ("before", "after"):
            parts = [
                _shifted(getattr(lattice, side)[direction], start) if direction < lattice.ids.shape[1]
                else tf.fill([size], -1)
                for lattice, start, size in zip(lattices, starts, sizes, strict=True)
            ]
            sides.append(tf.concat(parts, axis=0))
        columns = tf.stack([tf.where(side < 0, own, side) for side in (sides[0], own, sides[1])])
        values = tf.stack([tf.where(sides[0] < 0, 0.0, 0.5), tf.ones_like(own, tf.float32),
                           tf.where(sides[1] < 0, 0.0, 0.5)])
        blurs.append(_matrix(_indices(columns), tf.transpose(values), tf.stack([total, total])))
    return tuple(blurs)


def _shifted(ids, start):
    return tf.where(ids < 0, ids, ids + start)


def _indices(columns):
    """Returns int64 `(entry, 2)`, row and column of each entry of a matrix; `columns` are `(entry in its row, row)`."""
    rows = tf.broadcast_to(tf.range(tf.shape(columns)[1]), tf.shape(columns))
    pairs = tf.reshape(tf.stack([rows, columns], axis=1), [2 * columns.shape[0], -1])
    return tf.reshape(tf.cast(tf.transpose(pairs), tf.int64), [-1, 2])   # int64 last: half the bytes to turn


def _matrix(indices, values, shape):
    return tf.raw_ops.SparseTensorToCSRSparseMatrix(
        indices=indices, values=tf.reshape(values, [-1]), dense_shape=tf.cast(shape, tf.int64)
    )


def _product(matrix, values):
    return tf.raw_ops.SparseMatrixMatMul(a=matrix, b=values)
