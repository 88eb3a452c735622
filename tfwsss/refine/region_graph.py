"""Superpixels as a graph: their colours and places, which touch, and how far they reach along the image's border."""

from typing import NamedTuple

import cv2
import numpy as np


class RegionGraph(NamedTuple):
    """Superpixels of one image.

    Args:
        places: float `(region, 2)`, mean row and column as shares of height and width.
        distances: float `(region, region)`, between mean colours in CIE Lab.
        links: bool `(region, region)`, which touch, corners included; none touches itself.
        border: bool `(region,)`, which reach the image's border.
    """

    places: np.ndarray
    distances: np.ndarray
    links: np.ndarray
    border: np.ndarray


def region_graph(image: np.ndarray, regions: np.ndarray) -> RegionGraph:
    """Measures the superpixels of an image.

    Args:
        image: uint8 array `(row, column, 3)`, RGB.
        regions: integers `(row, column)`: ids 0, 1, 2, ... without gaps.

    Returns:
        The graph. Cost: O(pixels + regions^2).

    Example:

    >>> graph = region_graph(np.zeros((2, 3, 3), np.uint8), np.array([[0, 1, 2], [0, 1, 2]]))
    >>> graph.links.astype(int).tolist(), graph.places[1].tolist()
    ([[0, 1, 0], [1, 0, 1], [0, 1, 0]], [0.5, 0.5])
    """
    rows, columns = regions.shape
    colours = cv2.cvtColor(np.float32(image) / 255, cv2.COLOR_RGB2LAB)
    row, column = np.indices(regions.shape)
    planes = np.stack([*np.moveaxis(colours, -1, 0), (row + 0.5) / rows, (column + 0.5) / columns])
    sizes = np.bincount(regions.ravel())
    means = np.stack([np.bincount(regions.ravel(), plane.ravel()) / sizes for plane in planes], axis=-1)
    distances = np.sqrt(np.square(means[:, None, :3] - means[:, :3]).sum(-1))
    border = np.zeros(len(sizes), bool)
    border[np.concatenate([regions[0], regions[-1], regions[:, 0], regions[:, -1]])] = True
    return RegionGraph(means[:, 3:], distances, _links(regions, len(sizes)), border)


def _links(regions: np.ndarray, count: int) -> np.ndarray:
    links = np.zeros((count, count), bool)
    for one, other in ((np.s_[:, :-1], np.s_[:, 1:]), (np.s_[:-1, :], np.s_[1:, :]),
                       (np.s_[:-1, :-1], np.s_[1:, 1:]), (np.s_[1:, :-1], np.s_[:-1, 1:])):
        links[regions[one], regions[other]] = True
    links |= links.T
    np.fill_diagonal(links, False)
    return links


def linked(graph: RegionGraph) -> np.ndarray:
    """Returns the links, and those between any two superpixels of the border.

    Args:
        graph: of the superpixels.

    Returns:
        bool `(region, region)`.

    Example:

    >>> linked(region_graph(np.zeros((1, 3, 3), np.uint8), np.array([[0, 1, 2]])))[0].tolist()
    [False, True, True]
    """
    both = graph.links | np.logical_and.outer(graph.border, graph.border)
    np.fill_diagonal(both, False)
    return both


def nearest(graph: RegionGraph) -> float:
    """Returns the mean distance to the most alike of those linked; 0 of a lone superpixel.

    Args:
        graph: of the superpixels.

    Example:

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
        float `(region, region)`.

    Example:

    >>> ramp = np.uint8([[[0] * 3, [60] * 3, [120] * 3, [120] * 3]])
    >>> geodesic_distances(region_graph(ramp, np.arange(4)[None]))[0].round(1).tolist()
    [0.0, 12.7, 25.1, 25.1]
    """
    from scipy.sparse import csr_matrix  # here, because it takes 0.3 s to import
    from scipy.sparse.csgraph import shortest_path

    ends = np.nonzero(linked(graph))
    steps = np.maximum(graph.distances[ends] - nearest(graph), 0)             # steps of 0 stay steps in a sparse matrix
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

    >>> graph = region_graph(np.zeros((3, 3, 3), np.uint8), np.arange(9).reshape(3, 3))
    >>> boundary_connectivity(graph).round(3).tolist()[:2]
    [2.667, 2.667]

    Reference: Zhu et al., CVPR 2014, equations 1 to 3.
    """
    deviation = max(5.0, min(10.0, 3 * nearest(graph), farthest(graph) / 10))
    near = np.exp(-np.square(geodesic_distances(graph)) / (2 * deviation**2))
    return near[:, graph.border].sum(1) / np.sqrt(near.sum(1))
