"""The strongest pixel of each row and of each column of boxes."""

from typing import Any, NamedTuple

from keras import ops

from tfwsss.ops.pixel_corners import enlarged_ends

_LOWEST = -3.0e38


class BoxPoints(NamedTuple):
    """Pixels chosen in boxes, two for every pixel of the boundary's half.

    Args:
        row: int32 `(batch, box, point)`, of the padded image.
        column: likewise.
        valid: float32 `(batch, box, point)`, 0 where a box has fewer points than the whole image would have.
    """

    row: Any
    column: Any
    valid: Any


def box_sides(boxes):
    """Counts rows and columns of boxes.

    Args:
        boxes: integers `(..., 4)`: left, top, right, bottom, both ends inside.

    Returns:
        Two integers of shape `(...)`, 0 where the ends are the wrong way round: no box.

    Example:

    >>> [side.numpy().tolist() for side in box_sides(ops.array([[0, 0, 2, 1], [0, 0, -1, -1]]))]
    [[2, 0], [3, 0]]
    """
    left, top, right, bottom = (boxes[..., place] for place in range(4))
    some = ops.cast((right >= left) & (bottom >= top), boxes.dtype)
    return some * (bottom - top + 1), some * (right - left + 1)


def strongest_points(maps, boxes, sizes, stride: int) -> BoxPoints:
    """Finds the strongest pixel of each row and each column of boxes, in maps that are enlarged to the padded image.

    Of equal ones the first counts: the furthest to the left in a row, the uppermost in a column. First the points of
    the rows from top to bottom, then those of the columns from left to right; a pixel may come twice. No gradient
    passes.

    Memory: some copies of one enlarged map a box.

    Args:
        maps: float, `(batch, row, column, box)`: for each box the map of its class.
        boxes: integers `(batch, box, 4)`: left, top, right, bottom in pixels of the padded image, both ends inside it;
            right below left for no box.
        sizes: integers `(batch, 2)`: rows and columns of the map; the grid beyond is only filled up.
        stride: int. Pixels of the padded image between positions.

    Returns:
        `BoxPoints`: a place for each row and each column of the padded image, so that nothing hangs on other boxes.

    Example:

    >>> logits = ops.reshape(ops.array([1.0, 3.0, 2.0, 0.0, 5.0, 4.0, 9.0, 9.0, 9.0]), (1, 3, 3, 1))
    >>> points = strongest_points(logits, ops.array([[[0, 0, 2, 1]]]), ops.array([[3, 3]]), 1)
    >>> chosen = points.valid[0, 0].numpy() > 0
    >>> points.row[0, 0].numpy()[chosen].tolist(), points.column[0, 0].numpy()[chosen].tolist()
    ([0, 1, 0, 1, 1], [1, 1, 0, 1, 2])

    Reference: Zhang et al., A2GNN, TPAMI 2021 (multi-point loss).
    """
    large = _enlarged(ops.stop_gradient(maps), sizes, stride)                # (batch, box, Row, Column)
    _, _, rows, columns = ops.shape(large)
    boxes = ops.cast(boxes, "int32")
    left, top, right, bottom = (boxes[..., place, None] for place in range(4))
    across, down = ops.arange(columns, dtype="int32"), ops.arange(rows, dtype="int32")
    in_columns = (across >= left) & (across <= right)                        # (batch, box, Column)
    in_rows = (down >= top) & (down <= bottom)
    of_rows = _first_largest(ops.where(in_columns[:, :, None], large, _LOWEST), 3)
    of_columns = _first_largest(ops.where(in_rows[..., None], large, _LOWEST), 2)
    heights, widths = (side[..., None] for side in box_sides(boxes))
    row, column = _counted(top, heights, rows), _counted(left, widths, columns)
    return BoxPoints(
        ops.concatenate([row.place, _taken(of_columns, column.place)], axis=-1),
        ops.concatenate([_taken(of_rows, row.place), column.place], axis=-1),
        ops.concatenate([row.valid, column.valid], axis=-1))


class _Counted(NamedTuple):
    place: Any
    valid: Any


def _counted(start, count, end) -> _Counted:
    """Counts on from a start."""
    steps = ops.arange(end, dtype="int32")
    return _Counted(ops.clip(start + steps, 0, end - 1), ops.cast(steps < count, "float32"))


def _taken(values, places):
    return ops.take_along_axis(values, places, axis=2)


def _first_largest(values, axis: int):
    """Returns the first place of the largest value; argmax does not promise the first of equals."""
    shape = [1] * 4
    shape[axis] = -1
    places = ops.reshape(ops.arange(ops.shape(values)[axis], dtype="int32"), shape)
    largest = values >= ops.max(values, axis=axis, keepdims=True)
    return ops.min(ops.where(largest, places, 2**30), axis=axis)


def _enlarged(maps, sizes, stride: int):
    """Enlarges maps `(batch, row, column, box)` of their own sizes to `(batch, box, Row, Column)`.

    As PyTorch does: along columns, then along rows, and beyond the last position that position with both shares, so
    that the first of equals is the same one.
    """
    batch, rows, columns, count = ops.shape(maps)
    ends = ops.cast(sizes, "int32") - 1
    row = ops.minimum(ops.arange(rows + 1, dtype="int32"), ends[:, :1])      # (batch, row + 1): the last one on
    column = ops.minimum(ops.arange(columns + 1, dtype="int32"), ends[:, 1:])
    start = ops.arange(batch, dtype="int32")[:, None, None] * (rows * columns)
    places = start + row[:, :, None] * columns + column[:, None]             # (batch, row + 1, column + 1)
    full = ops.take(ops.reshape(maps, (batch * rows * columns, count)), places, axis=0)
    full = ops.transpose(full, (0, 3, 1, 2))                                 # (batch, box, row + 1, column + 1)
    # one position more than there is: the last one again
    before, behind, share = enlarged_ends(ops.arange(columns * stride, dtype="int32"), columns + 1, stride)
    wide = ops.take(full, before, axis=3) * (1 - share) + ops.take(full, behind, axis=3) * share
    before, behind, share = enlarged_ends(ops.arange(rows * stride, dtype="int32"), rows + 1, stride)
    share = share[:, None]
    return ops.take(wide, before, axis=2) * (1 - share) + ops.take(wide, behind, axis=2) * share
