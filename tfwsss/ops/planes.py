"""Maps with a plane for each id, `(batch, id, row, column)`: what is quick where maps are large and ids are few.

Sums and maxima over the last of four axes go position by position, a handful of numbers at a time; over planes they
go along whole rows.
"""

from keras import ops

from tfwsss.ops.numbers import numbers
from tfwsss.ops.resize import sample_positions


def to_planes(x):
    """Puts the last axis of maps before their rows.

    Args:
        x: `(batch, row, column, id)`.

    Returns:
        `(batch, id, row, column)`.

    Example:

    >>> tuple(to_planes(ops.ones((2, 5, 6, 3))).shape)
    (2, 3, 5, 6)
    """
    return ops.transpose(x, (0, 3, 1, 2))


def interpolation_matrix(source, target, align_corners: bool):
    """Returns the matrix that resizes a signal of `source` samples to `target` samples.

    Row i holds the weights of target sample i; there are at most two, and they
    sum to 1. Memory is `target` times `source` floats: for crops in training, whose
    gradients products give fast; images of any size go through `resize`.

    Args:
        source: int or integer scalar. Number of source samples.
        target: int or integer scalar. Number of target samples.
        align_corners: bool. As in `resize`.

    Returns:
        float32 `(target, source)`, rows summing to 1.

    Example:

    >>> ops.convert_to_numpy(interpolation_matrix(2, 3, True)).tolist()
    [[1.0, 0.0], [0.5, 0.5], [0.0, 1.0]]
    """
    lower, upper, fraction = sample_positions(source, target, align_corners)
    column = numbers(source)[None, :]
    fraction = fraction[:, None]
    return (ops.where(column == lower[:, None], 1.0 - fraction, 0.0)
            + ops.where(column == upper[:, None], fraction, 0.0))      # (target, source)


def resize_planes(planes, rows, columns, align_corners: bool = False):
    """Resizes planes as `ops.resize.resize` does maps.

        output = R x C^T  with R, C the interpolation matrices of rows and columns

    Args:
        planes: float `(batch, id, row, column)`, any size, known or not.
        rows: int or integer scalar. Rows of the result.
        columns: int or integer scalar. Columns of the result.
        align_corners: bool. As in `resize`.

    Returns:
        `(batch, id, rows, columns)`, never outside the range of `planes`.

    Example:

    >>> planes = ops.reshape(ops.arange(6, dtype="float32"), (1, 1, 2, 3))
    >>> ops.convert_to_numpy(resize_planes(planes, 3, 5, align_corners=True))[0, 0, 1].tolist()
    [1.5, 2.0, 2.5, 3.0, 3.5]
    """
    size = ops.shape(planes)
    down, across = (ops.cast(interpolation_matrix(size[axis], target, align_corners), planes.dtype)
                    for axis, target in ((2, rows), (3, columns)))
    return ops.matmul(ops.matmul(down, planes), ops.transpose(across))


def largest_plane(planes):
    """Says which plane is the largest at every position, the first of equals.

    Args:
        planes: float `(batch, id, row, column)`.

    Returns:
        int32 `(batch, row, column)`, as `argmax` over the second axis.

    Example:

    >>> ops.convert_to_numpy(largest_plane(ops.array([[[[1.0, 2.0]], [[3.0, 2.0]]]]))).tolist()
    [[[1, 0]]]
    """
    count = planes.shape[1]
    number = ops.arange(count, dtype="int32")[:, None, None]
    reached = planes == ops.max(planes, axis=1, keepdims=True)
    return ops.min(ops.where(reached, number, count), axis=1)
