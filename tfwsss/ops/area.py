"""Maps made smaller by the means of areas of whole cells."""

from keras import ops

from tfwsss.errors import UserError


def area_means(maps, rows, columns):
    """Averages maps over equal cells, so that as many are left as asked for.

        output[b, y, x, c] = mean of maps[b, y s : y s + s, x s : x s + s, c],   s = row / rows = column / columns

    Args:
        maps: float, `(batch, row, column, channel)`.
        rows: int or integer scalar. Rows of the result, a divisor of the maps'.
        columns: int or integer scalar. Columns of the result, in the same proportion.

    Returns:
        `(batch, rows, columns, channel)`; the maps themselves where the size is the same. A cell with a value that is
        not a number has none.

    Raises:
        UserError: a known size that is not the same whole number of cells along both sides.

    Example:

    >>> maps = ops.reshape(ops.array([[1.0, 3.0, 0.0, 0.0], [5.0, 7.0, 0.0, 1.0]]), (1, 2, 4, 1))
    >>> area_means(maps, 1, 2)[0, 0, :, 0].numpy().tolist()
    [4.0, 0.25]
    """
    batch, down, across, channels = ops.shape(maps)
    if all(isinstance(side, int) for side in (down, across, rows, columns)):
        if (down, across) == (rows, columns):
            return maps
        if down % rows or across % columns or down // rows != across // columns:
            raise UserError(f"received maps of {down} x {across} positions, expected {rows} x {columns} or a whole "
                            "multiple of both: resize them first")
    cells = ops.reshape(maps, (batch, rows, down // rows, columns, across // columns, channels))
    return ops.mean(cells, axis=(2, 4))
