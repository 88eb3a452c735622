import numpy as np
import pytest

from tfwsss.errors import UserError
from tfwsss.ops.area import area_means


def test_cells_are_averaged():
    maps = np.random.default_rng(0).normal(size=(2, 6, 9, 4)).astype("float32")
    expected = np.zeros((2, 2, 3, 4))
    for image, row, column, channel in np.ndindex(expected.shape):
        expected[image, row, column, channel] = \
            maps[image, 3 * row:3 * row + 3, 3 * column:3 * column + 3, channel].mean(dtype=float)
    np.testing.assert_allclose(area_means(maps, 2, 3), expected, atol=1e-6)
    np.testing.assert_array_equal(area_means(maps, 6, 9), maps)


@pytest.mark.parametrize("size", [(4, 9), (2, 4), (6, 3), (12, 18)])
def test_sizes_that_are_no_whole_multiple_are_refused(size):
    with pytest.raises(UserError, match=f"6 x 9 positions, expected {size[0]} x {size[1]}"):
        area_means(np.zeros((1, 6, 9, 1), "float32"), *size)
