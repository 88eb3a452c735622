"""The graph of superpixels against slow walks over pixels."""

import itertools

import numpy as np

from tfwsss.refine.region_graph import linked, near, region_graph, stretched

REGIONS = np.array([[0, 0, 1, 1], [0, 2, 3, 1], [4, 5, 2, 6], [4, 4, 6, 6]])


def black() -> np.ndarray:
    return np.zeros((4, 4, 3), np.uint8)


def test_touching_regions_are_linked_corners_included():
    """The sides are the first and last rows and columns."""
    graph = region_graph(black(), REGIONS)
    expected = np.zeros((7, 7), bool)
    for (y, x), down, right in itertools.product(np.ndindex(4, 4), (-1, 0, 1), (-1, 0, 1)):
        if 0 <= y + down < 4 and 0 <= x + right < 4 and REGIONS[y, x] != REGIONS[y + down, x + right]:
            expected[REGIONS[y, x], REGIONS[y + down, x + right]] = True
    np.testing.assert_array_equal(graph.links, expected)
    assert [np.flatnonzero(side).tolist() for side in graph.sides] == [[0, 1], [4, 6], [0, 4], [1, 6]]
    np.testing.assert_allclose(graph.places[0], [(0.5 + 0.5 + 1.5) / 3 / 4, (0.5 + 1.5 + 0.5) / 3 / 4])


def test_the_border_is_linked_all_round():
    graph = region_graph(black(), REGIONS)
    both = linked(graph)
    assert both[0, 6] and both[1, 4] and not graph.links[0, 6] and not graph.links[1, 4]
    assert not both[1, 5] and not both.diagonal().any() and (both == both.T).all()
    np.testing.assert_array_equal(graph.links, region_graph(black(), REGIONS).links)      # as they were


def test_near_is_linked_or_with_a_neighbour_in_common():
    """Without a border: a chain of six, of which each reaches two to either side."""
    graph = region_graph(np.zeros((1, 6, 3), np.uint8), np.arange(6)[None])._replace(sides=np.zeros((4, 6), bool))
    place = np.arange(6)
    apart = abs(place[:, None] - place)
    np.testing.assert_array_equal(near(graph), (apart > 0) & (apart <= 2))


def test_colours_are_compared_in_lab():
    """Grey of 0 and 255 lie 100 apart in lightness; red's coordinates are those of the tables."""
    image = np.uint8([[[0, 0, 0], [255, 255, 255], [255, 0, 0]]])
    distances = region_graph(image, np.array([[0, 1, 2]])).distances
    red = np.array([53.24, 80.09, 67.20])
    np.testing.assert_allclose(distances[0, 1:], [100, np.linalg.norm(red)], atol=0.1)
    np.testing.assert_allclose(distances[1, 2], np.linalg.norm(red - [100, 0, 0]), atol=0.1)


def test_means_are_over_all_pixels_of_a_region():
    """Of lightness 0 and 100 in shares of 1 to 3: 75, and 100 on the other side."""
    image = np.uint8([[[0] * 3, [255] * 3, [255] * 3, [255] * 3, [255] * 3]])
    np.testing.assert_allclose(region_graph(image, np.array([[0, 0, 0, 0, 1]])).distances[0, 1], 25, atol=0.01)


def test_stretching_reaches_both_ends():
    values = np.random.default_rng(0).normal(size=30)
    found = stretched(values)
    assert found.min() == 0 and found.max() == 1 and (found.argsort() == values.argsort()).all()


def test_a_lone_region():
    graph = region_graph(np.full((1, 1, 3), 9, np.uint8), np.zeros((1, 1), int))
    assert not near(graph).any() and graph.sides.all() and graph.places.tolist() == [[0.5, 0.5]]
