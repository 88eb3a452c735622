"""Robust background detection by hand, and against slow loops over all pairs."""

import numpy as np
import pytest

from tfwsss.refine.region_graph import RegionGraph, near, region_graph
from tfwsss.refine.robust_background import (
    background_contrast,
    balanced,
    boundary_connectivity,
    farthest,
    geodesic_distances,
    nearest,
    robust_background,
)


def of_all(distances, border) -> RegionGraph:
    """Regions of which each touches each; the border's are on all sides."""
    distances, links = np.array(distances, float), ~np.eye(len(distances), dtype=bool)
    return RegionGraph(np.zeros((len(distances), 2)), distances, links, np.array([border] * 4, bool))


def drawn(seed: int) -> RegionGraph:
    """Twenty regions of a few colours, of which some are equal."""
    random = np.random.default_rng(seed)
    regions = np.kron(np.arange(20).reshape(4, 5), np.ones((2, 2), int))
    return region_graph(np.kron(random.integers(0, 4, (4, 5, 3)) * 60, np.ones((2, 2, 1))).astype(np.uint8), regions)


def test_boundary_connectivity_by_hand():
    """Three alike regions, two of them on the border, and one 30 away.

    The nearest ones are 0, 0, 0 and 30 away: the mean, 7.5, is what a step costs nothing. Deviation: the smallest of
    10, 22.5 and a tenth of 30, but at least 5. From the odd one to the others: exp(-22.5^2 / 50).
    """
    graph = of_all([[0, 0, 0, 30], [0, 0, 0, 30], [0, 0, 0, 30], [30, 30, 30, 0]], [1, 1, 0, 0])
    assert nearest(graph) == 7.5 and farthest(graph) == 30
    far = np.exp(-22.5**2 / 50)
    expected = [2 / np.sqrt(3 + far)] * 3 + [2 * far / np.sqrt(1 + 3 * far)]
    np.testing.assert_allclose(boundary_connectivity(graph), expected)


def test_an_object_cut_by_the_border_is_less_connected_than_the_ground():
    """Nine of 100 superpixels, three of them on the border; of the ground 33 are."""
    image = np.zeros((10, 10, 3), np.uint8)
    image[7:, 4:7] = 255
    found = boundary_connectivity(region_graph(image, np.arange(100).reshape(10, 10))).reshape(10, 10)
    np.testing.assert_allclose(found[8, 5], 3 / np.sqrt(9))
    np.testing.assert_allclose(found[0, 0], 33 / np.sqrt(91))


def test_ways_round_are_taken():
    """0 and 2 do not touch: by way of 1 only; where both are on the border there is a step, but a dearer one."""
    distances = np.array([[0, 20, 90], [20, 0, 40], [90, 40, 0]], float)
    links = np.array([[0, 1, 0], [1, 0, 1], [0, 1, 0]], bool)
    for border in ([1, 0, 0], [1, 0, 1]):
        graph = RegionGraph(np.zeros((3, 2)), distances, links, np.array([border] * 4, bool))
        free = (20 + 20 + 40) / 3
        np.testing.assert_allclose(geodesic_distances(graph)[0], [0, 0, 40 - free])


@pytest.mark.parametrize("seed", range(3))
def test_equals_the_slow_form(seed):
    """Every pair in turn: ways by Floyd and Warshall, the smooth map by steps downhill on what is minimised."""
    graph = drawn(seed)
    count, border = len(graph.places), graph.sides.any(0)
    linked = {(i, j) for i in range(count) for j in range(count)
              if i != j and (graph.links[i, j] or border[i] and border[j])}
    free = np.mean([min(graph.distances[i, j] for j in range(count) if (i, j) in linked) for i in range(count)])
    ways = np.full((count, count), np.inf)
    for i in range(count):
        ways[i, i] = 0
    for i, j in linked:
        ways[i, j] = max(graph.distances[i, j] - free, 0)
    for between in range(count):
        for i in range(count):
            for j in range(count):
                ways[i, j] = min(ways[i, j], ways[i, between] + ways[between, j])
    np.testing.assert_allclose(geodesic_distances(graph), ways, atol=1e-9)
    top = sum(sorted(graph.distances.ravel())[-4:]) / 4                               # a hundredth of 400
    assert farthest(graph) == pytest.approx(top) and nearest(graph) == pytest.approx(free)
    deviation = max(5, min(10, 3 * free, top / 10))
    connectivity = np.empty(count)
    for i in range(count):
        alike = [np.exp(-ways[i, j]**2 / (2 * deviation**2)) for j in range(count)]
        connectivity[i] = sum(value for j, value in enumerate(alike) if border[j]) / np.sqrt(sum(alike))
    np.testing.assert_allclose(boundary_connectivity(graph), connectivity)
    background = [1 - np.exp(-value**2 / 2) for value in connectivity]
    contrast = np.array([sum(graph.distances[i, j] * background[j] * np.exp(
        -np.sum((graph.places[i] - graph.places[j])**2) / (2 * 0.4**2)) for j in range(count)) for i in range(count)])
    np.testing.assert_allclose(background_contrast(graph, np.array(background)), contrast)
    object_ = (contrast - contrast.min()) / (contrast.max() - contrast.min())
    ground = np.where(connectivity > 3, 1000, background)
    smooth = balanced(graph, ground, object_)
    assert_is_least(graph, ground, object_, smooth, max(1, min(3 * free, 0.2 * top, 20)))
    expected = (smooth - smooth.min()) / (smooth.max() - smooth.min())
    np.testing.assert_allclose(robust_background(graph), expected)


def assert_is_least(graph, ground, object_, found, deviation):
    """No superpixel's value can be moved without the sum growing: it is a parabola in each."""
    count, close = len(found), near(graph)

    def energy(values):
        total = sum(5 * ground[i] * values[i]**2 + object_[i] * (values[i] - 1)**2 for i in range(count))
        for i in range(count):
            for j in range(count):
                weight = close[i, j] * np.exp(-graph.distances[i, j]**2 / (2 * deviation**2)) + 0.1 * graph.links[i, j]
                total += weight * (values[i] - values[j])**2 / 2
        return total

    least = energy(found)
    for i in range(count):
        for step in (-1e-3, 1e-3):
            moved = found.copy()
            moved[i] += step
            assert energy(moved) > least


def test_the_ground_counts_for_nothing_and_the_object_for_most():
    image = np.zeros((8, 8, 3), np.uint8)
    image[3:5, 3:6] = 255
    found = robust_background(region_graph(image, np.arange(64).reshape(8, 8))).reshape(8, 8)
    inside = np.zeros((8, 8), bool)
    inside[3:5, 3:6] = True
    assert found[inside].min() > 0.9 and found[~inside].max() < 0.2


@pytest.mark.parametrize("shape", [(1, 1), (1, 5), (5, 1), (3, 3)])
def test_where_nothing_stands_out(shape):
    """One colour, also of a lone region."""
    regions = np.arange(np.prod(shape)).reshape(shape)
    graph = region_graph(np.full((*shape, 3), 77, np.uint8), regions)
    assert nearest(graph) == farthest(graph) == 0
    assert np.ptp(background_contrast(graph, np.ones(regions.size))) == 0 and not robust_background(graph).any()
