import numpy as np
import pytest

from tfwsss.data.images import scale_image_smoothly
from tfwsss.data.rescale import rescale

IMAGE = np.random.default_rng(0).integers(0, 256, (31, 44, 3)).astype(np.uint8)


@pytest.mark.parametrize("size", [(62, 88), (16, 22), (46, 66), (1, 1), (31, 90), (7, 44)])
def test_the_graphs_rule_to_a_grey_level(size):
    """Pillow counts in whole numbers, so that one in 700 of this noise rounds the other way."""
    found, other = rescale(IMAGE, size), np.asarray(scale_image_smoothly(IMAGE, size))
    away = np.abs(found.astype(int) - other)
    assert found.shape == (*size, 3) and found.dtype == np.uint8
    assert away.max() <= 1 and np.mean(away > 0) <= 2e-3


def test_the_same_size_changes_nothing():
    np.testing.assert_array_equal(rescale(IMAGE, (31, 44)), IMAGE)
    np.testing.assert_array_equal(rescale(np.full((5, 6, 3), 200, np.uint8), (9, 3)), 200)
