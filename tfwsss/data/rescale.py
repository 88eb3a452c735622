"""Scaling of one whole image by Pillow itself, to the last grey level as the published programs do it."""

import numpy as np
from PIL import Image


def rescale(image: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Resizes an image by cubic weights that widen with the reduction; `images.scale_image_smoothly` does in a graph.

    Args:
        image: uint8 `(row, column, 3)`.
        size: rows and columns of the result.

    Returns:
        uint8 `(rows, columns, 3)`; unchanged where the size is the same.

    Example:
    >>> rescale(np.uint8([[[0, 0, 0], [90, 90, 90]]]), (1, 4))[0, :, 0].tolist()
    [0, 19, 71, 98]
    """
    return np.array(Image.fromarray(image).resize(size[::-1], Image.Resampling.BICUBIC))
