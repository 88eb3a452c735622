"""Label maps on a network's grid, against OpenCV and the released loader's maps."""

import cv2
import numpy as np
import pytest
import tensorflow as tf

from tests.support.arrays import recorded
from tfwsss.batches.shrink import shrink_ids
from tfwsss.errors import UserError


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
