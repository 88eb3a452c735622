"""What stands out of one image, without classes or training: robust background detection on superpixels."""

import numpy as np

from tfwsss.refine.region_graph import RegionGraph, boundary_connectivity, farthest, linked, nearest, region_graph
from tfwsss.refine.superpixels import slic

VERSION = 1
"""Raised whenever the rule's numbers change without a setting."""

SPREAD = 0.4                # deviation of places whose contrast counts, in heights and widths of the image
SURE = 3.0                  # boundary connectivity of what is background for certain
BACKGROUND = 5.0            # weight of the background's term against the object's
LEAST_LINK = 0.1            # weight between neighbours, however unlike


def saliency(image: np.ndarray, segments: int = 200, compactness: float = 20.0) -> np.ndarray:
    """Finds what stands out of an image.

    Superpixels that reach far along the border for their size are background;
    what differs in colour from them is salient; a least squares problem makes
    that smooth (see `boundary_connectivity`, `background_contrast`, `balanced`).
    Cost: O(pixels + segments^3).

    Args:
        image: uint8 array `(row, column, 3)`, at least one pixel.
        segments: about how many superpixels.
        compactness: of the superpixels: see `refine.superpixels.slic`.

    Returns:
        uint8 array `(row, column)`, 255 = salient.

    Raises:
        UserError: an image that is not `(row, column, 3)`, or fewer than one segment.

    Example:

    >>> image = np.full((48, 64, 3), 40, np.uint8)
    >>> image[16:32, 24:40] = 200
    >>> found = saliency(image)
    >>> found[24, 32].item(), found[0, 0].item()
    (255, 0)

    Reference: Zhu et al., Saliency Optimization from Robust Background Detection, CVPR 2014.
    """
    regions = slic(image, segments, compactness)
    graph = region_graph(image, regions)
    connectivity = boundary_connectivity(graph)
    background = 1 - np.exp(-np.square(connectivity) / 2)
    contrast = stretched(background_contrast(graph, background))
    contrast[contrast < _otsu(contrast)] = 0
    certain = np.where(connectivity > SURE, 1000.0, background)
    found = stretched(balanced(graph, certain, contrast))
    return np.rint(255 * found).astype(np.uint8)[regions]


def background_contrast(graph: RegionGraph, background: np.ndarray) -> np.ndarray:
    """Measures how far each superpixel's colour is from the background's around it.

        contrast_i = sum_j colour distance_ij exp(-place distance_ij^2 / (2 SPREAD^2)) background_j

    Args:
        graph: of the superpixels.
        background: `(region,)` from 0 to 1.

    Returns:
        float array `(region,)`, not negative.

    Example:

    >>> halves = np.repeat([[0, 1]], 2, axis=0)
    >>> graph = region_graph(np.uint8(255 * np.repeat(halves[..., None], 3, -1)), halves)
    >>> background_contrast(graph, np.array([1.0, 0.0])).round(1).tolist()
    [0.0, 45.8]
    """
    apart = np.square(graph.places[:, None] - graph.places).sum(-1)
    return (graph.distances * np.exp(-apart / (2 * SPREAD**2))) @ background


def balanced(graph: RegionGraph, background: np.ndarray, foreground: np.ndarray) -> np.ndarray:
    """Weighs evidence for background and object, and that alike neighbours belong together.

        minimise  sum_i BACKGROUND background_i s_i^2 + foreground_i (s_i - 1)^2 + 1/2 sum_ij w_ij (s_i - s_j)^2
        w_ij = exp(-distance_ij^2 / (2 deviation^2)) of neighbours, their neighbours, and the border's superpixels,
               and LEAST_LINK more of neighbours

    Args:
        graph: of the superpixels.
        background: `(region,)`, not negative; positive somewhere.
        foreground: `(region,)`, not negative.

    Returns:
        float array `(region,)` from 0 to 1.

    Example:

    >>> halves = np.repeat([[0, 1]], 2, axis=0)
    >>> graph = region_graph(np.uint8(255 * np.repeat(halves[..., None], 3, -1)), halves)
    >>> balanced(graph, np.array([1.0, 0.0]), np.array([0.0, 1.0])).round(3).tolist()
    [0.018, 0.911]
    """
    deviation = max(1.0, min(3 * nearest(graph), 0.2 * farthest(graph), 20.0))
    near = linked(graph) | (graph.links.astype(np.float32) @ graph.links > 0)
    np.fill_diagonal(near, False)
    weights = near * np.exp(-np.square(graph.distances) / (2 * deviation**2)) + LEAST_LINK * graph.links
    system = np.diag(weights.sum(1) + BACKGROUND * background + foreground) - weights
    return np.linalg.solve(system, foreground)


def stretched(values: np.ndarray) -> np.ndarray:
    """Stretches numbers from 0 to 1; zeros where they are all the same.

    Args:
        values: `(region,)`.

    Returns:
        float array of the same shape.

    Example:

    >>> stretched(np.array([2.0, 3.0, 6.0])).tolist(), stretched(np.array([7.0])).tolist()
    ([0.0, 0.25, 1.0], [0.0])
    """
    low, high = values.min(), values.max()
    return (values - low) / (high - low) if high > low else np.zeros(values.shape)


def _otsu(values: np.ndarray) -> float:
    """Returns Otsu's threshold of numbers from 0 to 1, in steps of 1 / 256."""
    from skimage.filters import threshold_otsu  # here, because it takes long to import

    return float(threshold_otsu(values)) if values.min() < values.max() else 0.0
