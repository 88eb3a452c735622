import keras
import numpy as np
import pytest
from keras import ops

from tests.support.arrays import channels_last, gradient, recorded
from tfwsss.layers.intra_class import ClassDirections, SignCorrection
from tfwsss.losses.intra_class import BottomUpLoss


def directions(weight):
    layer = ClassDirections(weight.shape[0])
    layer.build((None, None, None, weight.shape[1]))
    layer.kernel.assign(np.transpose(weight))
    return layer


def bottom_up_gradient(x, weight, label, scale=10.0):
    """Gradients of the summed loss by direction (class, channel) and by feature."""
    layer, loss = directions(weight), BottomUpLoss(scale)
    x = keras.Variable(x)
    by_kernel, by_x = gradient(lambda: ops.sum(loss.call(label, layer(x.value))), [layer.kernel, x])
    return np.transpose(by_kernel), by_x


def released_gradient(x, weight, label, scale=10.0):
    """The specification's section 5.2, one number at a time."""
    n, h, w, k = x.shape
    result = np.zeros_like(weight, "float64")
    for c in range(weight.shape[0]):
        u = weight[c].astype("float64")
        norm, g = np.sqrt(u @ u), np.zeros(k)
        for i in range(n):
            if label[i].sum() == 1 and label[i, c]:
                for p in x[i].reshape(-1, k).astype("float64"):
                    g -= scale / (h * w) * (p @ u) / np.sqrt(u @ u + 1e-10) * p
        result[c] = g / (norm + 1e-5) - u * (u @ g) / (norm ** 3 + 1e-5)
    return result


def test_directions_by_hand():
    x = np.array([[[[1, 0], [2, -1]]], [[[3, 1], [-1, 1]]]], "float32")          # (2, 1, 2, 2)
    weight = np.array([[3, 4], [0, 2]], "float32")
    scores = ops.convert_to_numpy(directions(weight)(x))
    np.testing.assert_allclose(scores[:, 0, :, 0], [[0.6, 0.4], [2.6, 0.2]], atol=1e-6)
    np.testing.assert_allclose(scores[:, 0, :, 1], [[0, -1], [1, 1]], atol=1e-6)
    by_weight, by_x = bottom_up_gradient(x, weight, np.array([[1, 0], [1, 1]], "float32"))
    np.testing.assert_allclose(by_weight, [[-1.087997, 0.815999], [0, 0]], atol=2e-6)
    assert by_x is None or not np.any(by_x)


def test_directions_as_recorded():
    data = recorded("icd_bottom_up")
    x = channels_last(data["data"])
    np.testing.assert_allclose(ops.convert_to_numpy(directions(data["weight"])(x)), channels_last(data["score"]),
                               atol=1e-5)
    by_weight, by_x = bottom_up_gradient(x, data["weight"], data["label"], float(data["grad_scale"]))
    np.testing.assert_allclose(by_weight, data["grad_weight"], rtol=1e-5, atol=1e-5)
    assert by_x is None or not np.any(by_x)


@pytest.mark.parametrize("length", [1e-3, 0.2, 5.0])
def test_released_constants_at_any_length(length):
    random = np.random.default_rng(0)
    x = random.normal(size=(3, 2, 3, 4)).astype("float32")
    weight = random.normal(size=(2, 4)).astype("float32")
    weight *= length / np.linalg.norm(weight, axis=1, keepdims=True)
    label = np.array([[1, 0], [0, 1], [1, 1]], "float32")
    expected = released_gradient(x, weight, label)
    np.testing.assert_allclose(bottom_up_gradient(x, weight, label)[0], expected, rtol=1e-4,
                               atol=1e-5 * np.abs(expected).max())


def test_only_the_angle_of_a_direction_matters():
    random = np.random.default_rng(1)
    x, weight = random.normal(size=(1, 3, 3, 5)).astype("float32"), random.normal(size=(2, 5)).astype("float32")
    one = ops.convert_to_numpy(directions(weight)(x))
    np.testing.assert_allclose(ops.convert_to_numpy(directions(7 * weight)(x)), one, atol=1e-5)
    np.testing.assert_allclose(ops.convert_to_numpy(directions(-weight)(x)), -one, atol=1e-6)


def by_class(*maps):
    """Stacks maps (image, class, row, column) given as lists to channels last."""
    return channels_last(np.array(maps, "float32"))


HAND_SCORES = by_class([[[1, -2], [3, -1]], [[-1, 2], [.5, -.5]]], [[[2, 1], [-1, -1]], [[1, 1], [-2, -3]]])
HAND_CAM = by_class([[[4, 1], [2, -3]], [[5, 1], [0, 2]]], [[[1, 1], [6, -1]], [[0, 1], [2, 2]]])


def test_sign_by_hand():
    layer = SignCorrection(2)
    out = ops.convert_to_numpy(layer(HAND_SCORES, HAND_CAM, np.array([[1, 0], [1, 1]], "float32"), training=True))
    np.testing.assert_allclose(layer.moving_mean.numpy(), [[0.2, 0.175], [0.05, 0.2]], atol=1e-6)
    np.testing.assert_allclose(out[0, ..., 1], [[1, -2], [-.5, .5]])
    np.testing.assert_allclose(out[0, ..., 0], HAND_SCORES[0, ..., 0])
    layer(HAND_SCORES, HAND_CAM, np.array([[1, 0], [1, 0]], "float32"), training=True)
    np.testing.assert_allclose(layer.moving_mean.numpy(), [[0.38, 0.3325], [0.05, 0.2]], atol=1e-6)


def test_sign_as_recorded():
    data = recorded("icd_sign")
    layer = SignCorrection(data["label"].shape[-1], momentum=float(data["momentum"]))
    for step in range(len(data["label"])):
        out = layer(channels_last(data["score"][step]), channels_last(data["cam"][step]), data["label"][step],
                    training=True)
        np.testing.assert_allclose(layer.moving_mean.numpy(), data["moving_mean"][step], atol=1e-6)
        np.testing.assert_array_equal(ops.convert_to_numpy(out), channels_last(data["out"][step]))
    out = layer(channels_last(data["eval_score"]), channels_last(data["cam"][0]), data["label"][0], training=False)
    np.testing.assert_array_equal(ops.convert_to_numpy(out), channels_last(data["eval_out"]))
    np.testing.assert_allclose(layer.moving_mean.numpy(), data["moving_mean"][-1], atol=1e-6)


def test_two_updates_a_step_are_two_steps_of_half_batches():
    data = recorded("icd_sign")
    scores, cam = (channels_last(np.concatenate(data[key])) for key in ("score", "cam"))
    label = np.concatenate(data["label"])
    whole, halves = SignCorrection(4, updates_per_step=2), SignCorrection(4)
    out = whole(scores, cam, label, training=True)
    expected = [halves(scores[part], cam[part], label[part], training=True) for part in (slice(0, 6), slice(6, 12))]
    np.testing.assert_allclose(whole.moving_mean.numpy(), halves.moving_mean.numpy(), atol=1e-6)
    np.testing.assert_array_equal(ops.convert_to_numpy(out), np.concatenate(expected))


@pytest.mark.parametrize("updates", [1, 2])
def test_sign_spans_the_batch_of_two_replicas(strategy, updates):
    import tensorflow as tf

    data = recorded("icd_sign")
    scores, cam = (channels_last(np.concatenate(data[key])) for key in ("score", "cam"))
    label = np.concatenate(data["label"])
    one = SignCorrection(4, updates_per_step=updates)
    expected = ops.convert_to_numpy(one(scores, cam, label, training=True))
    with strategy.scope():
        two = SignCorrection(4, updates_per_step=updates)
        two.build(scores.shape)

    def values(array):
        return strategy.experimental_distribute_values_from_function(
            lambda context: tf.constant(array[6 * context.replica_id_in_sync_group:][:6]))

    run = tf.function(lambda s, c, y: strategy.run(lambda *x: two(*x, training=True), args=(s, c, y)))
    out = strategy.experimental_local_results(run(values(scores), values(cam), values(label)))
    np.testing.assert_allclose(two.moving_mean.numpy(), one.moving_mean.numpy(), atol=1e-6)
    np.testing.assert_array_equal(np.concatenate(out), expected)


def test_flipped_direction_is_corrected_to_the_same_scores():
    random = np.random.default_rng(3)
    scores, cam = random.normal(size=(2, 4, 6, 6, 3)).astype("float32")
    label = np.ones((4, 3), "float32")
    one, other = SignCorrection(3), SignCorrection(3)
    np.testing.assert_array_equal(ops.convert_to_numpy(one(scores, cam, label, training=True)),
                                  ops.convert_to_numpy(other(-scores, cam, label, training=True)))
