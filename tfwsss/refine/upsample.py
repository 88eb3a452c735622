"""Class maps on a network's grid to maps of the image's size."""

import numpy as np


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


def _weights(count: int, cover: int, grid: int) -> np.ndarray:
    """Weights of grid positions for the first `count` of `cover` pixels: float32 `(count, grid)`."""
    place = np.arange(count, dtype=np.float32) * np.float32((grid - 1) / max(cover - 1, 1))
    return np.maximum(0, 1 - np.abs(place[:, None] - np.arange(grid, dtype=np.float32)))
