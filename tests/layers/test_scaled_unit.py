import numpy as np

from tfwsss.layers.scaled_unit import ScaledUnit


def test_lengths_do_not_count():
    x = np.random.default_rng(0).normal(size=(3, 5)).astype("float32")
    layer = ScaledUnit()
    np.testing.assert_allclose(layer(3 * x), layer(x), rtol=1e-5)
    layer.logit_scale.assign(np.log(100))
    np.testing.assert_allclose(layer(x), 100 * x / np.linalg.norm(x, axis=1, keepdims=True), rtol=1e-5)
