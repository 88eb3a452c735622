"""Cubic scaling in the graph, against Pillow."""

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from tfwsss.data.rescale import scale_image_smoothly

RANDOM = np.random.default_rng(0)
NOISE = RANDOM.integers(0, 256, (31, 44, 3)).astype(np.uint8)
EDGES = (NOISE > 127).astype(np.uint8) * 255                        # overshoots on both ends of the bytes
SIZES = [(62, 88), (16, 22), (46, 66), (1, 1), (31, 90), (7, 44), (31, 44), (15, 132), (93, 11), (5, 6)]


def pillow(image: np.ndarray, size) -> np.ndarray:
    """Columns first, then rows, as Pillow did when the published programs were written; now it chooses."""
    wide = Image.fromarray(image).resize((size[1], len(image)), Image.Resampling.BICUBIC)
    return np.array(wide.resize(size[::-1], Image.Resampling.BICUBIC))


@pytest.mark.parametrize("image", [NOISE, EDGES], ids=["noise", "edges"])
@pytest.mark.parametrize("size", SIZES)
def test_every_grey_level_is_that_of_pillow(image, size):
    found = scale_image_smoothly(image, size)
    assert found.dtype == tf.uint8
    np.testing.assert_array_equal(found, pillow(image, size))


def test_unknown_sizes_give_the_same():
    """Compiled once for batches of any size, as class maps of whole images need it."""
    graph = tf.function(scale_image_smoothly, autograph=False, input_signature=[
        tf.TensorSpec((None, None, None, 3), tf.uint8), tf.TensorSpec((2,), tf.int32)])
    for rows, columns in ((31, 44), (1, 9), (50, 1), (17, 60), (1, 1)):
        images = RANDOM.integers(0, 256, (2, rows, columns, 3)).astype(np.uint8)
        for factor in (0.5, 0.75, 1.5, 2.0):
            size = (max(1, round(rows * factor)), max(1, round(columns * factor)))
            for image, found in zip(images, graph(images, size).numpy(), strict=True):
                np.testing.assert_array_equal(found, pillow(image, size))


def test_one_colour_stays():
    np.testing.assert_array_equal(scale_image_smoothly(np.full((5, 6, 3), 200, np.uint8), (9, 3)), 200)


def test_the_number_of_channels_stays_known_in_a_graph():
    """What changes colours afterwards takes them apart."""
    work = tf.function(scale_image_smoothly, input_signature=[tf.TensorSpec((None, None, 3), tf.uint8),
                                                              tf.TensorSpec((2,), tf.int32)])
    assert work.get_concrete_function().output_shapes.as_list() == [None, None, 3]
