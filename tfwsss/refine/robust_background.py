"""Robust background detection: what reaches far along the border is background, what differs from it stands out."""

import numpy as np

from tfwsss.refine.region_graph import RegionGraph, linked, near, stretched

SPREAD = 0.4                # deviation of places whose contrast counts, in heights and widths of the image
SURE, CERTAIN = 3.0, 1000.0     # boundary connectivity of what is background for certain, and its weight
BACKGROUND = 5.0            # weight of the background's term against the object's
LEAST_LINK = 0.1            # weight between neighbours, however unlike


def robust_background(graph: RegionGraph) -> np.ndarray:
    """Finds what stands out of the background: contrast with it, made smooth.

        background = 1 - exp(-boundary connectivity^2 / 2)

    See `boundary_connectivity`, `background_contrast` and `balanced`. Cost: O(region^3).

    Args:
        graph: of the superpixels.

    Returns:
        float array `(region,)` from 0 to 1, stretched; zeros where nothing stands out.

    Example:

    >>> from tfwsss.refine.region_graph import region_graph
    >>> image = np.zeros((5, 5, 3), np.uint8)
    >>> image[2, 2] = 255
    >>> found = robust_background(region_graph(image, np.arange(25).reshape(5, 5)))
    >>> found.argmax().item(), found.max().item(), bool(np.delete(found, 12).max() < 0.2)
    (12, 1.0, True)

    Reference: Zhu et al., Saliency Optimization from Robust Background Detection, CVPR 2014. Weak contrast is kept
    here (the released program sets it to 0 below Otsu's threshold).
    """
    connectivity = boundary_connectivity(graph)
    background = 1 - np.exp(-np.square(connectivity) / 2)
    contrast = stretched(background_contrast(graph, background))
    return stretched(balanced(graph, np.where(connectivity > SURE, CERTAIN, background), contrast))


def nearest(graph: RegionGraph) -> float:
    """Returns the mean distance to the most alike of those linked; 0 of a lone superpixel.

    Args:
        graph: of the superpixels.

    Example:

    >>> from tfwsss.refine.region_graph import region_graph
    >>> nearest(region_graph(np.uint8([[[0] * 3, [255] * 3]]), np.array([[0, 1]])))
    100.0
    """
    least = np.where(linked(graph), graph.distances, np.inf).min(1)
    return float(least.mean()) if np.isfinite(least).all() else 0.0


def farthest(graph: RegionGraph) -> float:
    """Returns the mean of the largest hundredth of all distances.

    Args:
        graph: of the superpixels.

    Example:

    >>> from tfwsss.refine.region_graph import region_graph
    >>> farthest(region_graph(np.uint8([[[0] * 3, [255] * 3]]), np.array([[0, 1]])))
    100.0
    """
    distances = np.sort(graph.distances, axis=None)
    return float(distances[-max(1, distances.size // 100):].mean())


def geodesic_distances(graph: RegionGraph) -> np.ndarray:
    """Finds the least colour change on a way from each superpixel to each other.

    A step between linked superpixels costs what its colour distance exceeds that of the `nearest`.

    Args:
        graph: of the superpixels.

    Returns:
        float `(region, region)`. Cost: O(region^2 log region).

    Example:

    >>> from tfwsss.refine.region_graph import region_graph
    >>> ramp = np.uint8([[[0] * 3, [60] * 3, [120] * 3, [120] * 3]])
    >>> geodesic_distances(region_graph(ramp, np.arange(4)[None]))[0].round(1).tolist()
    [0.0, 12.7, 25.1, 25.1]
    """
    from scipy.sparse import csr_matrix  # here, because it takes 0.3 s to import
    from scipy.sparse.csgraph import shortest_path

    ends = np.nonzero(linked(graph))
    steps = np.maximum(graph.distances[ends] - nearest(graph), 0)        # steps of 0 stay steps in a sparse matrix
    return shortest_path(csr_matrix((steps, ends), graph.distances.shape), method="D", directed=False)


def boundary_connectivity(graph: RegionGraph) -> np.ndarray:
    """Measures how far what a superpixel belongs to reaches along the border, for its size.

        near_ij = exp(-geodesic_ij^2 / (2 deviation^2))
        connectivity_i = sum_{j on the border} near_ij / sqrt(sum_j near_ij)

    An object that the border cuts has a short part of it, the background a long one.

    Args:
        graph: of the superpixels.

    Returns:
        float `(region,)`, not negative; over 1 for most of the background.

    Example:

    >>> from tfwsss.refine.region_graph import region_graph
    >>> graph = region_graph(np.zeros((3, 3, 3), np.uint8), np.arange(9).reshape(3, 3))
    >>> boundary_connectivity(graph).round(3).tolist()[:2]
    [2.667, 2.667]

    Reference: Zhu et al., CVPR 2014, equations 1 to 5.
    """
    deviation = max(5.0, min(10.0, 3 * nearest(graph), farthest(graph) / 10))
    alike = np.exp(-np.square(geodesic_distances(graph)) / (2 * deviation**2))
    return alike[:, graph.sides.any(0)].sum(1) / np.sqrt(alike.sum(1))


def background_contrast(graph: RegionGraph, background: np.ndarray) -> np.ndarray:
    """Measures how far each superpixel's colour is from the background's around it.

        contrast_i = sum_j colour distance_ij exp(-place distance_ij^2 / (2 SPREAD^2)) background_j

    Args:
        graph: of the superpixels.
        background: `(region,)` from 0 to 1.

    Returns:
        float array `(region,)`, not negative.

    Example:

    >>> from tfwsss.refine.region_graph import region_graph
    >>> graph = region_graph(np.uint8([[[0] * 3, [255] * 3]]), np.array([[0, 1]]))
    >>> background_contrast(graph, np.array([1.0, 0.0])).round(1).tolist()
    [0.0, 45.8]
    """
    apart = np.square(graph.places[:, None] - graph.places).sum(-1)
    return (graph.distances * np.exp(-apart / (2 * SPREAD**2))) @ background


def balanced(graph: RegionGraph, background: np.ndarray, foreground: np.ndarray) -> np.ndarray:
    """Weighs evidence for background and object, and that alike neighbours belong together.

        minimise  sum_i BACKGROUND background_i s_i^2 + foreground_i (s_i - 1)^2 + 1/2 sum_ij w_ij (s_i - s_j)^2
        w_ij = exp(-distance_ij^2 / (2 deviation^2)) of superpixels near each other, and LEAST_LINK more of neighbours

    Args:
        graph: of the superpixels.
        background: `(region,)`, not negative; positive somewhere.
        foreground: `(region,)`, not negative.

    Returns:
        float array `(region,)` from 0 to 1.

    Example:

    >>> from tfwsss.refine.region_graph import region_graph
    >>> graph = region_graph(np.uint8([[[0] * 3, [255] * 3]]), np.array([[0, 1]]))
    >>> balanced(graph, np.array([1.0, 0.0]), np.array([0.0, 1.0])).round(3).tolist()
    [0.018, 0.911]

    Reference: Zhu et al., CVPR 2014, equation 9.
    """
    deviation = max(1.0, min(3 * nearest(graph), 0.2 * farthest(graph), 20.0))      # 1: less is not seen
    weights = near(graph) * np.exp(-np.square(graph.distances) / (2 * deviation**2)) + LEAST_LINK * graph.links
    return np.linalg.solve(np.diag(weights.sum(1) + BACKGROUND * background + foreground) - weights, foreground)
