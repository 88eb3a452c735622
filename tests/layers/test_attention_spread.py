import numpy as np
import pytest

from tfwsss.layers.attention_spread import AttentionSpread


@pytest.fixture
def attention():
    drawn = np.exp(np.random.default_rng(0).normal(size=(2, 6, 6)))
    return (drawn / drawn.sum(-1, keepdims=True)).astype("float32")


def affinity(one):
    """Three rounds of columns and rows, symmetric, two steps: written out."""
    for _ in range(3):
        one = one / one.sum(0, keepdims=True)
        one = one / one.sum(1, keepdims=True)
    both = (one + one.T) / 2
    return both @ both


def test_on_the_same_grid_it_is_a_product_with_the_affinity(attention):
    maps = np.random.default_rng(1).normal(size=(2, 2, 3, 4)).astype("float32")
    found = AttentionSpread(8, 8)(maps, attention, maps[..., :1])
    expected = [affinity(one.astype("float64")) @ np.maximum(each, 0).reshape(6, 4)
                for one, each in zip(attention, maps, strict=True)]
    np.testing.assert_allclose(found, np.reshape(expected, maps.shape), atol=1e-5)


def test_maps_keep_their_own_grid(attention):
    """A constant stays nearly one, whatever the grids: rows of the affinity sum to nearly 1."""
    maps = np.full((2, 5, 9, 1), 3.0, "float32")
    found = AttentionSpread(4, 8, rounds=50)(maps, attention, np.zeros((2, 2, 3, 7), "float32"))
    np.testing.assert_allclose(found, maps, atol=1e-3)


def test_attention_without_bounds_is_the_mean_of_all(attention):
    maps = np.zeros((1, 2, 3, 1), "float32")
    maps[0, 0, 0] = 6
    np.testing.assert_allclose(AttentionSpread(8, 8)(maps, np.ones((1, 6, 6), "float32"), maps), 1, atol=1e-5)
