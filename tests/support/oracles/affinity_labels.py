"""Label map for AffinityNet: what two dense CRFs, with strong and with weak background, are sure of."""

from collections.abc import Sequence

import numpy as np

from tfwsss.errors import UserError
from tfwsss.palette import IGNORE

_NOTHING = 1e-5     # largest plane of a cell outside the image


def affinity_labels(low: np.ndarray, high: np.ndarray, classes: Sequence[int], block: int = 8) -> np.ndarray:
    """Keeps the labels that hold whether the background is strong or weak.

    The background's score is (1 - m)^alpha, m the largest class map: a low alpha
    makes it strong, so that what is still an object is surely one; a high alpha
    makes it weak, so that what is still background is surely that.

        p = argmax mean(low),  q = argmax mean(high)      means over each cell, the lower of equals
        label = p where p > 0;  0 where q = 0, even if p > 0;  255 else, and in cells outside the image

    Args:
        low: float `(1 + class, row, column)`, marginals of the CRF at low alpha, background first; 0 outside the image.
        high: likewise, at high alpha.
        classes: labels of the planes after the first, without background.
        block: int. Side of a cell in pixels, the network's stride; 1 for a mask of the image's size. Sizes that are
            no multiple of it are filled up with 0 at the bottom and on the right.

    Returns:
        uint8 `(row', column')`, `row' = ceil(row / block)`: 0 background, label + 1 object, 255 unknown.

    Raises:
        UserError: planes and classes that do not go together.

    Example:

    >>> low = np.array([[[0.7, 0.4, 0.2, 0.0]], [[0.3, 0.6, 0.8, 0.0]]])
    >>> high = np.array([[[0.6, 0.3, 0.9, 0.0]], [[0.4, 0.7, 0.1, 0.0]]])
    >>> affinity_labels(low, high, [7], block=1).tolist()
    [[0, 8, 0, 255]]

    Reference: Ahn and Kwak, AffinityNet, CVPR 2018.
    """
    if low.shape != high.shape or len(low) != len(classes) + 1:
        raise UserError(f"affinity_labels: planes of shape {low.shape} and {high.shape} for {len(classes)} classes; "
                        "expected the same shape twice, (1 + classes, rows, columns), the background first")
    low, high = cell_means(low, block), cell_means(high, block)
    ids = np.array([IGNORE, *(label + 1 for label in classes)], np.uint8)    # of p; background is not sure at low alpha
    labels = ids[low.argmax(axis=0)]
    labels[high.argmax(axis=0) == 0] = 0
    labels[np.maximum(low, high).max(axis=0) < _NOTHING] = IGNORE
    return labels


def cell_means(planes: np.ndarray, block: int) -> np.ndarray:
    """Returns the mean of each cell.

    Args:
        planes: floats `(plane, row, column)`; sizes that are no multiple of `block` are filled up with 0.
        block: side of a cell in pixels.

    Returns:
        float32 `(plane, row', column')`.

    Example:

    >>> cell_means(np.ones((1, 3, 2)), 2).tolist()
    [[[1.0], [0.5]]]
    """
    count, rows, columns = planes.shape
    full = np.pad(planes, ((0, 0), (0, -rows % block), (0, -columns % block)))
    cells = full.reshape(count, full.shape[1] // block, block, full.shape[2] // block, block)
    return cells.mean(axis=(2, 4), dtype=np.float32)
