"""Manifold ranking against ranks that are passed on from neighbour to neighbour until they stay."""

import numpy as np
import pytest

from tfwsss.refine.manifold_ranking import manifold_ranking
from tfwsss.refine.region_graph import RegionGraph, near, region_graph


def drawn(seed: int) -> RegionGraph:
    random = np.random.default_rng(seed)
    return region_graph(random.integers(0, 256, (4, 5, 3), dtype=np.uint8), np.arange(20).reshape(4, 5))


def passed_on(weights: np.ndarray, asked: np.ndarray) -> np.ndarray:
    """Each asked superpixel by itself: d_i r_i = q_i + 0.99 sum_j w_ij r_j, again and again; it gives itself none."""
    total = np.zeros(len(asked))
    degree = weights.sum(1)
    for place in np.flatnonzero(asked):
        rank, own = np.zeros(len(asked)), np.eye(len(asked))[place]
        for _ in range(4000):
            rank = (own + 0.99 * weights @ rank) / degree
        rank[place] = 0
        total += rank
    return total


def stretch(values):
    return (values - values.min()) / (values.max() - values.min())


@pytest.mark.parametrize("seed", range(2))
def test_equals_ranks_passed_on(seed):
    graph = drawn(seed)
    close, count = near(graph), len(graph.places)
    longest = max(graph.distances[i, j] for i in range(count) for j in range(count) if close[i, j])
    weights = np.array([[np.exp(-10 * graph.distances[i, j] / longest) if close[i, j] else 0 for j in range(count)]
                        for i in range(count)])
    unlike = np.ones(count)
    for side in graph.sides:
        unlike *= 1 - stretch(passed_on(weights, side))
    unlike = stretch(unlike)
    expected = stretch(passed_on(weights, unlike >= unlike.mean()))
    np.testing.assert_allclose(manifold_ranking(graph), expected, atol=1e-8)


def test_an_object_stands_out():
    image = np.full((8, 8, 3), 30, np.uint8)
    image[3:5, 3:6] = (200, 60, 60)
    found = manifold_ranking(region_graph(image, np.arange(64).reshape(8, 8))).reshape(8, 8)
    inside = np.zeros((8, 8), bool)
    inside[3:5, 3:6] = True
    assert found[inside].min() > 0.9 and found[~inside].max() < 0.3


@pytest.mark.parametrize("shape", [(1, 1), (1, 5), (5, 1), (3, 3)])
def test_where_nothing_stands_out(shape):
    graph = region_graph(np.full((*shape, 3), 77, np.uint8), np.arange(np.prod(shape)).reshape(shape))
    assert not manifold_ranking(graph).any()
