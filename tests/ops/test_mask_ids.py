"""Places among an image's classes to the ids of a mask."""

import numpy as np
import pytest
import tensorflow as tf

from tfwsss.ops.mask_ids import ids_of, mask_ids


@pytest.mark.parametrize(("classes", "expected"), [([1, 4], [0, 2, 5, 255]), ([0, 1], [0, 1, 2, 255])])
def test_places_become_ids_and_undecided_stays(classes, expected):
    places = tf.constant([[0, 1, 2, 255]])
    assert mask_ids(places, tf.constant(classes)).numpy().tolist() == [expected]
    assert mask_ids(tf.constant([[0, 255]]), tf.constant([], tf.int32)).numpy().tolist() == [[0, 255]]


@pytest.mark.parametrize(("undecided", "expected"), [(255, [0, 256, 255]), (7, [0, 256, 7])])
def test_another_value_may_stand_for_undecided(undecided, expected):
    """An id of the same number is still an id."""
    assert mask_ids(tf.constant([0, 1, undecided]), tf.constant([255]), undecided).numpy().tolist() == expected
    assert mask_ids(tf.constant([1, 1]), tf.constant([undecided - 1]), undecided).numpy().tolist() == [undecided] * 2


@pytest.mark.parametrize("classes", [[], [3], [0, 2, 9]])
def test_ids_stand_in_the_order_of_the_planes(classes):
    expected = [0, *(label + 1 for label in classes)]
    for given in (np.array(classes, np.int32), tf.constant(classes, tf.int32)):
        found = ids_of(given).numpy()
        assert found.tolist() == expected and found.dtype == np.int32


def test_one_trace_serves_all_shapes_and_numbers_of_classes():
    graph = tf.function(mask_ids, input_signature=[tf.TensorSpec(None, tf.int32), tf.TensorSpec((None,), tf.int32)])
    for places, classes, expected in (([[1, 255]], [5], [[6, 255]]), ([0], [], [0]), ([2, 1, 0], [3, 8], [9, 4, 0])):
        found = graph(np.int32(places), np.int32(classes))
        assert found.dtype == tf.int32 and found.numpy().tolist() == expected
