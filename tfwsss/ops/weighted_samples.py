"""Sums of a few weighted samples along one axis: how signals are resized without matrices of both sizes."""

import math

from keras import ops

SHORT = 128
"""Up to so many source samples, three and more taps are summed by a product with their matrix, which is faster."""


def weighted_samples(x, taps, axis: int):
    """Makes each target sample of a few source samples.

    Memory and time grow with the samples, not with source times target.

        output[i] = sum_k weight_k[i] x[place_k[i]]

    Args:
        x: float tensor, the source samples along `axis`, which has a known number of axes.
        taps: pairs `(places, weights)`, int32 and float `(target,)`; places in `[0, source - 1]`.
        axis: int. Which axis.

    Returns:
        x's dtype, `target` samples along `axis`.

    Example:

    >>> taps = (ops.array([0, 1]), ops.array([1.0, 0.5])), (ops.array([1, 2]), ops.array([0.0, 0.5]))
    >>> ops.convert_to_numpy(weighted_samples(ops.array([[2.0], [4.0], [8.0]]), taps, axis=0)).tolist()
    [[2.0], [6.0]]
    """
    x = ops.convert_to_tensor(x)
    taps = [(places, ops.cast(weights, x.dtype)) for places, weights in taps]
    if len(taps) < 3:
        return _gathered(x, taps, axis)
    return ops.cond(ops.shape(x)[axis] <= SHORT, lambda: _product(x, taps, axis), lambda: _gathered(x, taps, axis))


def _gathered(x, taps, axis: int):
    shape = [-1 if place == axis else 1 for place in range(len(x.shape))]
    first, *others = (ops.take(x, places, axis=axis) * ops.reshape(weights, shape) for places, weights in taps)
    return sum(others, first)


def _product(x, taps, axis: int):
    size = ops.shape(x)
    column = ops.arange(size[axis], dtype="int32")
    matrix = sum(ops.where(column == places[:, None], weights[:, None], 0.0) for places, weights in taps)
    before, after = math.prod(size[:axis]), math.prod(size[axis + 1:])
    made = ops.matmul(matrix, ops.reshape(x, (before, size[axis], after)))     # (before, target, after)
    return ops.reshape(made, (*size[:axis], ops.shape(matrix)[0], *size[axis + 1:]))
