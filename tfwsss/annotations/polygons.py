"""Polygons to pixels: a pixel belongs to a polygon that holds its centre."""

import numpy as np

_AT_ONCE = 2**20        # crossings of edges and rows in memory


def fill(points: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Fills a polygon; where it crosses or retraces itself, an odd number of rounds is inside.

    Args:
        points: float `(point, 2)`, x and y in pixels; the upper left corner of the image is (0, 0), the middle of its
            first pixel (0.5, 0.5).
        size: rows and columns of the image, which cuts the polygon off.

    Returns:
        Boolean `(row, column)`.

    Example:
    >>> fill(np.array([[0, 0], [2, 0], [2, 1], [0, 1]]), (2, 3)).astype(int).tolist()
    [[1, 1, 0], [0, 0, 0]]
    """
    rows, columns = size
    start = np.asarray(points, np.float64)
    end = np.roll(start, -1, axis=0)
    low, high = np.minimum(start[:, 1], end[:, 1]), np.maximum(start[:, 1], end[:, 1])
    first = np.clip(np.ceil(low - 0.5), 0, rows).astype(np.int64)                # rows whose middle an edge passes
    count = np.clip(np.ceil(high - 0.5), 0, rows).astype(np.int64) - first
    flips = np.zeros((rows, columns + 1), np.uint8)
    for part in _split(count):
        edge = np.repeat(np.arange(part.start, part.stop), count[part])          # (crossing,)
        row = first[edge] + np.arange(len(edge)) - np.repeat(np.cumsum(count[part]) - count[part], count[part])
        share = np.clip((row + 0.5 - start[edge, 1]) / (end[edge, 1] - start[edge, 1]), 0, 1)
        x = start[edge, 0] + share * (end[edge, 0] - start[edge, 0])
        np.bitwise_xor.at(flips, (row, np.clip(np.ceil(x - 0.5), 0, columns).astype(np.int64)), 1)
    return np.bitwise_xor.accumulate(flips, axis=1)[:, :columns].astype(bool)


def _split(count: np.ndarray) -> list[slice]:
    """Returns parts of the edges with about as many crossings as are kept in memory."""
    marks = np.flatnonzero(np.diff(np.cumsum(count) // _AT_ONCE, prepend=0)).tolist()
    places = [0, *(mark for mark in marks if mark), len(count)]
    return [slice(*pair) for pair in zip(places, places[1:], strict=False)]
