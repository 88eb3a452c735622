"""What stands out of one image, without classes or training."""

import cv2
import numpy as np

from tfwsss.refine.grabcut import grabcut
from tfwsss.refine.manifold_ranking import manifold_ranking
from tfwsss.refine.region_graph import RegionGraph, region_graph, stretched
from tfwsss.refine.robust_background import robust_background
from tfwsss.refine.superpixels import slic

VERSION = 1
"""Raised whenever the rule's numbers change without a setting."""

CENTRE = 0.3                # deviation of where photographers put their objects, in heights and widths of the image


def saliency(image: np.ndarray, segments: int = 300, compactness: float = 20.0, longer_side: int = 400,
             cut: float = 0.5) -> np.ndarray:
    """Finds what stands out of an image.

    Superpixels are ranked by two rules (see `salient_regions`); GrabCut, which starts from their map, draws borders:

        saliency = (1 - cut) ranked + cut GrabCut

    Cost: O(pixels + segments^3), at most of `longer_side` squared pixels.

    Args:
        image: uint8 array `(row, column, 3)`, at least one pixel.
        segments: about how many superpixels.
        compactness: of the superpixels: see `refine.superpixels.slic`.
        longer_side: larger images are shrunk to it, and the map enlarged.
        cut: share of GrabCut, from 0 to 1; 0 is without.

    Returns:
        uint8 array `(row, column)`, 255 = salient; zeros where nothing stands out.

    Raises:
        UserError: an image that is not `(row, column, 3)`, or fewer than one segment.

    Example:

    >>> image = np.full((48, 64, 3), 40, np.uint8)
    >>> image[16:32, 24:40] = 200
    >>> found = saliency(image)
    >>> found[24, 32].item() > 250, found[0, 0].item() < 5
    (True, True)
    """
    small = shrunk(image, longer_side)
    regions = slic(small, segments, compactness)
    found = salient_regions(region_graph(small, regions))[regions]
    if cut > 0:
        found = (1 - cut) * found + cut * grabcut(small, found)
    if small is not image:
        found = cv2.resize(found, image.shape[1::-1], interpolation=cv2.INTER_LINEAR)
    return np.rint(255 * found).astype(np.uint8)


def salient_regions(graph: RegionGraph) -> np.ndarray:
    """Ranks superpixels by two rules, and by how near they are to the middle.

        stretched (manifold ranking + robust background) exp(-distance from the middle^2 / (2 CENTRE^2))

    Args:
        graph: of the superpixels.

    Returns:
        float array `(region,)` from 0 to 1.

    Example:

    >>> image = np.zeros((5, 5, 3), np.uint8)
    >>> image[2, 1:3] = 255                                        # 12 is in the middle, 11 beside it
    >>> found = salient_regions(region_graph(image, np.arange(25).reshape(5, 5)))
    >>> found.argsort()[-2:].tolist(), found.max().item()
    ([11, 12], 1.0)
    """
    middle = np.exp(-np.square(graph.places - 0.5).sum(1) / (2 * CENTRE**2))
    return stretched((manifold_ranking(graph) + robust_background(graph)) * middle)


def shrunk(image: np.ndarray, longer_side: int) -> np.ndarray:
    """Returns the image, shrunk by area where its longer side is over a limit.

    Args:
        image: uint8 array `(row, column, 3)`.
        longer_side: in pixels.

    Returns:
        uint8 array `(row', column', 3)`; the image itself where it is no larger.

    Example:

    >>> shrunk(np.zeros((100, 300, 3), np.uint8), 90).shape
    (30, 90, 3)
    """
    rows, columns = image.shape[:2]
    scale = longer_side / max(rows, columns, 1)
    if scale >= 1:
        return image
    return cv2.resize(image, (max(1, round(scale * columns)), max(1, round(scale * rows))),
                      interpolation=cv2.INTER_AREA)
