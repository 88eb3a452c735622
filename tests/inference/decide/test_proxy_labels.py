import cv2
import numpy as np
import tensorflow as tf

from tests.support.arrays import recorded
from tests.support.oracles import proxy_labels as oracle
from tfwsss.inference.decide.proxy_labels import decide_by_proxy_labels, enlarged_bytes
from tfwsss.inference.views import Picture
from tfwsss.ops.proxy_labels import MCIS_LIMITS


def near(found, expected):
    """Bytes of a cubic resizing may fall on either side of a half."""
    away = np.abs(np.asarray(found) - expected.astype(int))
    assert away.max() <= 1 and np.mean(away) < 0.005


def test_bytes_enlarged_as_recorded():
    data = recorded("mcis_aggregate")
    found = enlarged_bytes(data["aggregated"][..., None].astype("float32"), Picture((13, 21), (13, 21)), [0])
    near(found[..., 0], data["resized_h13_w21"])


def scene(seed=0):
    """Smooth maps of four classes, of which two count, and a saliency map."""
    random = np.random.default_rng(seed)
    maps = np.stack([cv2.GaussianBlur(random.normal(size=(32, 32)), (0, 0), 3) for _ in range(4)], axis=-1)
    maps = np.uint8((maps - maps.min((0, 1))) / np.ptp(maps, axis=(0, 1)) * 255)
    saliency = np.uint8(cv2.GaussianBlur(random.normal(size=(30, 45)), (0, 0), 4) > 0) * 255
    return maps.astype("float32"), saliency


def by_opencv(maps, size):
    return np.stack([cv2.resize(maps[..., label].astype(np.uint8), size[::-1], interpolation=cv2.INTER_CUBIC)
                     for label in (1, 3)], axis=-1)


def test_maps_are_enlarged_as_opencv_does_and_decided_upon():
    maps, saliency = scene()
    for salient in (saliency, None):
        picture = Picture(saliency.shape, saliency.shape, saliency=salient)
        decision = decide_by_proxy_labels(MCIS_LIMITS, 0.4, {"cam": maps}, picture, np.array([1, 3]))
        planes = np.asarray(enlarged_bytes(maps, picture, [1, 3]))
        near(planes, by_opencv(maps, saliency.shape))
        expected = oracle.proxy_labels(np.moveaxis(planes, -1, 0), salient, 0.4)
        np.testing.assert_array_equal(decision.ids, expected)
        assert {0, 1, 2} <= set(np.unique(expected))
        background = 1 - saliency / 255 if salient is not None else np.full(saliency.shape, 0.4)
        np.testing.assert_allclose(decision.scores[..., 0], background, atol=1e-6)
        assert decision.scores.shape == (*saliency.shape, 3) and np.max(decision.scores) <= 1


def test_only_the_part_of_a_canvas_where_the_image_lies():
    maps, _ = scene(1)
    whole = enlarged_bytes(maps, Picture((64, 64), (64, 64)), [0, 2])
    np.testing.assert_array_equal(enlarged_bytes(maps, Picture((40, 50), (64, 64)), [0, 2]), whole[:40, :50])


def test_unknown_sizes_in_a_graph():
    maps, saliency = scene(2)

    @tf.function(input_signature=[tf.TensorSpec((None, None, None)), tf.TensorSpec((None, None), tf.uint8),
                                  tf.TensorSpec((None,), tf.int32)])
    def graph(cam, salient, classes):
        size = tf.shape(salient)
        return decide_by_proxy_labels(MCIS_LIMITS, 0.4, {"cam": cam}, Picture(size, size, saliency=salient), classes)

    found, picture = graph(maps, saliency, [1, 3]), Picture(saliency.shape, saliency.shape, saliency=saliency)
    eager = decide_by_proxy_labels(MCIS_LIMITS, 0.4, {"cam": maps}, picture, np.array([1, 3]))
    assert np.mean(found.ids.numpy() != np.asarray(eager.ids)) < 0.005
