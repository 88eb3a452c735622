"""Superpixels: Felzenszwalb and Huttenlocher's graph segmentation exactly as their tool, and SLIC."""

import numpy as np

from tfwsss.errors import UserError
from tfwsss.refine.pixel_graph import segment_graph, sorted_edges

KINDS = ("felzenszwalb", "slic")


def superpixels(
    image: np.ndarray,
    kind: str = "felzenszwalb",
    *,
    scale: float = 75.0,
    sigma: float = 0.8,
    min_size: int = 75,
    segments: int = 300,
    compactness: float = 10.0,
) -> np.ndarray:
    """Divides one image into superpixels of the named kind.

    Args:
        image: uint8 array `(row, column, 3)`, at least one pixel.
        kind: `"felzenszwalb"` (reads `scale`, `sigma`, `min_size`) or `"slic"` (reads `segments`, `compactness`).
        scale: see `felzenszwalb`.
        sigma: see `felzenszwalb`.
        min_size: see `felzenszwalb`.
        segments: see `slic`.
        compactness: see `slic`.

    Returns:
        int32 array `(row, column)`: ids 0, 1, 2, ... without gaps, in raster order of first appearance.

    Raises:
        UserError: an unknown kind, or an image that is not `(row, column, 3)`.

    Example:

    >>> half = np.zeros((9, 18, 3), np.uint8)
    >>> half[:, 9:] = 200
    >>> np.unique(superpixels(half)).tolist()
    [0, 1]
    """
    if kind == "felzenszwalb":
        return felzenszwalb(image, scale, sigma, min_size)
    if kind == "slic":
        return slic(image, segments, compactness)
    raise UserError(f"superpixels: unknown kind {kind!r}; choose one of {', '.join(KINDS)}")


def felzenszwalb(image: np.ndarray, scale: float = 75.0, sigma: float = 0.8, min_size: int = 75) -> np.ndarray:
    """Joins neighbouring pixels by rising colour difference, as the authors' C++ tool does, bit for bit.

    Pixels are smoothed; the 8-neighbourhood's edges are walked by rising colour
    distance w (equal ones in raster order, then right, down, down-right,
    up-right). Two components are joined where w exceeds neither of their
    thresholds; the new threshold is

        threshold = w + scale / size

    A second walk joins every pair of which one is smaller than `min_size`.
    All sums are float32 in the tool's order, so that ties fall as they do there,
    on every machine. (scikit-image's function sorts unstably and in float64:
    it differs from the tool where edges are equally strong.)

    Time is O(pixels log pixels), mostly NumPy; memory about 200 bytes a pixel.

    Args:
        image: array `(row, column, 3)` of colours 0–255.
        scale: the tool's k: larger gives larger superpixels.
        sigma: deviation of the Gaussian smoothing, in pixels.
        min_size: smallest superpixel, in pixels; smaller only where the whole image is.

    Returns:
        int32 array `(row, column)`: ids 0, 1, 2, ... in raster order of first appearance.

    Raises:
        UserError: an image that is not `(row, column, 3)`, or a negative setting.

    Example:

    >>> felzenszwalb(np.zeros((2, 3, 3), np.uint8)).tolist()
    [[0, 0, 0], [0, 0, 0]]

    Reference: Felzenszwalb and Huttenlocher, Efficient Graph-Based Image Segmentation, IJCV 2004.
    """
    _check(image)
    if min(scale, sigma, min_size) < 0:
        raise UserError(f"felzenszwalb: scale {scale}, sigma {sigma}, min_size {min_size}: none may be negative")
    edges = sorted_edges(_smooth(image, sigma))
    rows, columns, _ = image.shape
    return _in_raster_order(segment_graph(*edges, rows * columns, scale, min_size).reshape(rows, columns))


def slic(image: np.ndarray, segments: int = 300, compactness: float = 10.0) -> np.ndarray:
    """Groups pixels by colour and place around a grid of centres: compact superpixels of like size.

    Args:
        image: uint8 array `(row, column, 3)`.
        segments: about how many superpixels.
        compactness: weight of place against colour; higher gives squarer superpixels.

    Returns:
        int32 array `(row, column)`: connected superpixels, ids 0, 1, 2, ... in raster order of first appearance.

    Raises:
        UserError: an image that is not `(row, column, 3)`, or fewer than one segment.

    Example:

    >>> slic(np.zeros((8, 8, 3), np.uint8), segments=1).max().item()
    0

    Reference: Achanta et al., SLIC Superpixels Compared to State-of-the-Art Superpixel Methods, TPAMI 2012.
    """
    _check(image)
    if segments < 1 or compactness <= 0:
        raise UserError(f"slic: segments {segments} must be at least 1 and compactness {compactness} above 0")
    from skimage.segmentation import slic as library_slic  # here, because it takes 0.4 s to import

    # More segments than pixels would make a grid step of zero.
    count = min(segments, image.shape[0] * image.shape[1])
    ids = library_slic(image, n_segments=count, compactness=compactness, start_label=0, channel_axis=-1)
    return _in_raster_order(ids)


def _check(image: np.ndarray) -> None:
    if image.ndim != 3 or image.shape[2] != 3 or image.size == 0:
        raise UserError(f"superpixels need an image (row, column, 3) of at least one pixel, received {image.shape}")


def _smooth(image: np.ndarray, sigma: float) -> np.ndarray:
    """Gaussian along columns, then rows, borders repeated; float32 sums from the centre outwards, like the tool."""
    smoothed = image.astype(np.float32)
    sigma = np.float32(max(sigma, 0.01))
    position = np.arange(int(np.ceil(4 * sigma)) + 1, dtype=np.float32) / sigma
    taps = np.exp(-0.5 * (position * position).astype(np.float64)).astype(np.float32)
    total = np.float32(0)
    for tap in taps[1:]:
        total += tap
    taps /= np.float32(2) * total + taps[0]
    reach = taps.size - 1
    for axis in (1, 0):
        length = smoothed.shape[axis]
        padded = np.pad(smoothed, [(reach, reach) if axis == other else (0, 0) for other in range(3)], mode="edge")
        padded = np.moveaxis(padded, axis, 0)
        sums = taps[0] * padded[reach : reach + length]
        for offset in range(1, taps.size):
            pair = padded[reach + offset : reach + offset + length] + padded[reach - offset : reach - offset + length]
            sums += taps[offset] * pair
        smoothed = np.moveaxis(sums, 0, axis)
    return smoothed


def _in_raster_order(ids: np.ndarray) -> np.ndarray:
    """Numbers regions by their first pixel; `ids` are integers from 0, gaps allowed."""
    flat = ids.ravel()
    pixel = np.arange(flat.size)
    start = np.zeros(flat.max() + 1, np.int64)
    start[flat[::-1]] = pixel[::-1]  # the last of repeated writes stays: the first pixel of each region
    number = np.cumsum(start[flat] == pixel) - 1
    return number[start[flat]].astype(np.int32).reshape(ids.shape)
