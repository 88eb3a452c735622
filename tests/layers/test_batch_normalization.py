import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import ops

from tests.support.arrays import gradient
from tfwsss.errors import UserError
from tfwsss.layers.batch_normalization import BatchNormalization

SHAPE = (4, 4, 2, 5)
N = 4 * 4 * 2                   # numbers a channel
ROUNDING = (N + 8) * 2.0**-24   # a sum of n float32 numbers in whatever order errs by n roundings of their magnitudes


def batch(mean=100.0, deviation=1.0, shape=SHAPE, seed=0):
    return np.random.default_rng(seed).normal(mean, deviation, shape).astype("float32")


def exact(x, epsilon=1e-5):
    """Returns the normalised batch, its mean and its variance in float64."""
    x = x.astype("float64")
    axes = tuple(range(x.ndim - 1))
    mean, variance = x.mean(axes), x.var(axes)
    return (x - mean) / np.sqrt(variance + epsilon), mean, variance


def exact_gradient(x, head, epsilon=1e-5):
    """Returns the gradient of sum(head * y) by x, gamma and beta in float64, gamma 1."""
    y, _, variance = exact(x, epsilon)
    axes = tuple(range(x.ndim - 1))
    inner = head - head.mean(axes) - y * (head * y).mean(axes)
    return inner / np.sqrt(variance + epsilon), (head * y).sum(axes), head.sum(axes)


def error(layer, x) -> float:
    return np.abs(ops.convert_to_numpy(layer(x, training=True)) - exact(x)[0]).max()


@pytest.mark.parametrize("mean", [0.0, 1.0, 100.0, 1e4, -1e4])
def test_a_mean_large_beside_the_deviation_costs_no_digits(mean):
    """y errs by half of the variance's relative error, and by that of the mean in deviations."""
    x = batch(mean)
    bound = (np.abs(exact(x)[0]).max() / 2 + 1) * ROUNDING
    assert bound < 1e-5 and error(BatchNormalization(), x) <= bound


def test_constant_channels_and_an_empty_batch_give_beta():
    x = np.full(SHAPE, 1234.567, "float32")
    layer = BatchNormalization(beta_initializer="ones")
    left = 1234.567 * ROUNDING                                 # of x - s, the same everywhere; e errs by its rounding
    np.testing.assert_allclose(layer(x, training=True), np.ones(SHAPE), atol=(left / 1e-5**0.5 + 1) * ROUNDING)
    assert layer(x[:0], training=True).shape == (0, *SHAPE[1:])
    assert np.isfinite(ops.convert_to_numpy(layer.moving_variance)).all()


def test_gradients_in_float64_are_those_of_the_formula():
    x, head = batch(3.0).astype("float64"), batch(0.0, seed=1).astype("float64")
    variable, layer = keras.Variable(x, dtype="float64"), BatchNormalization(dtype="float64")
    layer.build(SHAPE)
    found = gradient(lambda: ops.sum(layer(variable.value, training=True) * head),
                     [variable, layer.gamma, layer.beta])
    for ours, expected in zip(found, exact_gradient(x, head), strict=True):
        np.testing.assert_allclose(ours, expected, rtol=1e-10, atol=1e-12)


def test_gradients_keep_their_digits_too():
    x, head = batch(), np.sign(batch(0.0, seed=1))
    variable, layer = keras.Variable(x), BatchNormalization()
    layer.build(SHAPE)
    found = gradient(lambda: ops.sum(layer(variable.value, training=True) * head),
                     [variable, layer.gamma, layer.beta])
    y, _, variance = exact(x)
    largest = (1 + np.abs(y).max()) ** 2                       # |head| is 1: sums of |head| and |head y|, beside y
    for ours, expected, size in zip(found, exact_gradient(x, head), (1 / variance.min()**0.5, N, N), strict=True):
        np.testing.assert_allclose(ours, expected, rtol=0, atol=size * largest * ROUNDING)


def test_moving_statistics_follow_as_in_keras_own_layer():
    """The variance is divided by n, not by n - 1; where the mean is small both rules give the same."""
    x = batch(0.5)
    ours = BatchNormalization(momentum=0.8)
    theirs = keras.layers.BatchNormalization(momentum=0.8, epsilon=1e-5, synchronized=True)
    for layer in (ours, theirs):
        for _ in range(2):
            layer(x, training=True)
        layer(x, training=False)
        layer(x)
    _, mean, variance = exact(x)
    np.testing.assert_allclose(ours.moving_mean, 0.36 * mean, atol=2 * ROUNDING)
    np.testing.assert_allclose(ours.moving_variance, 0.64 + 0.36 * variance, rtol=2 * ROUNDING)
    for one, other in zip(ours.weights, theirs.weights, strict=True):
        np.testing.assert_allclose(one, other, atol=8 * ROUNDING, err_msg=one.path)
    np.testing.assert_allclose(ours(x), theirs(x), atol=32 * ROUNDING)


def test_a_frozen_layer_uses_and_keeps_its_moving_statistics():
    x, layer = batch(), BatchNormalization(trainable=False)
    np.testing.assert_allclose(layer(x, training=True), x / np.sqrt(1 + 1e-5), rtol=1e-6)
    assert not np.any(layer.moving_mean)


def test_other_axes_and_no_scale_or_centre():
    x = batch(shape=(3, 5, 7))
    expected = exact(x.transpose(0, 2, 1))[0].transpose(0, 2, 1)
    layer = BatchNormalization(axis=1, scale=False, center=False)
    np.testing.assert_allclose(layer(x, training=True), expected, atol=1e-5)
    assert [weight.name for weight in layer.weights] == ["moving_mean", "moving_variance"]


def test_half_precision_input_has_float32_statistics():
    """Squares of 300 are beyond float16, and so would be a sum of 32 of them."""
    x = batch(300.0, 4.0).astype("float16")
    layer = BatchNormalization(dtype="mixed_float16")
    y = layer(x, training=True)
    assert ops.dtype(y) == "float16" and ops.dtype(layer.moving_variance) == "float32"
    np.testing.assert_allclose(ops.convert_to_numpy(y), exact(x)[0], rtol=2.0**-11, atol=2.0**-11)


@pytest.mark.parametrize("first", [2, 3])
def test_two_replicas_with_unlike_parts_equal_one(first, strategy):
    """Values, gradients and moving statistics; the parts differ in mean, deviation and, in one case, in size."""
    x, head = np.concatenate([batch(100.0)[:2], batch(103.0, 0.1)[2:]]), batch(0.0, seed=1)
    parts = (slice(None, first), slice(first, None))
    with strategy.scope():
        layer = BatchNormalization(momentum=0.0)
        layer.build(SHAPE)

    def work(x, head):
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = layer(x, training=True)
            value = ops.sum(y * head)
        return y, tape.gradient(value, x)

    given = [strategy.experimental_distribute_values_from_function(
        lambda context, whole=whole: tf.constant(whole[parts[context.replica_id_in_sync_group]]))
        for whole in (x, head)]
    results = tf.function(lambda *both: strategy.run(work, args=both), autograph=False)(*given)
    y, slope = (np.concatenate(strategy.experimental_local_results(result)) for result in results)
    expected, mean, variance = exact(x)
    np.testing.assert_allclose(y, expected, atol=(np.abs(expected).max() / 2 + 1) * ROUNDING)
    largest = (1 + np.abs(expected).max()) ** 2 * np.abs(head).max() / variance.min() ** 0.5
    np.testing.assert_allclose(slope, exact_gradient(x, head)[0], atol=largest * ROUNDING)
    np.testing.assert_allclose(layer.moving_mean.numpy(), mean, rtol=ROUNDING)
    np.testing.assert_allclose(layer.moving_variance.numpy(), variance, rtol=4 * ROUNDING)


def test_weight_files_of_keras_own_layer_fit_and_the_other_way(tmp_path):
    kinds = keras.layers.BatchNormalization, BatchNormalization
    models = [keras.Sequential([keras.Input((3,)), kind(name="one"), kind(name="other")], name="both")
              for kind in kinds]
    for model, other in (models, models[::-1]):
        model.set_weights([np.random.default_rng(0).uniform(size=weight.shape) for weight in model.weights])
        model.save_weights(tmp_path / "file.weights.h5")
        other.set_weights([np.zeros(weight.shape) for weight in other.weights])
        other.load_weights(tmp_path / "file.weights.h5")
        for ours, theirs in zip(model.weights, other.weights, strict=True):
            assert ours.path == theirs.path
            np.testing.assert_array_equal(ours, theirs)


def test_what_would_change_the_rule_is_refused():
    with pytest.raises(UserError, match="renorm is no choice here"):
        BatchNormalization(renorm=True)
    with pytest.raises(UserError, match="synchronized is no choice here"):
        BatchNormalization(synchronized=True)
    with pytest.raises(UserError, match="takes no mask"):
        BatchNormalization()(np.ones((2, 3, 4), "float32"), training=True, mask=np.ones((2, 3), bool))
