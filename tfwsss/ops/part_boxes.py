"""Boxes round the connected parts of class maps, inside of a graph."""

from keras import ops


def part_boxes(maps, share: float = 0.4):
    """Marks the boxes round those parts of each class map where it is strong.

    A map is strong where its grey level exceeds a share of its largest; parts hang together over sides and corners.
    As in the published program the last row and the last column belong to no box, whether strong or not.

        q = floor(255 map),   strong = q > floor(share max q)

    Cost: as many passes over the maps as the longest way inside a part, and n^2 booleans a class for n positions.

    Args:
        maps: float in `[0, 1]`, `(row, column, class)`; there may be no class.
        share: float in `[0, 1)`.

    Returns:
        float32 of the same shape, 0 or 1.

    Example:

    >>> maps = ops.zeros((4, 5, 1))
    >>> maps = ops.slice_update(maps, (0, 1, 0), ops.array([[[1.0], [0.0]], [[0.0], [0.9]]]))
    >>> ops.convert_to_numpy(part_boxes(maps))[..., 0].astype(int).tolist()
    [[0, 1, 1, 0, 0], [0, 1, 1, 0, 0], [0, 0, 0, 0, 0], [0, 0, 0, 0, 0]]

    Reference: Lin et al., CLIP is also an efficient segmenter, CVPR 2023 (released code).
    """
    grey = ops.cast(ops.floor(255.0 * maps), "int32")
    limits = ops.convert_to_tensor([int(share * level) for level in range(256)], dtype="int32")
    strong = grey > ops.take(limits, ops.max(grey, axis=(0, 1), initial=0), axis=0)
    rows, columns, _ = ops.shape(maps)
    reach = _reach_of_parts(strong)                                              # (4, row, column, class)
    first_row, last_row, first_column, last_column = -reach[0], reach[1], -reach[2], reach[3]
    last_row, last_column = ops.minimum(last_row + 1, rows - 1), ops.minimum(last_column + 1, columns - 1)
    down = _between(first_row, last_row, strong, rows)                           # (row, position, class)
    across = _between(first_column, last_column, strong, columns)
    return ops.cast(ops.einsum("ypc,xpc->yxc", down, across) > 0, "float32")


def _between(first, last, strong, count):
    """Says which lines lie inside of the box of each strong position: float32 `(line, position, class)`."""
    line = ops.arange(count, dtype="int32")[:, None, None, None]
    inside = ops.cast((line >= first) & (line < last) & strong, "float32")
    shape = ops.shape(inside)
    return ops.reshape(inside, (shape[0], shape[1] * shape[2], shape[3]))


def _reach_of_parts(strong):
    """Finds -first row, last row, -first column, last column of every strong position's part, by passing them on."""
    rows, columns, _ = ops.shape(strong)
    row, column = ops.arange(rows, dtype="int32")[:, None, None], ops.arange(columns, dtype="int32")[None, :, None]
    least = -(rows + columns)
    zero = ops.cast(strong, "int32") * 0
    start = ops.where(strong, ops.stack([zero - row, zero + row, zero - column, zero + column]), least)

    def passed_on(reach, _):
        wider = reach
        for axis, count in ((1, rows), (2, columns)):
            before, after = [[0, 0]] * 4, [[0, 0]] * 4
            before[axis], after[axis] = [1, 0], [0, 1]
            index = [slice(None)] * 4
            index[axis] = slice(0, count)
            earlier = ops.pad(wider, before, constant_values=least)[tuple(index)]
            index[axis] = slice(1, count + 1)
            later = ops.pad(wider, after, constant_values=least)[tuple(index)]
            wider = ops.maximum(wider, ops.maximum(earlier, later))
        wider = ops.where(strong, wider, least)
        return wider, ops.any(wider != reach)

    return ops.while_loop(lambda _, more: more, passed_on, (start, ops.any(strong)))[0]
