"""Saliency by manifold ranking: superpixels ranked by how alike they are to the borders, then to what is unlike."""

import numpy as np

from tfwsss.refine.region_graph import RegionGraph, near, stretched

STRENGTH = 10.0         # of colour distances, the largest between neighbours being 1
SHARE = 0.99            # of a superpixel's rank that comes from its neighbours


def manifold_ranking(graph: RegionGraph) -> np.ndarray:
    """Ranks superpixels twice: against each side of the image, then with what the sides leave over.

        w_ij = exp(-STRENGTH distance_ij / largest distance) of superpixels near each other,   D = diag(sum_j w_ij)
        rank(q) = (D - SHARE w)^-1 q, its diagonal taken for 0
        unlike = product over the four sides of (1 - stretched rank(side))
        saliency = stretched rank(unlike >= its mean)

    Cost: O(region^3).

    Args:
        graph: of the superpixels.

    Returns:
        float array `(region,)` from 0 to 1; zeros where nothing stands out.

    Example:

    >>> from tfwsss.refine.region_graph import region_graph
    >>> image = np.zeros((5, 5, 3), np.uint8)
    >>> image[2, 2:4] = 255
    >>> found = manifold_ranking(region_graph(image, np.arange(25).reshape(5, 5)))
    >>> np.sort(found.argsort()[-2:]).tolist(), bool(np.sort(found)[-3] < 0.2)
    ([12, 13], True)

    Reference: Yang et al., Saliency Detection via Graph-Based Manifold Ranking, CVPR 2013.
    """
    reached = near(graph)
    longest = graph.distances.max(where=reached, initial=0.0)
    if longest == 0:
        return np.zeros(len(reached))                                  # one colour, or a lone superpixel
    weights = reached * np.exp(-STRENGTH * graph.distances / longest)
    ranking = np.linalg.inv(np.diag(weights.sum(1)) - SHARE * weights)
    np.fill_diagonal(ranking, 0)                                       # what is asked for does not vote for itself
    unlike = stretched(np.prod([1 - stretched(ranking @ side) for side in graph.sides], axis=0))
    return stretched(ranking @ (unlike >= unlike.mean()))
