"""Single pixels of maps that are enlarged by a whole factor, without the enlarged maps."""

from keras import ops


def pixel_corners(row, column, size, stride: int):
    """Says which four positions of a map a pixel of the enlarged map reads, and how much of each.

    The map is enlarged `stride` times by the bilinear rule without aligned corners.

        y = (row + 1/2) / stride - 1/2, kept on the map;   pixel = sum over the four positions round (y, x) of
        (1 - |dy|) (1 - |dx|) value

    Args:
        row: int, any shape. Of the pixels, 0 at the top.
        column: int, the same shape.
        size: rows and columns of the map, integers or integer tensors that fit the shape.
        stride: int. Pixels between positions.

    Returns:
        Rows and columns, int32, and shares, float32, each of that shape with a last axis of 4; shares sum to 1.

    Example:

    >>> rows, columns, shares = pixel_corners(ops.array([1]), ops.array([0]), (2, 3), 2)
    >>> rows[0].numpy().tolist(), columns[0].numpy().tolist(), shares[0].numpy().tolist()
    ([0, 0, 1, 1], [0, 1, 0, 1], [0.75, 0.0, 0.25, 0.0])
    """
    top, bottom, down = enlarged_ends(row, size[0], stride)
    left, right, across = enlarged_ends(column, size[1], stride)
    rows, columns = ops.stack([top, top, bottom, bottom], axis=-1), ops.stack([left, right, left, right], axis=-1)
    shares = ops.stack([(1 - down) * (1 - across), (1 - down) * across, down * (1 - across), down * across], axis=-1)
    return rows, columns, shares


def enlarged_ends(place, count, stride: int):
    """Says which two positions of a row a pixel of the enlarged row lies between.

    Args:
        place: int, any shape. Of the pixels, 0 at first.
        count: int or integer tensor that fits the shape. Positions of the row.
        stride: int. Pixels between positions.

    Returns:
        The position before and the one behind, int32, and the share of the one behind, float32, each of that shape.

    Example:

    >>> [value.numpy().tolist() for value in enlarged_ends(ops.arange(4), 2, 2)]
    [[0, 0, 0, 1], [1, 1, 1, 1], [0.0, 0.25, 0.75, 0.0]]
    """
    parts = ops.clip(2 * ops.cast(place, "int32") + 1 - stride, 0, 2 * stride * (count - 1))
    before = ops.floor_divide(parts, 2 * stride)
    share = ops.cast(parts - before * 2 * stride, "float32") / (2.0 * stride)
    return before, ops.minimum(before + 1, count - 1), share
