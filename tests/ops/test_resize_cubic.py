import cv2
import numpy as np
import pytest
import tensorflow as tf

from tests.support.arrays import channels_last, recorded
from tfwsss.ops.resize_cubic import cubic_matrix, resize_cubic


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


def test_rows_sum_to_one_and_the_same_size_is_the_identity():
    for source, target in ((1, 5), (7, 3), (24, 32), (64, 32)):
        np.testing.assert_allclose(np.sum(cubic_matrix(source, target), axis=1), 1, atol=1e-6)
    np.testing.assert_array_equal(cubic_matrix(6, 6), np.eye(6))


def test_mirrored_maps_give_mirrored_results():
    x = np.random.default_rng(1).normal(size=(1, 24, 24, 2)).astype("float32")
    np.testing.assert_allclose(resize_cubic(x[:, :, ::-1], 32, 32), np.asarray(resize_cubic(x, 32, 32))[:, :, ::-1],
                               atol=1e-5)


def test_unknown_sizes_in_a_graph():
    x = np.random.default_rng(1).normal(size=(1, 6, 9, 2)).astype("float32")
    graph = tf.function(resize_cubic, input_signature=[tf.TensorSpec((None, None, None, 2)),
                                                       tf.TensorSpec((), tf.int32), tf.TensorSpec((), tf.int32)])
    np.testing.assert_allclose(graph(x, 4, 30), resize_cubic(x, 4, 30), atol=1e-6)
