"""GrabCut: object and background parted by mixtures of colours and a minimum cut, from a first guess."""

import cv2
import numpy as np


def grabcut(image: np.ndarray, likely: np.ndarray, never: float = 0.02, rather: float = 0.1,
            rounds: int = 2) -> np.ndarray:
    """Parts object and background, starting from how likely each pixel is object.

    Pixels below `never` stay background; those above `rather` are the object at first. Each round fits five Gaussians
    of colour to either part, then cuts between neighbours that are unlike. Cost: seconds for a million pixels.

    Args:
        image: uint8 array `(row, column, 3)`.
        likely: float array `(row, column)` from 0 to 1.
        never: from 0 to 1.
        rather: from 0 to 1.
        rounds: at least one.

    Returns:
        bool array `(row, column)`, true on the object; where nothing or everything is above `rather`, that.

    Example:

    >>> image = np.full((20, 30, 3), 40, np.uint8)
    >>> image[5:15, 10:20] = 200
    >>> likely = np.full((20, 30), 0.05)
    >>> likely[8:12, 8:18] = 0.9                                    # partly beside it
    >>> found = grabcut(image, likely)
    >>> bool((found == (image[..., 0] == 200)).all())
    True

    Reference: Rother et al., GrabCut, SIGGRAPH 2004.
    """
    first = likely > rather
    if not first.any() or first.all():
        return first
    mask = np.where(first, cv2.GC_PR_FGD, np.where(likely < never, cv2.GC_BGD, cv2.GC_PR_BGD)).astype(np.uint8)
    return _parted(image, mask, None, rounds, cv2.GC_INIT_WITH_MASK)


def grabcut_box(image: np.ndarray, rows: slice, columns: slice, rounds: int = 3, least: float = 0.15) -> np.ndarray:
    """Parts the object in a rectangle from the background, all of which lies outside at first.

    The whole rectangle is taken where less than a share of it is found to be object, and where nothing can be
    parted: a rectangle without area, or one that leaves no background.

    Args:
        image: uint8 array `(row, column, 3)`, red, green, blue.
        rows: of the rectangle, begin and end within the image.
        columns: likewise.
        rounds: at least one.
        least: share of the rectangle that must be object.

    Returns:
        bool array `(row, column)`, true on the object; nothing outside the rectangle.

    Example:

    >>> image = np.full((20, 30, 3), 40, np.uint8)
    >>> image[5:15, 10:20] = 200
    >>> found = grabcut_box(image, slice(3, 17), slice(8, 22))
    >>> bool((found == (image[..., 0] == 200)).all())
    True

    Reference: Rother et al., GrabCut, SIGGRAPH 2004; Khoreva et al., Simple Does It, CVPR 2017.
    """
    rectangle = np.zeros(image.shape[:2], bool)
    rectangle[rows, columns] = True
    if not rectangle.any() or rectangle.all():
        return rectangle
    mask = np.zeros(rectangle.shape, np.uint8)
    place = columns.start, rows.start, columns.stop - columns.start, rows.stop - rows.start
    found = _parted(image[..., ::-1], mask, place, rounds, cv2.GC_INIT_WITH_RECT)
    return found if found.sum() / rectangle.sum() >= least else rectangle


def _parted(image: np.ndarray, mask: np.ndarray, rectangle: tuple[int, ...] | None, rounds: int,
            start: int) -> np.ndarray:
    """Says where OpenCV finds the object; it writes into the mask."""
    cv2.setRNGSeed(0)                                               # the same picture is parted the same way
    cv2.grabCut(np.ascontiguousarray(image), mask, rectangle, np.zeros((1, 65)), np.zeros((1, 65)), rounds, start)
    return (mask == cv2.GC_FGD) | (mask == cv2.GC_PR_FGD)
