"""Which positions of a grid are paired: sets of offsets, paths between them, and who has a partner."""

import functools

from keras import ops

Offset = tuple[int, int]
BORDERS = ("full", "released")


def half_disc(radius: int) -> tuple[Offset, ...]:
    """Offsets (down, right) strictly inside a disc, one of every opposite pair.

    First those of the own row to the right, then row by row downwards, each row from left to right: the order of
    AffinityNet. Every unordered pair of positions nearer than `radius` occurs once.

        dy = 0: 0 < dx < radius;    0 < dy < radius: dx² + dy² < radius²

    Args:
        radius: int, at least 1. 5 gives 34 offsets, 10 gives 152.

    Returns:
        Tuple of pairs of int.

    Raises:
        ValueError: where `radius` is below 1.

    Example:
    >>> half_disc(2)
    ((0, 1), (1, -1), (1, 0), (1, 1))

    Reference: Ahn and Kwak, AffinityNet, CVPR 2018 (the released code's order).
    """
    _check_radius(radius, 1)
    span = range(1 - radius, radius)
    below = tuple((dy, dx) for dy in range(1, radius) for dx in span if dy * dy + dx * dx < radius * radius)
    return tuple((0, dx) for dx in range(1, radius)) + below


@functools.lru_cache(maxsize=4096)
def path(offset: Offset) -> tuple[Offset, ...]:
    """Grid points that the straight line from (0, 0) to an offset touches.

    The points of the bounding rectangle whose distance to the line is below 1, both ends included, nearest first.

        (dy·x − dx·y)² < dy² + dx²

    Args:
        offset: (dy, dx), not (0, 0).

    Returns:
        Tuple of pairs of int; begins with (0, 0) and ends with `offset`.

    Raises:
        ValueError: where `offset` is (0, 0).

    Example:
    >>> path((2, -1))
    ((0, 0), (0, -1), (1, 0), (1, -1), (2, 0), (2, -1))

    Reference: Ahn, Cho and Kwak, IRN, CVPR 2019 (the released code's paths).
    """
    dy, dx = offset
    if not (dy or dx):
        raise ValueError("offset: received (0, 0), which has no line; expected an offset to another position")
    rows = range(min(dy, 0), max(dy, 0) + 1)
    columns = range(min(dx, 0), max(dx, 0) + 1)
    touched = [(y, x) for y in rows for x in columns if (dy * x - dx * y) ** 2 < dy * dy + dx * dx]
    return tuple(sorted(touched, key=lambda point: (point[0] ** 2 + point[1] ** 2, point)))


def half_disc_by_path(radius: int) -> tuple[Offset, ...]:
    """Offsets of `half_disc` ordered by the number of points on their paths.

    IRN's order: fewest points first, the order of `half_disc` among equals.

    Args:
        radius: int, at least 1.

    Returns:
        Tuple of pairs of int.

    Raises:
        ValueError: where `radius` is below 1.

    Example:
    >>> half_disc_by_path(3)[:5]
    ((0, 1), (1, 0), (0, 2), (2, 0), (1, -1))

    Reference: Ahn, Cho and Kwak, IRN, CVPR 2019.
    """
    return tuple(sorted(half_disc(radius), key=lambda offset: len(path(offset))))


def window(radius: int) -> tuple[Offset, ...]:
    """Offsets of a square window, row by row, its centre included.

    Args:
        radius: int, at least 0; the window is `2·radius + 1` wide.

    Returns:
        Tuple of `(2·radius + 1)²` pairs of int; the centre stands in the middle, opposite offsets mirror about it.

    Raises:
        ValueError: where `radius` is below 0.

    Example:
    >>> window(1)
    ((-1, -1), (-1, 0), (-1, 1), (0, -1), (0, 0), (0, 1), (1, -1), (1, 0), (1, 1))

    Reference: Zhang et al., A2GNN, TPAMI 2021.
    """
    _check_radius(radius, 0)
    span = range(-radius, radius + 1)
    return tuple((dy, dx) for dy in span for dx in span)


def half_window(radius: int) -> tuple[Offset, ...]:
    """The second half of `window`: one of every opposite pair, without the centre.

    Args:
        radius: int, at least 0.

    Returns:
        Tuple of `2·radius·(radius + 1)` pairs of int, so that `affinity[..., -len(half_window(r)):]` of an affinity
        over `window(r)` belongs to them.

    Raises:
        ValueError: where `radius` is below 0.

    Example:
    >>> half_window(1)
    ((0, 1), (1, -1), (1, 0), (1, 1))
    """
    whole = window(radius)
    return whole[len(whole) // 2 + 1 :]


HALVES = {"disc": half_disc, "window": half_window}
"""Which neighbours a position is paired with, by name: radius to one of every opposite pair of offsets."""


def reach(offsets: tuple[Offset, ...]) -> int:
    """Largest number of rows or columns that any offset spans.

    Args:
        offsets: pairs of int.

    Returns:
        int, 0 for no offsets.

    Example:
    >>> reach(half_disc(5))
    4
    """
    return max((abs(step) for offset in offsets for step in offset), default=0)


def pair_mask(rows, columns, offsets: tuple[Offset, ...], border: str = "full"):
    """Marks which position is paired with the one at each offset from it.

    `"full"` pairs all positions of the grid. `"released"` reproduces AffinityNet's code, where a pair must begin at
    a position from which every offset stays inside, so that much of the border is badly connected and some of its
    positions are in no pair at all:

        row < rows − reach,   reach <= column < columns − reach

    Args:
        rows: height of the grid, int or int tensor.
        columns: width of the grid, likewise.
        offsets: pairs of int.
        border: `"full"` or `"released"`.

    Returns:
        float, `(row, column, offset)`, 0 or 1. Multiplied into an affinity it removes the absent pairs.

    Raises:
        ValueError: where `border` is neither.

    Example:
    >>> mask = pair_mask(5, 9, half_disc(5), border="released")
    >>> [int(i) for i in ops.nonzero(ops.reshape(mask[..., 0], (-1,)))[0]]
    [4]

    Reference: Ahn and Kwak, AffinityNet, CVPR 2018 (the released code).
    """
    if border not in BORDERS:
        raise ValueError(f"border: received {border!r}, expected one of {BORDERS}")
    row = ops.arange(rows, dtype="int32")[:, None, None]
    column = ops.arange(columns, dtype="int32")[None, :, None]
    if border == "released":
        span = reach(offsets)
        begins = (row < rows - span) & (column >= span) & (column < columns - span)
        return ops.cast(begins, "float32") * ops.ones((1, 1, len(offsets)))
    down = ops.convert_to_tensor([dy for dy, _ in offsets], "int32")
    right = ops.convert_to_tensor([dx for _, dx in offsets], "int32")
    inside = (row + down >= 0) & (row + down < rows) & (column + right >= 0) & (column + right < columns)
    return ops.cast(inside, "float32")


def neighbours(values, offsets: tuple[Offset, ...], fill: float = 0):
    """Reads, for every position, a map at all offsets from it.

        out[b, y, x, k] = values[b, y + dy_k, x + dx_k]

    Args:
        values: any dtype, `(batch, row, column)`, such as a label map.
        offsets: pairs of int.
        fill: value outside the map.

    Returns:
        `(batch, row, column, offset)` of the same dtype.

    Example:
    >>> labels = ops.convert_to_tensor([[[1, 2], [3, 4]]])
    >>> neighbours(labels, ((0, 1), (1, -1)), fill=255)[0, 0].numpy().tolist()
    [[2, 255], [255, 3]]
    """
    values = ops.convert_to_tensor(values)
    _, rows, columns = ops.shape(values)
    span = reach(offsets)
    framed = ops.pad(values, ((0, 0), (span, span), (span, span)), constant_values=ops.cast(fill, values.dtype))
    parts = [framed[:, span + dy : span + dy + rows, span + dx : span + dx + columns] for dy, dx in offsets]
    return ops.stack(parts, axis=-1)


def _check_radius(radius: int, least: int) -> None:
    if radius < least:
        raise ValueError(f"radius: received {radius}, expected an integer of at least {least}")
