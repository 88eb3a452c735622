import numpy as np
import pytest
import tensorflow as tf

from tfwsss.saved_model.sample import sample_image


@pytest.mark.parametrize("size", [(30, 40), (121, 161)])
def test_a_sample_is_a_picture_of_its_size_with_edges_and_areas(size):
    pixels = tf.io.decode_jpeg(sample_image(*size)).numpy()
    assert pixels.shape == (*size, 3) and pixels.std() > 10
    assert np.abs(np.diff(pixels.astype(int), axis=1)).max() > 30


def test_the_same_size_gives_the_same_bytes():
    assert sample_image(30, 40) == sample_image(30, 40) != sample_image(40, 30)
