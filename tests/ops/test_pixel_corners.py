import numpy as np
import pytest

from tests.support.oracles.dense_graph import enlarging
from tfwsss.ops.pixel_corners import pixel_corners


@pytest.mark.parametrize(("size", "stride"), [((3, 5), 8), ((1, 4), 3), ((1, 1), 2), ((6, 2), 1)])
def test_every_pixel_reads_what_the_enlarged_map_holds(size, stride):
    maps = np.random.default_rng(0).normal(size=size)
    row, column = np.mgrid[:size[0] * stride, :size[1] * stride]
    rows, columns, shares = (np.asarray(value) for value in pixel_corners(row, column, size, stride))
    large = enlarging(size[0], size[0] * stride) @ maps @ enlarging(size[1], size[1] * stride).T
    np.testing.assert_allclose((maps[rows, columns] * shares).sum(axis=-1), large, atol=1e-6)
    np.testing.assert_array_equal(shares.sum(axis=-1), 1)


def test_sizes_may_differ_by_pixel():
    rows, columns, _ = pixel_corners(np.array([15, 15]), np.array([7, 7]), (np.array([2, 1]), np.array([1, 2])), 8)
    np.testing.assert_array_equal(rows, [[1, 1, 1, 1], [0, 0, 0, 0]])
    np.testing.assert_array_equal(columns, [[0, 0, 0, 0], [0, 1, 0, 1]])
