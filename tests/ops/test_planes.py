import numpy as np
import pytest
import tensorflow as tf

from tfwsss.ops.planes import largest_plane, resize_planes, to_planes
from tfwsss.ops.resize import resize

MAPS = np.random.default_rng(0).normal(size=(2, 5, 7, 3)).astype("float32")


@pytest.mark.parametrize("align_corners", [True, False])
@pytest.mark.parametrize("size", [(9, 13), (5, 7), (2, 3), (1, 20)])
def test_planes_are_resized_like_maps(size, align_corners):
    found = resize_planes(to_planes(MAPS), *size, align_corners)
    np.testing.assert_allclose(found, to_planes(resize(MAPS, *size, align_corners)), atol=1e-6)


def test_planes_of_unknown_size_are_resized_alike():
    @tf.function(input_signature=[tf.TensorSpec((None, 3, None, None)), tf.TensorSpec((2,), tf.int32)])
    def anywhere(planes, size):
        return resize_planes(planes, size[0], size[1], align_corners=True)

    planes = to_planes(MAPS)
    np.testing.assert_allclose(anywhere(planes, [9, 13]), resize_planes(planes, 9, 13, align_corners=True), atol=1e-6)


def test_the_largest_plane_is_that_of_argmax_also_among_equals():
    maps = np.random.default_rng(1).integers(0, 3, (2, 6, 8, 4)).astype("float32")
    np.testing.assert_array_equal(largest_plane(to_planes(maps)), maps.argmax(axis=-1))
    assert (np.sort(maps, axis=-1)[..., -1] == np.sort(maps, axis=-1)[..., -2]).any()
