"""The greedy segmentation of any graph, not only of pixels, against the walk edge by edge."""

import numpy as np
import pytest

from tfwsss.refine import pixel_graph
from tfwsss.refine.pixel_graph import segment_graph, sorted_edges


def slow_segments(first, second, weight, nodes, scale, min_size):
    group = np.arange(nodes)
    threshold = np.full(nodes, scale, np.float32)
    for walk in (1, 2):
        for a, b, w in zip(first, second, weight, strict=True):
            one, other = group == group[a], group == group[b]
            if group[a] == group[b]:
                continue
            small = min(one.sum(), other.sum()) < min_size
            if small if walk == 2 else w <= threshold[a] and w <= threshold[b]:
                group[other] = group[a]
                joined = one | other
                threshold[joined] = w + np.float32(scale) / np.float32(joined.sum())
    return group


def same_partition(one, other):
    pairs = set(zip(one.tolist(), other.tolist(), strict=True))
    return len(pairs) == len(set(one.tolist())) == len(set(other.tolist()))


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("smallest_block", [1, 7, 2048])
def test_equals_the_walk_edge_by_edge(seed, smallest_block, monkeypatch):
    monkeypatch.setattr(pixel_graph, "SMALLEST_BLOCK", smallest_block)
    rng = np.random.default_rng(seed)
    nodes, edges = 60, 300
    first, second = rng.integers(0, nodes, (2, edges)).astype(np.int32)     # parallel edges and loops occur
    weight = np.sort(rng.integers(0, 12, edges)).astype(np.float32)          # many are equal
    scale, min_size = rng.choice([0, 3, 10, 40]), int(rng.choice([0, 2, 6]))
    ours = segment_graph(first, second, weight, nodes, scale, min_size)
    assert same_partition(ours, slow_segments(first, second, weight, nodes, scale, min_size))


def test_a_chain_that_only_grows_at_one_end():
    """Every edge waits for the one before it: the rounds of a block settle one edge each."""
    first = np.arange(5000, dtype=np.int32)
    weight = np.linspace(1, 2, 5000, dtype=np.float32)
    assert np.unique(segment_graph(first, first + 1, weight, 5001, 1e9, 0)).size == 1
    assert np.unique(segment_graph(first, first + 1, weight, 5001, 0.5, 0)).size == 5001


def test_no_edges():
    none = np.zeros(0, np.int32)
    assert segment_graph(none, none, none.astype(np.float32), 3, 1.0, 5).tolist() == [0, 1, 2]


@pytest.mark.parametrize("size", [(1, 1), (1, 5), (4, 1), (6, 7)])
def test_every_neighbour_once_by_weight_then_place(size):
    colours = np.random.default_rng(0).integers(0, 3, (*size, 3)).astype(np.float32)
    first, second, weight = sorted_edges(colours)
    flat = colours.reshape(-1, 3)
    np.testing.assert_allclose(weight, np.linalg.norm(flat[first] - flat[second], axis=1), rtol=1e-6)
    expected = []
    for y, x in np.ndindex(*size):
        for number, (dy, dx) in enumerate(((0, 1), (1, 0), (1, 1), (-1, 1))):
            if 0 <= y + dy < size[0] and x + dx < size[1]:
                square = float(np.square(colours[y, x] - colours[y + dy, x + dx]).sum())
                here, there = y * size[1] + x, (y + dy) * size[1] + x + dx
                expected.append((square, here, number, there))
    expected.sort()
    assert list(zip(first.tolist(), second.tolist(), strict=True)) == [(here, there) for _, here, _, there in expected]


@pytest.mark.parametrize("seed", range(4))
def test_many_edges_of_weight_zero(seed, monkeypatch):
    monkeypatch.setattr(pixel_graph, "SMALLEST_BLOCK", 5)
    rng = np.random.default_rng(seed)
    first, second = rng.integers(0, 80, (2, 140)).astype(np.int32)
    weight = np.sort(np.maximum(rng.integers(-6, 6, 140), 0)).astype(np.float32)
    assert (weight == 0).sum() > 40
    ours = segment_graph(first, second, weight, 80, 9, 4)
    assert same_partition(ours, slow_segments(first, second, weight, 80, 9, 4))
