"""The graph of superpixels against slow walks over pixels and ways."""

import itertools

import numpy as np
import pytest

from tfwsss.refine.region_graph import (
    RegionGraph,
    boundary_connectivity,
    farthest,
    geodesic_distances,
    linked,
    nearest,
    region_graph,
)


def test_touching_regions_are_linked_corners_included():
    """A checkerboard's corners touch; the border's regions are those of the first and last rows and columns."""
    regions = np.array([[0, 0, 1, 1], [0, 2, 3, 1], [4, 5, 2, 6], [4, 4, 6, 6]])
    graph = region_graph(np.zeros((4, 4, 3), np.uint8), regions)
    expected = np.zeros((7, 7), bool)
    for (y, x), down, right in itertools.product(np.ndindex(4, 4), (-1, 0, 1), (-1, 0, 1)):
        if 0 <= y + down < 4 and 0 <= x + right < 4 and regions[y, x] != regions[y + down, x + right]:
            expected[regions[y, x], regions[y + down, x + right]] = True
    np.testing.assert_array_equal(graph.links, expected)
    assert graph.border.tolist() == [True, True, False, False, True, False, True]
    both = linked(graph)
    assert both[0, 6] and both[1, 4] and not both[1, 5] and not both.diagonal().any()
    np.testing.assert_allclose(graph.places[0], [(0.5 + 0.5 + 1.5) / 3 / 4, (0.5 + 1.5 + 0.5) / 3 / 4])


def test_colours_are_compared_in_lab():
    """Grey of 0 and 255 lie 100 apart in lightness; red's coordinates are those of the tables."""
    image = np.uint8([[[0, 0, 0], [255, 255, 255], [255, 0, 0]]])
    distances = region_graph(image, np.array([[0, 1, 2]])).distances
    red = np.array([53.24, 80.09, 67.20])
    np.testing.assert_allclose(distances[0, 1:], [100, np.linalg.norm(red)], atol=0.1)
    np.testing.assert_allclose(distances[1, 2], np.linalg.norm(red - [100, 0, 0]), atol=0.1)


def square(distances, border) -> RegionGraph:
    """Four regions of a two by two square, all linked, with these distances between neighbours in their order."""
    distances, links = np.array(distances, float), ~np.eye(len(distances), dtype=bool)
    return RegionGraph(np.zeros((len(distances), 2)), distances, links, np.array(border, bool))


def test_boundary_connectivity_by_hand():
    """Three alike regions, two of them on the border, and one 30 away.

    The nearest ones are 0, 0, 0 and 30 away: the mean, 7.5, is what a step costs nothing. Deviation: the smaller of
    10, 22.5 and a tenth of 30, but at least 5. From the odd one to the others: exp(-22.5^2 / 50).
    """
    graph = square([[0, 0, 0, 30], [0, 0, 0, 30], [0, 0, 0, 30], [30, 30, 30, 0]], [1, 1, 0, 0])
    assert nearest(graph) == 7.5 and farthest(graph) == 30
    far = np.exp(-22.5**2 / 50)
    expected = [2 / np.sqrt(3 + far)] * 3 + [2 * far / np.sqrt(1 + 3 * far)]
    np.testing.assert_allclose(boundary_connectivity(graph), expected)


def test_ways_round_are_taken():
    """0 and 2 do not touch, but for two on the border there is always a step."""
    distances = np.array([[0, 20, 90], [20, 0, 40], [90, 40, 0]], float)
    links = np.array([[0, 1, 0], [1, 0, 1], [0, 1, 0]], bool)
    graph = RegionGraph(np.zeros((3, 2)), distances, links, np.array([True, False, False]))
    free = (20 + 20 + 40) / 3
    np.testing.assert_allclose(geodesic_distances(graph)[0], [0, 0, 40 - free])
    both = graph._replace(border=np.array([True, False, True]))
    np.testing.assert_allclose(geodesic_distances(both)[0], [0, 0, 40 - free])      # by way of 1 it is shorter still


@pytest.mark.parametrize("seed", range(3))
def test_geodesic_distances_equal_the_slow_walk(seed):
    random = np.random.default_rng(seed)
    regions = np.kron(np.arange(20).reshape(4, 5), np.ones((2, 2), int))
    graph = region_graph(random.integers(0, 256, (8, 10, 3), dtype=np.uint8) // 64 * 40, regions)
    least = np.where(linked(graph), graph.distances, np.inf)
    free = least.min(1).mean()
    ways = np.maximum(least - free, 0)
    np.fill_diagonal(ways, 0)
    for between in range(20):                                               # Floyd and Warshall
        ways = np.minimum(ways, ways[:, between, None] + ways[between])
    np.testing.assert_allclose(geodesic_distances(graph), ways, atol=1e-9)


def test_a_lone_region():
    graph = region_graph(np.full((1, 1, 3), 9, np.uint8), np.zeros((1, 1), int))
    assert nearest(graph) == farthest(graph) == 0 and boundary_connectivity(graph).tolist() == [1.0]
