"""Cubic resizing, four samples a row, in the kernel of PyTorch and OpenCV, for known and unknown sizes."""

from keras import ops

from tfwsss.ops.numbers import numbers, wide
from tfwsss.ops.weighted_samples import weighted_samples

SHARPNESS = -0.75
"""Slope of the kernel at distance 1; TensorFlow and Pillow have -0.5."""


def cubic_taps(source, target):
    """Says which four source samples each target sample sums, and with which weights.

    Samples are areas; beyond the border the first and the last are repeated; a
    reduction is not smoothed before. With a = -0.75, of the four samples near the
    position, at distances 1 + t, t, 1 - t, 2 - t:

        w(d) = (a + 2) d^3 - (a + 3) d^2 + 1  for d <= 1,     a (d^3 - 5 d^2 + 8 d - 4)  for d < 2

    Args:
        source: int or integer scalar. Number of source samples, at least 1.
        target: int or integer scalar. Number of target samples.

    Returns:
        Four pairs `(places, weights)`, int32 and float32 `(target,)`, as `weighted_samples` takes them; the
        weights of a sample sum to 1, and some are below 0.

    Example:

    >>> [(int(places[1]), float(weights[1])) for places, weights in cubic_taps(2, 4)]
    [(0, -0.10546875), (0, 0.87890625), (1, 0.26171875), (1, -0.03515625)]
    """
    index = wide(numbers(target))
    source, target = wide(source), wide(target)        # products of two long sides
    numerator = (2 * index + 1) * source - target                                # of the position, over 2 target
    lower = ops.floor_divide(numerator, 2 * target)
    t = ops.cast(numerator - 2 * lower * target, "float32") / ops.cast(2 * target, "float32")
    return tuple((ops.cast(ops.clip(lower + step, 0, source - 1), "int32"), weight)
                 for step, weight in ((-1, _far(1 + t)), (0, _near(t)), (1, _near(1 - t)), (2, _far(2 - t))))


def resize_cubic(x, rows, columns):
    """Resizes maps by cubic interpolation, without smoothing before a reduction.

    Memory grows with the pixels of `x` and of the result.

        output = R x C^T  with R, C the cubic weights of rows and columns

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
    return resize_cubic_part(x, (rows, columns), (rows, columns))


def resize_cubic_part(x, size, covers):
    """Resizes maps of a canvas to the canvas' size and keeps its upper left, where the image lies.

    Memory grows with the pixels of the part, not with those of the canvas.

    Args:
        x: `(batch, row, column, channel)`, any size, known or not.
        size: rows and columns of the part.
        covers: rows and columns of the canvas that the maps cover.

    Returns:
        float32 `(batch, rows, columns, channel)`, as `resize_cubic` and a crop give it.

    Example:

    >>> x = ops.reshape(ops.arange(4, dtype="float32"), (1, 1, 4, 1))
    >>> ops.convert_to_numpy(resize_cubic_part(x, (1, 3), (1, 8)))[0, 0, :, 0].tolist()[2:]
    [0.66796875]
    """
    x = ops.cast(x, "float32")
    shape = ops.shape(x)
    for axis in (1, 0):                                                          # columns first
        taps = ((places[:size[axis]], weights[:size[axis]])
                for places, weights in cubic_taps(shape[axis + 1], covers[axis]))
        x = weighted_samples(x, taps, axis=axis + 1)
    return x


def _near(d):
    """Returns the kernel up to distance 1."""
    return ((SHARPNESS + 2) * d - (SHARPNESS + 3)) * d * d + 1


def _far(d):
    """Returns the kernel from distance 1 to 2."""
    return ((SHARPNESS * d - 5 * SHARPNESS) * d + 8 * SHARPNESS) * d - 4 * SHARPNESS
