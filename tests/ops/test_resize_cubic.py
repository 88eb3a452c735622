import cv2
import numpy as np
import pytest
import tensorflow as tf

from tests.support.arrays import channels_last, recorded
from tfwsss.ops.resize_cubic import cubic_taps, resize_cubic, resize_cubic_part


@pytest.mark.parametrize(("key", "side"), [("up_6", 6), ("down_2", 2)])
def test_maps_as_pytorch_recorded_them(key, side):
    data = recorded("mcis_bicubic")
    expected = channels_last(data[key])
    np.testing.assert_allclose(resize_cubic(channels_last(data["x"]), side, side), expected,
                               atol=1e-6 * np.abs(expected).max())


@pytest.mark.parametrize("size", [(13, 21), (64, 3), (5, 7), (1, 1), (40, 50)])
@pytest.mark.parametrize("source", [(8, 8), (5, 7), (1, 4), (3, 1), (24, 24)])
def test_float_maps_are_opencvs(source, size):
    x = np.random.default_rng(0).normal(size=source).astype("float32")
    expected = cv2.resize(x, size[::-1], interpolation=cv2.INTER_CUBIC)
    np.testing.assert_allclose(resize_cubic(x[None, ..., None], *size)[0, ..., 0], expected, atol=2e-5)


def test_weights_sum_to_one_and_the_same_size_is_the_identity():
    for source, target in ((1, 5), (7, 3), (24, 32), (64, 32)):
        np.testing.assert_allclose(sum(np.asarray(weights) for _, weights in cubic_taps(source, target)), 1, atol=1e-6)
    x = np.random.default_rng(1).normal(size=(1, 6, 5, 2)).astype("float32")
    np.testing.assert_array_equal(resize_cubic(x, 6, 5), x)


@pytest.mark.parametrize(("size", "covers"), [((9, 13), (13, 13)), ((3, 2), (33, 9)), ((1, 8), (5, 9))])
def test_a_part_is_a_crop_of_the_whole(size, covers):
    x = np.random.default_rng(1).normal(size=(2, 4, 5, 3)).astype("float32")
    np.testing.assert_array_equal(resize_cubic_part(x, size, covers),
                                  np.asarray(resize_cubic(x, *covers))[:, :size[0], :size[1]])


def test_a_strip_of_a_large_canvas_needs_the_memory_of_the_strip():
    """The canvas has 3.6 * 10^9 pixels, and products of its sides are beyond 2^31."""
    x = np.linspace(0, 1, 7500, dtype="float32").reshape(1, 7500, 1, 1)
    made = np.asarray(resize_cubic_part(x, (60_000, 1), (60_000, 60_000))).ravel()
    assert made.shape == (60_000,)
    np.testing.assert_allclose(made[::1000], np.linspace(0, 1, 60_000)[::1000], atol=1e-3)


def test_mirrored_maps_give_mirrored_results():
    x = np.random.default_rng(1).normal(size=(1, 24, 24, 2)).astype("float32")
    np.testing.assert_allclose(resize_cubic(x[:, :, ::-1], 32, 32), np.asarray(resize_cubic(x, 32, 32))[:, :, ::-1],
                               atol=1e-5)


def test_unknown_sizes_in_a_graph():
    x = np.random.default_rng(1).normal(size=(1, 6, 9, 2)).astype("float32")
    graph = tf.function(resize_cubic, input_signature=[tf.TensorSpec((None, None, None, 2)),
                                                       tf.TensorSpec((), tf.int32), tf.TensorSpec((), tf.int32)])
    np.testing.assert_allclose(graph(x, 4, 30), resize_cubic(x, 4, 30), atol=1e-6)
