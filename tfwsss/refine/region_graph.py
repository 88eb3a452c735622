"""Superpixels as a graph: their colours and places, and which touch."""

from typing import NamedTuple

import cv2
import numpy as np


class RegionGraph(NamedTuple):
    """Superpixels of one image.

    Args:
        places: float `(region, 2)`, mean row and column as shares of height and width.
        distances: float `(region, region)`, between mean colours in CIE Lab.
        links: bool `(region, region)`, which touch, corners included; none touches itself.
        sides: bool `(4, region)`, which reach the image's first row, last row, first column, last column.
    """

    places: np.ndarray
    distances: np.ndarray
    links: np.ndarray
    sides: np.ndarray


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
    sides = np.zeros((4, len(sizes)), bool)
    for side, edge in zip(sides, (regions[0], regions[-1], regions[:, 0], regions[:, -1]), strict=True):
        side[edge] = True
    return RegionGraph(means[:, 3:], distances, _links(regions, len(sizes)), sides)


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
    border = graph.sides.any(0)
    return _without_itself(graph.links | np.logical_and.outer(border, border))


def near(graph: RegionGraph) -> np.ndarray:
    """Returns which superpixels are linked, or have a neighbour in common.

    Args:
        graph: of the superpixels.

    Returns:
        bool `(region, region)`.

    Example:

    >>> graph = RegionGraph(np.zeros((4, 2)), np.zeros((4, 4)), np.eye(4, k=1) + np.eye(4, k=-1) > 0, np.zeros((4, 4)))
    >>> near(graph)[0].tolist()
    [False, True, True, False]
    """
    links = graph.links.astype(np.float32)
    return _without_itself(linked(graph) | (links @ links > 0))


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


def _links(regions: np.ndarray, count: int) -> np.ndarray:
    links = np.zeros((count, count), bool)
    for one, other in ((np.s_[:, :-1], np.s_[:, 1:]), (np.s_[:-1, :], np.s_[1:, :]),
                       (np.s_[:-1, :-1], np.s_[1:, 1:]), (np.s_[1:, :-1], np.s_[:-1, 1:])):
        links[regions[one], regions[other]] = True
    return _without_itself(links | links.T)


def _without_itself(links: np.ndarray) -> np.ndarray:
    np.fill_diagonal(links, False)
    return links
