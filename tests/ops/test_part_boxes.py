import cv2
import numpy as np
import pytest
import tensorflow as tf

from tests.support import clip as recorded
from tfwsss.ops.part_boxes import part_boxes


def by_opencv(plane, share):
    """The released way: boxes of all contours, cut at the last row and column."""
    grey = (plane * 255).astype(np.uint8)
    binary = (grey > int(share * grey.max())).astype(np.uint8)
    found, (rows, columns) = np.zeros_like(plane), plane.shape
    for contour in cv2.findContours(binary, cv2.RETR_TREE, cv2.CHAIN_APPROX_SIMPLE)[0]:
        x, y, width, height = cv2.boundingRect(contour)
        found[y:min(y + height, rows - 1), x:min(x + width, columns - 1)] = 1
    return found


@pytest.mark.parametrize("size", [(7, 9), (1, 5), (6, 1), (24, 32)])
@pytest.mark.parametrize("share", [0.4, 0.7])
def test_boxes_are_those_of_opencv(size, share):
    random = np.random.default_rng(0)
    for power in (1, 4, 20):                        # few and many parts
        maps = (random.uniform(0, 0.9999999, (*size, 12)) ** power).astype("float32")
        expected = np.stack([by_opencv(maps[..., place], share) for place in range(12)], axis=-1)
        np.testing.assert_array_equal(part_boxes(maps, share), expected)


@pytest.mark.parametrize("case", recorded.MAPS)
@pytest.mark.parametrize(("key", "share"), [("B", 0.4), ("B_coco", 0.7)])
def test_boxes_are_those_recorded(case, key, share):
    data = recorded.arrays(case)
    maps = np.moveaxis(data["M"].reshape(-1, *data["grid"]), 0, -1)
    np.testing.assert_array_equal(np.moveaxis(part_boxes(maps, share), -1, 0).reshape(data[key].shape), data[key])


@pytest.mark.parametrize("case", recorded.MAPS)
def test_each_recorded_box_is_inside(case):
    """Corners (tag, first column, first row, column and row behind the last) give the marks, and no other cell has."""
    data = recorded.arrays(case)
    drawn = np.zeros(data["B"].shape, bool)
    for tag, left, top, right, bottom in data["boxes"]:
        drawn[tag, top:bottom, left:right] = True
    maps = np.moveaxis(data["M"].reshape(-1, *data["grid"]), 0, -1)
    np.testing.assert_array_equal(np.moveaxis(part_boxes(maps), -1, 0), drawn)


def test_a_winding_part_is_one():
    snake = np.zeros((9, 9, 1), "float32")
    snake[::4, :-1], snake[1:4, 7], snake[5:8, 0] = 1, 1, 1
    assert np.all(np.array(part_boxes(snake))[:8, :8] == 1) and part_boxes(snake).numpy().sum() == 64


def test_no_class_and_nothing_strong():
    graph = tf.function(part_boxes, autograph=False, input_signature=[tf.TensorSpec((None, None, None))])
    assert graph(np.zeros((4, 5, 0), "float32")).shape == (4, 5, 0)
    assert not np.any(graph(np.zeros((4, 5, 2), "float32")))
