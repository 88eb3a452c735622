import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from tfwsss.data.pillow_resize import resize_as_pillow

SIZES = [(256, 256), (192, 192), (512, 512), (64, 64), (1, 1), (3, 200), (375, 500), (100, 101), (187, 250), (37, 999)]


def pillow(image, size):
    """One axis at a time: releases from 13 on choose which one first, those of the published programs do not."""
    for step in ((size[1], image.shape[0]), size[::-1]):
        image = np.array(Image.fromarray(image).resize(step, Image.Resampling.BILINEAR))
    return image


@pytest.mark.parametrize("source", [(375, 500), (100, 101), (500, 333), (1, 1), (2, 7), (256, 256)])
def test_every_pixel_is_pillows(source):
    image = np.random.default_rng(0).integers(0, 256, (*source, 3)).astype(np.uint8)
    for size in SIZES:
        np.testing.assert_array_equal(resize_as_pillow(image, size), pillow(image, size), err_msg=str(size))


@pytest.mark.parametrize("side", [192, 256, 512])
def test_squares_of_photographs_are_those_of_one_call(side):
    image = np.random.default_rng(2).integers(0, 256, (375, 500, 3)).astype(np.uint8)
    whole = np.array(Image.fromarray(image).resize((side, side), Image.Resampling.BILINEAR))
    np.testing.assert_array_equal(resize_as_pillow(image, (side, side)), whole)


def test_extremes_and_flat_images_keep_their_values():
    for value in (0, 1, 127, 254, 255):
        image = np.full((37, 53, 3), value, np.uint8)
        assert (resize_as_pillow(image, (16, 100)).numpy() == value).all()
    stripes = np.uint8(np.indices((64, 64)).sum(0) % 2 * 255)[..., None].repeat(3, -1)
    for size in ((31, 33), (65, 63), (32, 128)):
        np.testing.assert_array_equal(resize_as_pillow(stripes, size), pillow(stripes, size))


def test_batches_and_unknown_sizes_in_a_graph():
    images = np.random.default_rng(1).integers(0, 256, (2, 41, 29, 3)).astype(np.uint8)
    graph = tf.function(resize_as_pillow, input_signature=[tf.TensorSpec((None, None, None, 3), tf.uint8),
                                                           tf.TensorSpec((2,), tf.int32)])
    found = graph(images, tf.constant((30, 58)))
    np.testing.assert_array_equal(found, np.stack([pillow(image, (30, 58)) for image in images]))
