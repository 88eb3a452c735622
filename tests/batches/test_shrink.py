"""Label maps on a network's grid, against OpenCV, the released loader's maps and a count of each cell."""

import cv2
import numpy as np
import pytest
import tensorflow as tf

from tests.support.arrays import recorded
from tfwsss.batches.shrink import reduce_ids, shrink_ids
from tfwsss.errors import UserError
from tfwsss.palette import IGNORE


def test_recorded_maps():
    data = recorded("cian_label_downsample")
    label = data["label"].astype("int32")
    np.testing.assert_array_equal(shrink_ids(label, 8, "bilinear_ids"), data["small"])
    by_stride = shrink_ids(label, 8).numpy()
    np.testing.assert_array_equal(by_stride, label[:, ::8, ::8])
    assert set(np.unique(by_stride)) <= set(np.unique(label)) < set(np.unique(data["small"])) | set(np.unique(label))


def test_false_classes_of_the_worked_example():
    row = np.full((321, 321), 255, "int32")
    row[:, :200], row[:, :4] = 15, 0
    for rule, expected in (("bilinear_ids", [6, 15, 50]), ("stride", [0, 15, 255])):
        assert shrink_ids(row, 8, rule).numpy()[7, [0, 1, 25]].tolist() == expected


@pytest.mark.parametrize(("rows", "columns", "stride"), [(321, 81, 8), (17, 33, 4), (40, 7, 8), (1, 9, 8), (16, 30, 3)])
def test_ids_as_grey_values_equal_opencv(rows, columns, stride):
    ids = np.random.default_rng(rows).integers(0, 256, (2, 3, rows, columns)).astype("int32")
    found = shrink_ids(ids, stride, "bilinear_ids").numpy()
    size = (-(-columns // stride), -(-rows // stride))
    for place in np.ndindex(2, 3):
        expected = cv2.resize(ids[place].astype(np.uint8), size, interpolation=cv2.INTER_LINEAR)
        np.testing.assert_array_equal(found[place], expected)


@pytest.mark.parametrize("rule", ["stride", "bilinear_ids"])
def test_unknown_sizes_give_the_same(rule):
    ids = np.random.default_rng(0).integers(0, 256, (2, 17, 25)).astype("int32")
    graph = tf.function(lambda x: shrink_ids(x, 8, rule), input_signature=[tf.TensorSpec((None, None, None), tf.int32)])
    np.testing.assert_array_equal(graph(ids), shrink_ids(ids, 8, rule))
    assert shrink_ids(ids, 8, rule).shape == (2, 3, 4)


def test_unknown_rule():
    with pytest.raises(UserError, match="label_shrink is 'mode'; expected 'stride' or 'bilinear_ids'"):
        shrink_ids(np.zeros((1, 8, 8), "int32"), 8, "mode")


def commonest(mask, num_ids):
    """The id that most pixels of a cell have, the lower of equals; 255 where most are unknown or no id."""
    counts = np.bincount(np.where(mask < num_ids, mask, num_ids).ravel(), minlength=num_ids + 1)
    return 255 if counts.argmax() == num_ids else counts.argmax()


@pytest.mark.parametrize(("rows", "columns", "block", "num_ids"), [
    (16, 24, 8, 4), (17, 31, 8, 4), (1, 1, 8, 3), (9, 10, 4, 3), (5, 6, 1, 3), (7, 13, 3, 91)])
def test_ids_are_reduced_to_the_commonest_of_each_cell(rows, columns, block, num_ids):
    """Cells that stick out of the mask are filled up with 255, which counts like an id of its own."""
    ids = np.random.default_rng(0).choice([*range(min(num_ids, 5)), num_ids, 200, IGNORE], (3, rows, columns))
    ids[0] = ids[0, 0, 0]                                                                   # one of one id only
    full = np.full((3, rows + -rows % block, columns + -columns % block), IGNORE)
    full[:, :rows, :columns] = ids
    expected = [[[commonest(mask[y:y + block, x:x + block], num_ids) for x in range(0, full.shape[2], block)]
                 for y in range(0, full.shape[1], block)] for mask in full]
    ids = tf.constant(ids, tf.int32)
    found = reduce_ids(ids, block, num_ids)
    assert found.dtype == tf.int32 and found.shape == (3, -(-rows // block), -(-columns // block))
    np.testing.assert_array_equal(found, expected)
    unknown = tf.function(lambda x: reduce_ids(x, block, num_ids),
                          input_signature=[tf.TensorSpec((None, None, None), tf.int32)])
    np.testing.assert_array_equal(unknown(ids), expected)


@pytest.mark.parametrize(("cell", "expected"), [
    ([0, 0, 1, 1], 0), ([2, 2, 1, 1], 1), ([255, 255, 2, 2], 2), ([255, 255, 255, 2], 255), ([3, 4, 0, 0], 0),
    ([3, 4, 9, 0], 255)])
def test_equal_counts_and_ids_beyond_the_last(cell, expected):
    assert reduce_ids(tf.reshape(tf.constant(cell), (1, 2, 2)), 2, 3).numpy().tolist() == [[[expected]]]
