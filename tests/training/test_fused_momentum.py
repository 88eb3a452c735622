import itertools

import keras
import numpy as np
import pytest

from tfwsss.training import optimizers
from tfwsss.training.fused_momentum import fused_momentum


@pytest.mark.parametrize(("nesterov", "outside"), itertools.product((False, True), repeat=2))
def test_the_kernel_is_the_plain_form(monkeypatch, nesterov, outside):
    """Four steps of two rates, of weights that decay."""
    random = np.random.default_rng(0)
    start, gradients = random.normal(size=(5, 3)), random.normal(size=(4, 5, 3)).astype("float32")

    def trained():
        weight = keras.Variable(start.astype("float32"), name="kernel")
        rule = optimizers.SGD(0.1, 0.9, coupled_decay=0.01, nesterov=nesterov, rate_outside=outside)
        for step, each in enumerate(gradients):
            rule.learning_rate = 0.1 if step < 2 else 0.02
            rule.apply([keras.ops.convert_to_tensor(each)], [weight])
        return np.asarray(weight), np.asarray(rule.momentums[0])

    fused = trained()
    monkeypatch.setattr(optimizers, "fused_momentum", lambda *_, **__: False)
    for ours, plain in zip(fused, trained(), strict=True):
        np.testing.assert_allclose(ours, plain, rtol=1e-5, atol=1e-6)


def test_another_backend_is_left_to_the_plain_form(monkeypatch):
    weight, velocity = keras.Variable([1.0]), keras.Variable([0.5])
    monkeypatch.setattr(keras.backend, "backend", lambda: "jax")
    assert not fused_momentum(weight, velocity, keras.ops.array([2.0]), 0.1, 0.5, nesterov=False, rate_outside=False)
    assert float(weight[0]) == 1.0 and float(velocity[0]) == 0.5
