"""Resizing in the graph, against Pillow."""

import functools

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from tests.support.pillow import FILTERS, pillow
from tfwsss.data.pillow_resize import resize_as_pillow

RANDOM = np.random.default_rng(0)
NOISE = RANDOM.integers(0, 256, (31, 44, 3)).astype(np.uint8)
EDGES = (NOISE > 127).astype(np.uint8) * 255                        # the cubic overshoots on both ends of the bytes
SIZES = [(62, 88), (16, 22), (46, 66), (1, 1), (31, 90), (7, 44), (31, 44), (15, 132), (93, 11), (5, 6)]
LARGE = [(256, 256), (192, 192), (512, 512), (64, 64), (1, 1), (3, 200), (375, 500), (100, 101), (187, 250), (37, 999)]
BOTH = pytest.mark.parametrize("kernel", FILTERS)


def in_a_graph(kernel: str, *shape):
    return tf.function(functools.partial(resize_as_pillow, kernel=kernel), autograph=False, input_signature=[
        tf.TensorSpec(shape, tf.uint8), tf.TensorSpec((2,), tf.int32)])


@BOTH
@pytest.mark.parametrize("image", [NOISE, EDGES], ids=["noise", "edges"])
@pytest.mark.parametrize("size", SIZES)
def test_every_grey_level_is_that_of_pillow(image, size, kernel):
    found = resize_as_pillow(image, size, kernel)
    assert found.dtype == tf.uint8
    np.testing.assert_array_equal(found, pillow(image, size, kernel))


@BOTH
@pytest.mark.parametrize("source", [(375, 500), (100, 101), (500, 333), (1, 1), (2, 7), (256, 256)])
def test_every_pixel_of_large_images_is_pillows(source, kernel):
    image = np.random.default_rng(0).integers(0, 256, (*source, 3)).astype(np.uint8)
    for size in LARGE:
        np.testing.assert_array_equal(resize_as_pillow(image, size, kernel), pillow(image, size, kernel), str(size))


@pytest.mark.parametrize("side", [192, 256, 512])
def test_squares_of_photographs_are_those_of_one_call(side):
    image = np.random.default_rng(2).integers(0, 256, (375, 500, 3)).astype(np.uint8)
    whole = np.array(Image.fromarray(image).resize((side, side), Image.Resampling.BILINEAR))
    np.testing.assert_array_equal(resize_as_pillow(image, (side, side)), whole)


@BOTH
def test_extremes_and_flat_images_keep_their_values(kernel):
    for value in (0, 1, 127, 200, 254, 255):
        image = np.full((37, 53, 3), value, np.uint8)
        assert (resize_as_pillow(image, (16, 100), kernel).numpy() == value).all()
        assert (resize_as_pillow(image[:5, :6], (9, 3), kernel).numpy() == value).all()
    stripes = np.uint8(np.indices((64, 64)).sum(0) % 2 * 255)[..., None].repeat(3, -1)
    for size in ((31, 33), (65, 63), (32, 128)):
        np.testing.assert_array_equal(resize_as_pillow(stripes, size, kernel), pillow(stripes, size, kernel))


@BOTH
def test_batches_and_unknown_sizes_in_a_graph(kernel):
    """Compiled once for batches of any size, as class maps of whole images need it."""
    graph = in_a_graph(kernel, None, None, None, 3)
    for rows, columns in ((31, 44), (1, 9), (50, 1), (17, 60), (1, 1), (41, 29)):
        images = RANDOM.integers(0, 256, (2, rows, columns, 3)).astype(np.uint8)
        for factor in (0.5, 0.75, 1.5, 2.0):
            size = (max(1, round(rows * factor)), max(1, round(columns * factor)))
            for image, found in zip(images, graph(images, size).numpy(), strict=True):
                np.testing.assert_array_equal(found, pillow(image, size, kernel))


@BOTH
def test_the_number_of_channels_stays_known_in_a_graph(kernel):
    """What changes colours afterwards takes them apart."""
    concrete = in_a_graph(kernel, None, None, 3).get_concrete_function()
    assert concrete.output_shapes.as_list() == [None, None, 3]
