import numpy as np
import pytest
from keras import ops

from tests.ops.test_affinity import dense
from tfwsss.layers.pairwise_affinity import PairwiseAffinity
from tfwsss.layers.path_affinity import PathAffinity
from tfwsss.ops.offsets import half_disc, path
from tfwsss.ops.random_walk import random_walk

FEATURES = np.random.default_rng(0).normal(size=(2, 6, 7, 5)).astype("float32")


def beside(met) -> list:
    """Pairs of a path's points that lie directly beside each other."""
    return [(one, other) for one in met for other in met if abs(one[0] - other[0]) + abs(one[1] - other[1]) == 1]


@pytest.mark.parametrize("radius", [2, 5])
def test_every_pair_against_a_loop(radius):
    offsets = half_disc(radius)
    matrix = dense(np.asarray(PathAffinity(radius)(FEATURES))[1], offsets)
    for i, one in enumerate(np.ndindex(6, 7)):
        for j, other in enumerate(np.ndindex(6, 7)):
            step = tuple(np.subtract(max(one, other), min(one, other)))
            if step not in offsets:
                assert matrix[i, j] == (i == j)
                continue
            met = [tuple(np.add(min(one, other), point)) for point in path(step)]
            weakest = min(np.exp(-np.abs(FEATURES[1][u] - FEATURES[1][v]).mean()) for u, v in beside(met))
            assert matrix[i, j] == pytest.approx(weakest, abs=1e-6), (one, other)


def test_direct_neighbours_are_those_of_the_pairwise_layer():
    direct = [half_disc(5).index(offset) for offset in ((0, 1), (1, 0))]
    whole = PairwiseAffinity(border="full")(FEATURES)
    np.testing.assert_allclose(np.asarray(PathAffinity()(FEATURES))[..., direct], np.asarray(whole)[..., direct],
                               atol=1e-6)


def halves(gap: float) -> np.ndarray:
    """Alike on the left and on the right, something else in the column between."""
    features = np.zeros((1, 6, 9, 1), "float32")
    features[:, :, 4] = gap
    return features


def test_what_lies_between_parts_what_is_alike():
    """The pairwise layer joins across the column; the path does not, and leaves each side whole."""
    across = half_disc(5).index((0, 2))
    assert np.asarray(PairwiseAffinity(border="full")(halves(9.0)))[0, :, 3, across].min() == 1
    assert np.asarray(PathAffinity()(halves(9.0)))[0, :, 3, across].max() < 1e-3
    planes = np.zeros((1, 6, 9, 1), "float32")
    planes[:, 0, 0] = 1
    offsets = half_disc(5)
    walked = np.asarray(random_walk(planes, PathAffinity()(halves(9.0)), offsets))[0, ..., 0]
    assert walked[:, :4].min() > 1e-3 and np.abs(walked[:, 4:]).max() < 1e-5
    joined = np.asarray(random_walk(planes, PairwiseAffinity(border="full")(halves(9.0)), offsets))[0, ..., 0]
    assert joined[:, 5:].min() > 1e-3


@pytest.mark.parametrize("size", [(1, 1), (1, 6), (5, 2)])
def test_all_pairs_of_a_small_map(size):
    """Alike everywhere: 1 for every pair in the map, 0 for all that leave it."""
    found = np.asarray(PathAffinity()(np.ones((1, *size, 3), "float32")))
    for y, x, k in np.ndindex(found.shape[1:]):
        dy, dx = half_disc(5)[k]
        assert found[0, y, x, k] == (y + dy < size[0] and 0 <= x + dx < size[1])


def test_turned_features_turn_the_affinities():
    """Mirrored left to right, the same pairs have the same affinity."""
    offsets = half_disc(4)
    one = dense(np.asarray(PathAffinity(4)(FEATURES))[0], offsets)
    other = dense(np.asarray(PathAffinity(4)(FEATURES[:, :, ::-1]))[0], offsets)
    order = np.arange(42).reshape(6, 7)[:, ::-1].ravel()
    np.testing.assert_allclose(other, one[order][:, order], atol=1e-6)


def test_half_precision_compares_in_float32():
    assert ops.dtype(PathAffinity()(FEATURES.astype("float16"))) == "float32"
