import numpy as np
import pytest

from tests.support.oracles.dense_graph import enlarging
from tfwsss.ops.pixel_corners import enlarged_ends, pixel_corners


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


@pytest.mark.parametrize(("count", "stride"), [(1, 3), (4, 2), (3, 8)])
def test_pixels_of_a_row_lie_between_two_positions(count, stride):
    before, behind, share = (np.asarray(value) for value in enlarged_ends(np.arange(count * stride), count, stride))
    place = np.clip((np.arange(count * stride) + 0.5) / stride - 0.5, 0, count - 1)
    np.testing.assert_array_equal(before, np.floor(place))
    np.testing.assert_array_equal(behind, np.minimum(before + 1, count - 1))
    np.testing.assert_allclose(share, place - before, atol=1e-6)
