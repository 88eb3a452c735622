import functools

import keras
import numpy as np
import pytest
from keras import ops

from tests.support.arrays import recorded
from tfwsss.errors import UserError
from tfwsss.training.optimizers import SGD, Adam
from tfwsss.training.schedules import PolyDecay, StepDecay

FACTORS = {"fc8": 10, "body/bias": 0.5}


def network():
    keras.utils.set_random_seed(3)
    image = keras.Input((4,))
    x = keras.layers.Dense(3, name="body", activation="tanh")(image)
    return keras.Model(image, keras.layers.Dense(2, name="fc8")(x))


def data(seed=0):
    random = np.random.default_rng(seed)
    return random.normal(size=(8, 4)).astype("float32"), random.normal(size=(8, 2)).astype("float32")


def factor(path):
    return 10 if path.startswith("fc8") else 0.5 if path == "body/bias" else 1


def gradients(model, x, y):
    import tensorflow as tf

    with tf.GradientTape() as tape:
        loss = tf.reduce_mean(tf.square(model(x) - y))
    return [np.asarray(g, "float64") for g in tape.gradient(loss, [w.value for w in model.trainable_variables])]


def test_sgd_is_the_hand_formula():
    model, (x, y) = network(), data()
    rate, decay, momentum = PolyDecay(0.05, 3, 2), 0.1, 0.9
    optimiser = SGD(rate, momentum, coupled_decay=decay, multipliers=FACTORS)
    weights = [np.asarray(w, "float64") for w in model.trainable_variables]
    paths = [w.path for w in model.trainable_variables]
    velocity = [0 * w for w in weights]
    for step in range(6):
        lr = 0.05 * (1 - (step // 2) / 3) ** 0.9
        for i, g in enumerate(gradients(model, x, y)):
            g = g + (decay if paths[i].endswith("kernel") else 0) * weights[i]
            velocity[i] = momentum * velocity[i] - lr * factor(paths[i]) * g
            weights[i] = weights[i] + velocity[i]
        optimiser.apply([ops.convert_to_tensor(g, "float32") for g in gradients(model, x, y)],
                        model.trainable_variables)
        for ours, hand in zip(model.trainable_variables, weights, strict=True):
            np.testing.assert_allclose(ours, hand, atol=1e-6, err_msg=f"step {step}, {ours.path}")


def test_sgd_follows_caffe():
    """Rate 1e-3 times 10, decay 5e-4, the mean gradient of two images a step, as recorded."""
    data = recorded("mcis_caffe_layers")
    layer = keras.layers.Dense(1, use_bias=False, name="score")
    layer.build((None, 1))
    layer.kernel.assign([[1.0]])
    optimiser = SGD(PolyDecay(1e-3, 16_000, 1, every_step=True), 0.9, coupled_decay=5e-4, multipliers={"score": 10})
    optimiser.build(layer.weights)
    trace, weight = data["sgd_trace_rate_diff_history_weight"], 1.0
    assert len(trace) == len(data["sgd_grads"]) == 3
    for gradients, (rate, _, history, expected) in zip(data["sgd_grads"], trace, strict=True):
        np.testing.assert_allclose(10 * float(optimiser.learning_rate), rate, rtol=1e-6)
        optimiser.apply([ops.full((1, 1), gradients.mean(), "float32")], layer.weights)
        np.testing.assert_allclose(float(layer.kernel[0, 0]), expected, atol=1e-7)
        np.testing.assert_allclose(weight - float(layer.kernel[0, 0]), history, atol=2e-7)
        weight = float(layer.kernel[0, 0])


@pytest.mark.parametrize("nesterov", [True, False])
def test_rate_outside_the_velocity_is_pytorchs_rule_over_steps_of_the_rate(nesterov):
    """d = g + decay w for biases too; v = momentum v + d; w - rate factor (d + momentum v), or of v alone."""
    model, random = network(), np.random.default_rng(1)
    rate, everything = StepDecay(0.05, (2, 3), 5), ("*",)
    optimiser = SGD(rate, 0.9, 0.1, {"fc8": 10, "bias": 2}, everything, rate_outside=True, nesterov=nesterov)
    keras_rule = SGD(rate, 0.9, 0.1, {"fc8": 10, "bias": 2}, everything, nesterov=nesterov)
    weights, other = [np.asarray(w, "float64") for w in model.trainable_variables], network()
    velocity = [0 * w for w in weights]
    for step in range(20):
        lr = 0.05 * 0.1 ** ((step >= 10) + (step >= 15))
        found = [random.normal(size=w.shape) for w in weights]
        for i, (g, path) in enumerate(zip(found, (w.path for w in model.trainable_variables), strict=True)):
            factor = (10 if path.startswith("fc8") else 1) * (2 if path.endswith("bias") else 1)
            d = g + 0.1 * weights[i]
            velocity[i] = 0.9 * velocity[i] + d
            weights[i] = weights[i] - lr * factor * (d + 0.9 * velocity[i] if nesterov else velocity[i])
        for one, its in ((optimiser, model), (keras_rule, other)):
            one.apply([ops.convert_to_tensor(g, "float32") for g in found], its.trainable_variables)
        for ours, hand, inside in zip(model.trainable_variables, weights, other.trainable_variables, strict=True):
            np.testing.assert_allclose(ours, hand, atol=2e-5, err_msg=f"step {step}, {ours.path}")
            apart = np.abs(np.asarray(inside) - hand).max()
            assert apart < 2e-5 if step < 10 else apart > 1e-3, (step, ours.path, apart)


def test_pytorchs_nesterov_by_hand_over_a_rate_step():
    """w = 1, gradients 1, 2, 3, momentum 0.5, rates 0.1, 0.1, 0.01: v = 1, 2.5, 4.25."""
    layer = keras.layers.Dense(1, use_bias=False)
    layer.build((None, 1))
    layer.kernel.assign([[1.0]])
    optimiser, found = SGD(StepDecay(0.1, (2,), 1), 0.5, rate_outside=True, nesterov=True), []
    for gradient in (1.0, 2.0, 3.0):
        optimiser.apply([ops.full((1, 1), gradient)], layer.weights)
        found.append(float(layer.kernel[0, 0]))
    np.testing.assert_allclose(found, [0.85, 0.525, 0.47375], rtol=1e-6)    # minus 0.15, 0.325, 0.05125


def test_adam_is_the_hand_formula():
    model, (x, y) = network(), data()
    optimiser = Adam(0.01, beta_2=0.9, coupled_decay=0.1, multipliers=FACTORS)
    weights = [np.asarray(w, "float64") for w in model.trainable_variables]
    paths = [w.path for w in model.trainable_variables]
    m, v = [0 * w for w in weights], [0 * w for w in weights]
    for step in range(1, 5):
        found = gradients(model, x, y)
        for i, g in enumerate(found):
            g = g + (0.1 if paths[i].endswith("kernel") else 0) * weights[i]
            m[i], v[i] = 0.9 * m[i] + 0.1 * g, 0.9 * v[i] + 0.1 * g * g
            alpha = 0.01 * factor(paths[i]) * np.sqrt(1 - 0.9 ** step) / (1 - 0.9 ** step)
            weights[i] = weights[i] - alpha * m[i] / (np.sqrt(v[i]) + 1e-7)
        optimiser.apply([ops.convert_to_tensor(g, "float32") for g in found], model.trainable_variables)
        for ours, hand in zip(model.trainable_variables, weights, strict=True):
            np.testing.assert_allclose(ours, hand, atol=2e-6, err_msg=f"step {step}, {ours.path}")


def trained(make):
    model, (x, y) = network(), data()
    model.compile(make(), loss="mse", jit_compile=False)
    model.fit(x, y, batch_size=8, epochs=5, shuffle=False, verbose=0)
    return {w.path: ops.convert_to_numpy(w) for w in model.weights}


@pytest.mark.parametrize("kind", [SGD, Adam, functools.partial(SGD, rate_outside=True, nesterov=True)])
def test_one_replica_equals_two(strategy, kind):
    def make():
        return kind(0.01, coupled_decay=0.1, multipliers=FACTORS)

    one = trained(make)
    with strategy.scope():
        two = trained(make)
    for path, values in one.items():
        np.testing.assert_allclose(two[path], values, atol=1e-6, err_msg=path)


def test_state_survives_saving(tmp_path):
    model, (x, y) = network(), data()
    model.compile(SGD(PolyDecay(0.05, 3, 2), coupled_decay=0.1, multipliers=FACTORS), loss="mse")
    model.fit(x, y, batch_size=8, epochs=2, verbose=0)
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    assert again.optimizer.multipliers == FACTORS and again.optimizer.coupled_decay == 0.1
    for both in (model, again):
        both.fit(x, y, batch_size=8, epochs=3, verbose=0)
    for one, other in zip(model.weights, again.weights, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-7)


def test_factor_zero_freezes_and_stars_match():
    model, (x, y) = network(), data()
    before = [np.asarray(w) for w in model.weights]
    SGD(0.1, multipliers={"b*": 0}).apply([ops.convert_to_tensor(g, "float32") for g in gradients(model, x, y)],
                                          model.trainable_variables)
    moved = {w.path: bool(np.any(np.asarray(w) != old)) for w, old in zip(model.weights, before, strict=True)}
    assert moved == {"body/kernel": False, "body/bias": False, "fc8/kernel": True, "fc8/bias": False}


def test_name_does_not_match_longer_names():
    layers = [keras.layers.Dense(1, use_bias=False, name=name) for name in ("fc6", "fc6_ft")]
    for layer in layers:
        layer.build((None, 1))
        layer.kernel.assign([[0.0]])
    variables = [layer.kernel for layer in layers]
    SGD(1.0, multipliers={"fc6": 10}).apply([ops.ones((1, 1))] * 2, variables)
    assert [float(v[0, 0]) for v in variables] == [-10.0, -1.0]


def test_pattern_without_match_is_an_error():
    with pytest.raises(UserError, match=r"'fc9' matches no trainable variable; the layers are body, fc8"):
        SGD(0.1, multipliers={"fc9": 10}).build(network().trainable_variables)
