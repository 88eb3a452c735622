import numpy as np
import pytest

from tests.support.oracles.dense_graph import enlarging, points_of
from tfwsss.ops.box_points import box_sides, strongest_points

NO_BOX = (0, 0, -1, -1)


def found_points(maps, boxes, sizes, stride, place=0, box=0):
    """Row and column of the valid points of a box."""
    points = strongest_points(maps, np.array(boxes), np.array(sizes), stride)
    valid = np.asarray(points.valid)[place, box] > 0
    return np.stack([np.asarray(points.row)[place, box], np.asarray(points.column)[place, box]], axis=-1)[valid]


@pytest.mark.parametrize("stride", [1, 3, 8])
def test_points_are_those_of_the_enlarged_maps(stride):
    """Two images of unlike sizes on one grid, of two boxes and of one."""
    random = np.random.default_rng(stride)
    maps, sizes = random.normal(size=(2, 6, 7, 2)).astype("float32"), [(4, 7), (6, 3)]
    boxes = [[(stride, 0, 7 * stride - 1, 2 * stride), (2, 1, 2 * stride + 1, 2)],
             [(0, stride, 3 * stride - 1, 6 * stride - 1), NO_BOX]]
    for place, (rows, columns) in enumerate(sizes):
        for box, own in enumerate(boxes[place]):
            found = found_points(maps, boxes, sizes, stride, place, box)
            if own == NO_BOX:
                assert not len(found)
                continue
            part = maps[place, :rows, :columns, box].astype(float)
            large = enlarging(rows, rows * stride) @ part @ enlarging(columns, columns * stride).T
            np.testing.assert_array_equal(found, points_of(large[..., None], own, 0))


@pytest.mark.parametrize("size", [(3, 5), (17, 40), (64, 64)])
def test_of_equal_pixels_the_first_counts(size):
    """A constant map: the left column and the upper row of the box."""
    rows, columns = size
    box = (1, 2, columns - 1, rows - 1)
    found = found_points(np.full((1, rows, columns, 1), 0.3, "float32"), [[box]], [size], 1)
    expected = [(row, 1) for row in range(2, rows)] + [(2, column) for column in range(1, columns)]
    np.testing.assert_array_equal(found, expected)


def test_before_the_first_centre_of_a_cell_all_pixels_are_equal():
    """Half a cell at the left and upper border holds the first position's value alone."""
    maps = np.array([[[3.0], [1.0]], [[2.0], [0.0]]], "float32")[None]
    found = found_points(maps, [[(0, 0, 15, 15)]], [(2, 2)], 8)
    np.testing.assert_array_equal(found[:16, 1], 0)
    np.testing.assert_array_equal(found[16:, 0], 0)


def test_points_by_hand():
    logits = np.array([[1.0, 3, 2], [0, 5, 4], [9, 9, 9]], "float32").reshape(1, 3, 3, 1)
    np.testing.assert_array_equal(found_points(logits, [[(0, 0, 2, 1)]], [(3, 3)], 1),
                                  [(0, 1), (1, 1), (0, 0), (1, 1), (1, 2)])


def test_images_without_boxes_have_no_points():
    points = strongest_points(np.zeros((2, 3, 3, 1), "float32"), np.array([[NO_BOX]] * 2), np.array([(3, 3)] * 2), 2)
    assert not np.asarray(points.valid).any()
    assert [int(np.asarray(side)[0]) for side in box_sides(np.array([NO_BOX]))] == [0, 0]
