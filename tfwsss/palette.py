"""Mask ids and their colours."""

import hashlib

import numpy as np

IGNORE = 255
"""Mask value of pixels that no loss and no score counts."""


def voc_palette() -> np.ndarray:
    """Returns the colours of PASCAL VOC: id 0 is black, id 255 (ignore) is cream.

    The bits of an id are dealt out to red, green and blue, highest colour bit
    first, so that neighbouring ids differ strongly.

    Returns:
        uint8 array `(256, 3)`, red, green, blue. All rows differ.

    Example:
    >>> voc_palette()[[0, 1, 255]].tolist()
    [[0, 0, 0], [128, 0, 0], [224, 224, 192]]

    Reference: Everingham et al., The PASCAL VOC devkit, function VOClabelcolormap.
    """
    ids = np.arange(256)
    colours = np.zeros((256, 3), np.uint8)
    for bit in range(8):
        for channel in range(3):
            colours[:, channel] |= (((ids >> (3 * bit + channel)) & 1) << (7 - bit)).astype(np.uint8)
    return colours


def own_colours(palette: np.ndarray) -> str:
    """Returns what tells colours of one's own from others: their hash; nothing for those of VOC.

    Args:
        palette: uint8 array `(256, 3)`.

    Example:
    >>> own_colours(voc_palette()), len(own_colours(voc_palette()[::-1]))
    ('', 64)
    """
    if np.array_equal(palette, voc_palette()):
        return ""
    return hashlib.sha256(np.ascontiguousarray(palette, np.uint8).tobytes()).hexdigest()


def colourise(mask: np.ndarray, palette: np.ndarray) -> np.ndarray:
    """Paints a mask with the colours of its ids.

    Args:
        mask: integer array `(row, column)`, ids 0–255.
        palette: uint8 array `(256, 3)`.

    Returns:
        uint8 array `(row, column, 3)`.

    Example:
    >>> colourise(np.array([[0, 1]]), voc_palette()).tolist()
    [[[0, 0, 0], [128, 0, 0]]]
    """
    return palette[mask]
