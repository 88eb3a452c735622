"""Maps read at the positions of another grid of the same image."""

from keras import ops

from tfwsss.ops.weighted_samples import weighted_samples


def regrid(x, step: int, rows, columns, new_step: int):
    """Reads maps at positions that lie other distances apart, bilinearly; first positions lie on the first pixel.

        output[y, x] = input at (y, x) new_step / step,  beyond the last position that one's value

    Args:
        x: float, `(batch, row, column, channel)`, any size, known or not.
        step: int. Pixels between positions of `x`.
        rows: int or integer scalar. Rows of the result.
        columns: int or integer scalar. Columns of the result.
        new_step: int. Pixels between positions of the result.

    Returns:
        `(batch, rows, columns, channel)`, never outside the range of `x`.

    Example:

    >>> x = ops.reshape(ops.array([0.0, 8.0, 16.0]), (1, 1, 3, 1))
    >>> ops.convert_to_numpy(regrid(x, 8, 1, 5, 6))[0, 0, :, 0].tolist()
    [0.0, 6.0, 12.0, 16.0, 16.0]
    """
    size = ops.shape(x)
    x = weighted_samples(x, _taps(size[2], step, columns, new_step), axis=2)
    return weighted_samples(x, _taps(size[1], step, rows, new_step), axis=1)


def _taps(source, step: int, target, new_step: int):
    places = ops.minimum(ops.arange(target, dtype="int32") * new_step, (source - 1) * step)       # pixels
    lower = places // step
    part = ops.cast(places - lower * step, "float32") / step
    return (lower, 1.0 - part), (ops.minimum(lower + 1, source - 1), part)
