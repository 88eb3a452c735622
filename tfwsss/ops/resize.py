"""Bilinear resizing, two samples a row, for known and unknown sizes on any backend; memory grows with the pixels."""

from keras import ops

from tfwsss.ops.numbers import numbers, wide
from tfwsss.ops.weighted_samples import weighted_samples

BAND = 64
"""Rows that `strongest_part` enlarges at a time."""


def exact_positions(source, target, align_corners: bool):
    """Says between which two source samples each target sample lies, and how far, in integers.

    Cost: one pass over `target` numbers.

        align_corners:  position = i (source - 1) / (target - 1)
        otherwise:      position = (i + 1/2) source / target - 1/2, kept inside the source

    Args:
        source: int or integer scalar. Number of source samples, at least 1.
        target: int or integer scalar. Number of target samples.
        align_corners: bool. Whether first and last samples coincide, else pixels are areas.

    Returns:
        `(lower, upper, part, whole)`, int32: two indices in `[0, source - 1]` and the
        weight of `upper` in parts of `whole`, each `(target,)`; `whole` is a scalar.

    Example:

    >>> [ops.convert_to_numpy(value).tolist() for value in exact_positions(3, 4, True)]
    [[0, 0, 1, 2], [1, 1, 2, 2], [0, 2, 1, 0], 3]
    """
    index = wide(numbers(target))
    source, target = wide(source), wide(target)    # products of two long sides
    if align_corners:
        denominator = ops.maximum(target - 1, 1)
        numerator = index * (source - 1)
    else:
        denominator = 2 * target
        numerator = ops.clip((2 * index + 1) * source - target, 0, (source - 1) * denominator)
    lower = ops.floor_divide(numerator, denominator)
    found = (lower, ops.minimum(lower + 1, source - 1), numerator - lower * denominator, denominator)
    return tuple(ops.cast(value, "int32") for value in found)


def sample_positions(source, target, align_corners: bool):
    """Says between which two source samples each target sample lies, and how far.

    The quotients of `exact_positions`, so that a whole step gives weights of exactly 0 and 1.

        fraction = part / whole

    Args:
        source: int or integer scalar. Number of source samples, at least 1.
        target: int or integer scalar. Number of target samples.
        align_corners: bool. As in `exact_positions`.

    Returns:
        `(lower, upper, fraction)`, each `(target,)`: two int32 indices in
        `[0, source - 1]` and a float32 weight of `upper` in `[0, 1)`.

    Example:

    >>> [value.tolist() for value in map(ops.convert_to_numpy, sample_positions(3, 5, True))]
    [[0, 0, 1, 1, 2], [1, 1, 2, 2, 2], [0.0, 0.5, 0.0, 0.5, 0.0]]
    """
    lower, upper, part, whole = exact_positions(source, target, align_corners)
    return lower, upper, ops.cast(part, "float32") / ops.cast(whole, "float32")


def bilinear_taps(source, target, align_corners: bool):
    """Says which two source samples each target sample sums, and with which weights.

    Args:
        source: int or integer scalar. Number of source samples, at least 1.
        target: int or integer scalar. Number of target samples.
        align_corners: bool. As in `resize`.

    Returns:
        Two pairs `(places, weights)`, int32 and float32 `(target,)`, as `weighted_samples` takes them.

    Example:

    >>> [[ops.convert_to_numpy(each).tolist() for each in tap] for tap in bilinear_taps(2, 3, True)]
    [[[0, 0, 1], [1.0, 0.5, 1.0]], [[1, 1, 1], [0.0, 0.5, 0.0]]]
    """
    lower, upper, fraction = sample_positions(source, target, align_corners)
    return (lower, 1.0 - fraction), (upper, fraction)


def resize(x, rows, columns, align_corners: bool = False):
    """Resizes maps by bilinear interpolation, without smoothing before a reduction.

    Stands for `keras.ops.image.resize`, which fails for unknown sizes in Keras
    3.14 and 3.15. Both conventions occur in the published programs. Memory grows
    with the pixels of `x` and of the result, whatever their shapes.

        output = R x C^T  with R, C the interpolation matrices of rows and columns, which are never made

    Args:
        x: `(batch, row, column, channel)`, any size, known or not.
        rows: int or integer scalar. Rows of the result.
        columns: int or integer scalar. Columns of the result.
        align_corners: bool. Whether corner pixels keep their values (MXNet's
            BilinearResize2D); otherwise pixels are areas (OpenCV, TensorFlow).

    Returns:
        `(batch, rows, columns, channel)` in x's dtype (float32 for integers).
        Never outside the range of `x`; the same size is the identity.

    Example:

    >>> x = ops.reshape(ops.arange(6, dtype="float32"), (1, 2, 3, 1))
    >>> ops.convert_to_numpy(resize(x, 3, 5, align_corners=True))[0, :, :, 0].tolist()[1]
    [1.5, 2.0, 2.5, 3.0, 3.5]
    """
    x = ops.convert_to_tensor(x)
    if "float" not in str(x.dtype):
        x = ops.cast(x, "float32")
    size = ops.shape(x)
    x = weighted_samples(x, bilinear_taps(size[2], columns, align_corners), axis=2)
    return weighted_samples(x, bilinear_taps(size[1], rows, align_corners), axis=1)


def resize_part(x, size, covers, align_corners: bool = False):
    """Resizes maps of a canvas to the canvas' size and keeps its upper left, where the image lies.

    Memory grows with the pixels of the part, not with those of the canvas.

        output = R x C^T  with R, C the first rows of the interpolation matrices to `covers`

    Args:
        x: float `(row, column, channel)`, sizes known or not.
        size: rows and columns of the part.
        covers: rows and columns of the canvas that the maps cover.
        align_corners: bool. As in `resize`.

    Returns:
        `(rows, columns, channel)`, as `resize` and a crop give it. Never outside the range of `x`.

    Example:

    >>> x = ops.reshape(ops.arange(2, dtype="float32"), (1, 2, 1))
    >>> ops.convert_to_numpy(resize_part(x, (1, 2), (1, 3), align_corners=True))[0, :, 0].tolist()
    [0.0, 0.5]
    """
    down, across = part_taps(x, size, covers, align_corners)
    return weighted_samples(weighted_samples(x, across, axis=1), down, axis=0)


def part_means(x, size, covers, align_corners: bool = False):
    """Averages the pixels of `resize_part` without making them.

    Args:
        x: float `(row, column, channel)`.
        size: rows and columns of the part.
        covers: rows and columns of the canvas that the maps cover.
        align_corners: bool. As in `resize`.

    Returns:
        `(channel,)`, within the range of `x`.

    Example:

    >>> x = ops.reshape(ops.arange(2, dtype="float32"), (1, 2, 1))
    >>> ops.convert_to_numpy(part_means(x, (1, 2), (1, 3), align_corners=True)).tolist()
    [0.25]
    """
    shape, down_and_across = ops.shape(x), part_taps(x, size, covers, align_corners)
    down, across = (sum(ops.segment_sum(weight, place, num_segments=shape[axis]) for place, weight in taps)
                    / ops.cast(size[axis], "float32") for axis, taps in enumerate(down_and_across))
    return ops.einsum("y,x,yxc->c", down, across, x)


def part_taps(x, size, covers, align_corners: bool = False):
    """Returns the taps that make rows and columns of `resize_part`.

    Args:
        x: float `(row, column, channel)`.
        size: rows and columns of the part.
        covers: rows and columns of the canvas that the maps cover.
        align_corners: bool. As in `resize`.

    Returns:
        Those of the rows and those of the columns, each as `bilinear_taps` gives them, `(rows,)` and `(columns,)`.

    Example:

    >>> [tuple(taps[0][0].shape) for taps in part_taps(ops.ones((3, 4, 1)), (2, 5), (9, 9))]
    [(2,), (5,)]
    """
    shape = ops.shape(x)
    return tuple(tuple((place[:size[axis]], weight[:size[axis]])
                       for place, weight in bilinear_taps(shape[axis], covers[axis], align_corners)) for axis in (0, 1))


def strongest_part(x, size, covers, align_corners: bool = False):
    """Says which channel of `resize_part` is the largest, a band of rows at a time: enlarged maps may be huge.

    Memory: the maps, the result and a few bands of rows with all channels.

    Args:
        x: float `(row, column, channel)`, at least one channel.
        size: rows and columns of the part.
        covers: rows and columns of the canvas that the maps cover.
        align_corners: bool. As in `resize`.

    Returns:
        int32 `(rows, columns)`, the first of the largest channels, and that channel's values, in x's dtype.

    Example:

    >>> ids, values = strongest_part(ops.array([[[0.0, 0.75], [1.0, 0.75]]]), (1, 3), (1, 3), align_corners=True)
    >>> ids.numpy().tolist(), values.numpy().tolist()
    ([[1, 1, 0]], [[0.75, 0.75, 1.0]])
    """
    down, across = part_taps(x, size, covers, align_corners)
    rows, columns = size[0], size[1]
    bands = -(-rows // BAND)
    down = tuple(tuple(ops.reshape(ops.pad(each, ((0, bands * BAND - rows),)), (bands, BAND)) for each in tap)
                 for tap in down)
    narrow = weighted_samples(ops.convert_to_tensor(x), across, axis=1)      # (row, columns, channel)

    def largest(taps):
        wide = weighted_samples(narrow, taps, axis=0)                        # (BAND, columns, channel)
        return ops.cast(ops.argmax(wide, axis=-1), "int32"), ops.max(wide, axis=-1)

    ids, values = ops.map(largest, down)
    return tuple(ops.reshape(found, (bands * BAND, columns))[:rows] for found in (ids, values))
