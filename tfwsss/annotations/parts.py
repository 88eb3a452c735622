"""Objects of a mask: the connected parts of each class."""

from collections.abc import Iterator
from typing import NamedTuple

import cv2
import numpy as np

from tfwsss.palette import IGNORE


class Part(NamedTuple):
    """One connected part of one class.

    Args:
        class_id: mask id, 1 and on.
        left: first column of its box.
        top: first row.
        pixels: boolean `(row, column)` of the box.
        area: pixels of the part.
    """

    class_id: int
    left: int
    top: int
    pixels: np.ndarray
    area: int

    def whole(self, size: tuple[int, int]) -> np.ndarray:
        """Returns the part in its image.

        Args:
            size: rows and columns of the image.

        Returns:
            Boolean `(row, column)`.
        """
        found = np.zeros(size, bool)
        rows, columns = self.pixels.shape
        found[self.top:self.top + rows, self.left:self.left + columns] = self.pixels
        return found


def parts_of(mask: np.ndarray) -> Iterator[Part]:
    """Finds the connected parts of a mask; pixels that touch at a corner are connected.

    Args:
        mask: uint8 `(row, column)`, 0 background, 255 undecided: neither has parts.

    Yields:
        Parts by class, then from the top.

    Example:
    >>> [(part.class_id, part.left, part.area) for part in parts_of(np.array([[1, 0, 1, 255, 2]], np.uint8))]
    [(1, 0, 1), (1, 2, 1), (2, 4, 1)]
    """
    for class_id in sorted(set(np.unique(mask).tolist()) - {0, IGNORE}):
        _, numbers, boxes, _ = cv2.connectedComponentsWithStats((mask == class_id).astype(np.uint8), connectivity=8)
        for number, (left, top, columns, rows, area) in enumerate(boxes.tolist()):
            if number:
                yield Part(class_id, left, top, numbers[top:top + rows, left:left + columns] == number, area)


def without_small(mask: np.ndarray, least: int) -> np.ndarray:
    """Returns a mask in which small connected parts are background.

    Args:
        mask: uint8 `(row, column)`.
        least: pixels that a part keeps.

    Returns:
        uint8 `(row, column)`; the mask itself where `least` is 1.

    Example:
    >>> without_small(np.array([[1, 0, 2, 2]], np.uint8), 2).tolist()
    [[0, 0, 2, 2]]
    """
    if least <= 1:
        return mask
    kept = mask.copy()
    for part in parts_of(mask):
        if part.area < least:
            rows, columns = part.pixels.shape
            kept[part.top:part.top + rows, part.left:part.left + columns][part.pixels] = 0
    return kept
