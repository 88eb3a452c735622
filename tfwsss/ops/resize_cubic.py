"""Cubic resizing by interpolation matrices, in the kernel of PyTorch and OpenCV, for known and unknown sizes."""

from keras import ops

SHARPNESS = -0.75
"""Slope of the kernel at distance 1; TensorFlow and Pillow have -0.5."""


def cubic_matrix(source, target):
    """Returns the matrix that resizes a signal of `source` samples to `target` samples.

    Samples are areas; beyond the border the first and the last are repeated; a
    reduction is not smoothed before. With a = -0.75, of the four samples near the
    position, at distances 1 + t, t, 1 - t, 2 - t:

        w(d) = (a + 2) d^3 - (a + 3) d^2 + 1  for d <= 1,     a (d^3 - 5 d^2 + 8 d - 4)  for d < 2

    Args:
        source: int or integer scalar. Number of source samples, at least 1.
        target: int or integer scalar. Number of target samples.

    Returns:
        float32 `(target, source)`, rows summing to 1; some weights are below 0.

    Example:

    >>> ops.convert_to_numpy(cubic_matrix(2, 4)).tolist()[1]
    [0.7734375, 0.2265625]
    """
    source, target = ops.cast(source, "int32"), ops.cast(target, "int32")
    numerator = (2 * ops.arange(target, dtype="int32") + 1) * source - target    # of the position, over 2 target
    lower = ops.floor_divide(numerator, 2 * target)
    t = (ops.cast(numerator - 2 * lower * target, "float32") / ops.cast(2 * target, "float32"))[:, None]
    column = ops.arange(source, dtype="int32")[None, :]
    matrix = 0.0
    for step, weight in ((-1, _far(1 + t)), (0, _near(t)), (1, _near(1 - t)), (2, _far(2 - t))):
        place = ops.clip(lower + step, 0, source - 1)[:, None]
        matrix = matrix + ops.where(column == place, weight, 0.0)
    return matrix


def resize_cubic(x, rows, columns):
    """Resizes maps by cubic interpolation, without smoothing before a reduction.

        output = R x C^T  with R, C the cubic matrices of rows and columns

    Args:
        x: `(batch, row, column, channel)`, any size, known or not.
        rows: int or integer scalar. Rows of the result.
        columns: int or integer scalar. Columns of the result.

    Returns:
        float32 `(batch, rows, columns, channel)`; may leave the range of `x`. The same size is the identity.

    Example:

    >>> x = ops.reshape(ops.arange(4, dtype="float32"), (1, 1, 4, 1))
    >>> ops.convert_to_numpy(resize_cubic(x, 1, 8))[0, 0, :, 0].tolist()[2:6]
    [0.66796875, 1.296875, 1.703125, 2.33203125]
    """
    x = ops.cast(x, "float32")
    size = ops.shape(x)
    x = ops.einsum("sx,byxc->bysc", cubic_matrix(size[2], columns), x)
    return ops.einsum("ty,bysc->btsc", cubic_matrix(size[1], rows), x)


def _near(d):
    """Returns the kernel up to distance 1."""
    return ((SHARPNESS + 2) * d - (SHARPNESS + 3)) * d * d + 1


def _far(d):
    """Returns the kernel from distance 1 to 2."""
    return ((SHARPNESS * d - 5 * SHARPNESS) * d + 8 * SHARPNESS) * d - 4 * SHARPNESS
