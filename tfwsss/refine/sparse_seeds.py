"""Seeds of an image with clicks or scribbles: superpixels take their class, class maps fill in."""

from collections.abc import Iterable, Sequence

import cv2
import numpy as np

from tfwsss.palette import IGNORE

PIXELS = 500 * 375
"""Of the image for which a number of superpixels is meant."""

Line = tuple[int, Sequence[tuple[float, float]]]
"""A scribble: mask id and points (x, y)."""


def draw_points(points: Iterable[tuple[int, float, float]], size: Sequence[int]) -> np.ndarray:
    """Draws clicks, one pixel each; those outside are left out, later ones lie over earlier ones.

        column = floor(x), row = floor(y)

    Args:
        points: mask id, x and y of each, such as `data.weak_labels.Point`.
        size: rows and columns of the image.

    Returns:
        uint8 `(row, column)`, mask ids, 255 where nobody clicked.

    Example:

    >>> draw_points([(2, 1.9, 0.0), (0, -0.1, 0.0), (1, 3.0, 0.0)], (1, 3)).tolist()
    [[255, 2, 255]]
    """
    drawn = np.full(tuple(size), IGNORE, np.uint8)
    for point_id, x, y in points:
        row, column = int(np.floor(y)), int(np.floor(x))
        if 0 <= row < size[0] and 0 <= column < size[1]:
            drawn[row, column] = point_id
    return drawn


def draw_scribbles(scribbles: Iterable[Line], size: Sequence[int]) -> np.ndarray:
    """Draws open lines of one pixel's width from point to point; later ones lie over earlier ones.

    The edge of the image cuts lines off. Points are pixels, as in `draw_points`.

    Args:
        scribbles: mask id and points (x, y) of each, such as `data.weak_labels.Scribble`.
        size: rows and columns of the image.

    Returns:
        uint8 `(row, column)`, mask ids, 255 where nothing is drawn.

    Example:

    >>> draw_scribbles([(3, ((0, 0), (2, 2))), (0, ((1, 0),))], (3, 3)).tolist()
    [[3, 0, 255], [255, 3, 255], [255, 255, 3]]
    """
    drawn = np.full(tuple(size), IGNORE, np.uint8)
    for scribble_id, points in scribbles:
        pixels = np.floor(np.asarray(points, np.float64)).astype(np.int32)
        for first, last in zip(pixels, pixels[1:] if len(pixels) > 1 else pixels, strict=False):
            cv2.line(drawn, first.tolist(), last.tolist(), int(scribble_id), 1, cv2.LINE_8)
    return drawn


def segments_of(size: Sequence[int], segments: int = 400) -> int:
    """Returns how many superpixels an image is divided into, so that they are everywhere equally large.

    Args:
        size: rows and columns of the image.
        segments: of an image of 500 x 375 pixels.

    Example:

    >>> segments_of((375, 500)), segments_of((750, 1000)), segments_of((2, 2))
    (400, 1600, 1)
    """
    return max(1, round(segments * size[0] * size[1] / PIXELS))


def spread(drawn: np.ndarray, regions: np.ndarray) -> np.ndarray:
    """Gives each superpixel the class of what is drawn in it, where that is one class.

    Args:
        drawn: uint8 `(row, column)`, mask ids, 255 where nothing is drawn.
        regions: int `(row, column)`, superpixels from 0.

    Returns:
        uint8 `(row, column)`, mask ids; 255 where a superpixel has nothing, or several classes.

    Example:

    >>> spread(np.uint8([[1, 255, 2, 255, 1, 2]]), np.array([[0, 0, 1, 1, 2, 2]])).tolist()
    [[1, 1, 2, 2, 255, 255]]
    """
    there = drawn != IGNORE
    found = np.zeros((int(regions.max()) + 1, IGNORE), bool)                     # (superpixel, mask id)
    found[regions[there], drawn[there]] = True
    one = np.where(found.sum(axis=1) == 1, found.argmax(axis=1), IGNORE)
    return one[regions].astype(np.uint8)


def sparse_seeds(drawn: np.ndarray, regions: np.ndarray, confident: np.ndarray) -> np.ndarray:
    """Lays superpixels with a class over what class maps are sure of.

    Classes of which nothing is drawn become unknown; background stays, for clicks often show objects only. The
    published text does not say the rule; this one is a reconstruction.

    Args:
        drawn: uint8 `(row, column)`, mask ids, 255 where nothing is drawn.
        regions: int `(row, column)`, superpixels from 0.
        confident: uint8 `(row, column)`, `confident_seeds` of the classes that are drawn, 255 unknown.

    Returns:
        uint8 `(row, column)`, mask ids, 255 unknown.

    Example:

    >>> drawn, regions = np.uint8([[1, 255, 255, 255, 255]]), np.array([[0, 0, 1, 1, 1]])
    >>> sparse_seeds(drawn, regions, np.uint8([[0, 0, 0, 1, 2]])).tolist()
    [[1, 1, 0, 1, 255]]

    Reference: Zhang et al., A2GNN, TPAMI 2021.
    """
    known = np.where(np.isin(confident, [0, *np.unique(drawn)]), confident, IGNORE)
    over = spread(drawn, regions)
    return np.where(over != IGNORE, over, known).astype(np.uint8)
