"""Class maps on a network's grid to maps of the image's size."""

import numpy as np

_BAND = 256     # rows


def upsample(maps: np.ndarray, size: tuple[int, int], covers: tuple[int, int] | None = None) -> np.ndarray:
    """Resizes maps bilinearly, corners on corners, and crops them to the image.

    A convolutional network's grid position i sees pixel i times its stride, so the
    first and last positions lie on the first and last pixel of the canvas.

        out = A maps B^T,   A[p, i] = max(0, 1 - |p (rows' - 1) / (covers - 1) - i|)

    Args:
        maps: float array `(class, row', column')`, float16 too.
        size: rows and columns of the image.
        covers: rows and columns of the canvas that the maps cover; the image is its upper left; `None` means `size`.

    Returns:
        float32 array `(class, row, column)`, within the range of `maps`.

    Example:

    >>> upsample(np.array([[[0.0, 1.0]]]), (1, 3)).tolist()
    [[[0.0, 0.5, 1.0]]]
    >>> upsample(np.array([[[0.0, 1.0]]]), (1, 2), covers=(1, 3)).tolist()
    [[[0.0, 0.5]]]
    """
    covers = covers or size
    down, across = map(_weights, size, covers, maps.shape[1:])
    return np.ascontiguousarray(down @ maps.astype(np.float32) @ across.T)   # (class, row, column)


def strongest(maps: np.ndarray, size: tuple[int, int],
              covers: tuple[int, int] | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Says which map is the largest at each pixel, a band of rows at a time: enlarged maps of a large image are huge.

    Args:
        maps: as in `upsample`, at most 255.
        size: rows and columns of the image.
        covers: as in `upsample`.

    Returns:
        uint8 `(row, column)`, the arg-max of `upsample`, the first of equals; float32 `(row, column)`, its maximum.

    Example:

    >>> ids, values = strongest(np.array([[[0.0, 1.0]], [[0.75, 0.75]]]), (1, 3))
    >>> ids.tolist(), values.tolist()
    ([[1, 1, 0]], [[0.75, 0.75, 1.0]])
    """
    covers = covers or size
    down, across = map(_weights, size, covers, maps.shape[1:])
    narrow = maps.astype(np.float32) @ across.T                              # (map, row', column)
    ids, values = np.empty(size, np.uint8), np.empty(size, np.float32)
    for top in range(0, size[0], _BAND):
        band = np.s_[top : top + _BAND]
        wide = down[band] @ narrow                                           # (map, row of the band, column)
        ids[band], values[band] = wide.argmax(axis=0), wide.max(axis=0)
    return ids, values


def _weights(count: int, cover: int, grid: int) -> np.ndarray:
    """Weights of grid positions for the first `count` of `cover` pixels: float32 `(count, grid)`."""
    place = np.arange(count, dtype=np.float32) * np.float32((grid - 1) / max(cover - 1, 1))
    return np.maximum(0, 1 - np.abs(place[:, None] - np.arange(grid, dtype=np.float32)))
