import numpy as np
import pytest

from tests.ops.test_affinity import dense
from tfwsss.layers.pairwise_affinity import PairwiseAffinity
from tfwsss.ops.offsets import half_disc, half_window

FEATURES = np.random.default_rng(0).normal(size=(2, 6, 7, 5)).astype("float32")


@pytest.mark.parametrize("border", ["full", "released"])
def test_every_pair_against_a_loop(border):
    found = np.asarray(PairwiseAffinity(radius=3, border=border)(FEATURES))
    matrix = dense(found[1], half_disc(3))
    for i, one in enumerate(np.ndindex(6, 7)):
        for j, other in enumerate(np.ndindex(6, 7)):
            first, (dy, dx) = min(one, other), np.subtract(max(one, other), min(one, other))
            near = dy ** 2 + dx ** 2 < 9
            begins = border == "full" or (first[0] < 4 and 2 <= first[1] < 5)
            expected = np.exp(-np.abs(FEATURES[1][one] - FEATURES[1][other]).mean()) if near and begins or i == j else 0
            assert matrix[i, j] == pytest.approx(expected, abs=1e-6), (one, other)


def test_windows_pair_what_lies_in_a_square():
    layer = PairwiseAffinity(radius=2, border="full", shape="window")
    matrix = dense(np.asarray(layer(FEATURES))[0], half_window(2))
    for i, one in enumerate(np.ndindex(6, 7)):
        for j, other in enumerate(np.ndindex(6, 7)):
            near = np.abs(np.subtract(one, other)).max() <= 2
            expected = np.exp(-np.abs(FEATURES[0][one] - FEATURES[0][other]).mean()) if near else 0
            assert matrix[i, j] == pytest.approx(expected, abs=1e-6), (one, other)


def test_a_map_too_small_for_the_released_pairs_has_none():
    assert not np.any(PairwiseAffinity()(FEATURES[:, :4]))
    assert np.any(PairwiseAffinity(border="full")(FEATURES[:, :1]))


def test_unknown_borders_and_shapes_are_refused():
    with pytest.raises(ValueError, match="border: received 'half'"):
        PairwiseAffinity(border="half")
    with pytest.raises(ValueError, match="shape: received 'star', expected one of disc, window"):
        PairwiseAffinity(shape="star")
