import numpy as np
import pytest

from tests.ops.test_affinity import dense
from tfwsss.layers.pairwise_affinity import PairwiseAffinity
from tfwsss.ops.offsets import half_disc

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


def test_a_map_too_small_for_the_released_pairs_has_none():
    assert not np.any(PairwiseAffinity()(FEATURES[:, :4]))
    assert np.any(PairwiseAffinity(border="full")(FEATURES[:, :1]))


def test_unknown_border_is_refused():
    with pytest.raises(ValueError, match="border: received 'half'"):
        PairwiseAffinity(border="half")
