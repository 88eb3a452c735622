"""Images on canvases of several sides show the same scene, at the upper left."""

import numpy as np
import pytest
import tensorflow as tf

from tfwsss.data.images import scale_image
from tfwsss.inference.canvas import on_canvas

IMAGE = np.random.default_rng(2).integers(0, 256, (20, 33, 3)).astype(np.uint8)
GREY = np.array([1.0, 2.0, 3.0], np.float32)


def test_an_image_that_fits_stays_as_it_is():
    found = on_canvas(tf.constant(IMAGE), 41, 41, GREY).numpy()
    np.testing.assert_array_equal(found[:20, :33], IMAGE)
    assert (found[20:] == GREY).all() and (found[:, 33:] == GREY).all()


@pytest.mark.parametrize(("side", "base", "size"), [(33, 33, (20, 33)), (17, 17, (10, 17)), (17, 33, (10, 17)),
                                                    (65, 33, (40, 65)), (9, 17, (5, 9))])
def test_the_longer_side_is_reduced_to_the_base_and_all_is_scaled(side, base, size):
    found = on_canvas(tf.constant(IMAGE), side, base, GREY).numpy()
    assert found.shape == (side, side, 3) and found.dtype == np.float32
    np.testing.assert_array_equal(found[:size[0], :size[1]], scale_image(tf.constant(IMAGE), size).numpy())
    assert (found[size[0]:] == GREY).all() and (found[:, size[1]:] == GREY).all()


@pytest.mark.parametrize("shape", [(1, 1), (1, 500), (500, 1)])
def test_narrow_images_keep_a_pixel(shape):
    found = on_canvas(tf.fill([*shape, 3], tf.constant(200, tf.uint8)), 17, 33, GREY).numpy()
    assert (found == 200).all(-1).any() and found.shape == (17, 17, 3)
