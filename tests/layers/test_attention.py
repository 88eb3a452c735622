import numpy as np

from tfwsss.layers.attention import Attention, LayerScale


def test_a_token_that_fits_one_key_takes_its_value():
    query = np.array([[[50.0, 0], [0, 50]]], "float32")
    key, value = np.array([[[0, 1.0], [1, 0]]], "float32"), np.array([[[1.0, 2], [3, 4]]], "float32")
    mixed, mean = Attention(heads=1)(query, key, value)
    np.testing.assert_allclose(mixed[0], [[3, 4], [1, 2]], atol=1e-5)
    np.testing.assert_allclose(mean[0], [[0, 1], [1, 0]], atol=1e-5)


def test_heads_look_for_themselves():
    """The first channel's head looks at the second token, the second channel's at the first."""
    query, key = np.full((1, 1, 2), 100, "float32"), np.array([[[0, 1.0], [1, 0]]], "float32")
    value = np.array([[[1.0, 2], [3, 4]]], "float32")
    mixed, mean = Attention(heads=2)(query, key, value)
    np.testing.assert_allclose(mixed[0], [[3, 2]], atol=1e-5)
    np.testing.assert_allclose(mean[0], [[0.5, 0.5]], atol=1e-5)


def test_later_tokens_are_hidden_from_earlier_ones():
    x = np.random.default_rng(0).normal(size=(2, 6, 4)).astype("float32")
    layer, changed = Attention(heads=2, causal=True), x.copy()
    changed[:, 4:] += 10
    before, after = (np.array(layer(each, each, each)[0]) for each in (x, changed))
    np.testing.assert_array_equal(after[:, :4], before[:, :4])
    assert np.abs(after[:, 4:] - before[:, 4:]).min() > 0
    mean = np.array(layer(x, x, x)[1])
    assert np.all(mean[:, np.triu_indices(6, 1)[0], np.triu_indices(6, 1)[1]] == 0)
    np.testing.assert_allclose(mean.sum(-1), 1, atol=1e-6)


def test_channels_are_scaled_one_by_one():
    layer = LayerScale(0.1)
    layer.build((None, 3))
    layer.gamma.assign([1.0, 2.0, 0.0])
    np.testing.assert_array_equal(layer(np.ones((2, 3), "float32")), [[1, 2, 0]] * 2)
