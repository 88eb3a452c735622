import numpy as np
import pytest
import tensorflow as tf

from tests.support.arrays import recorded
from tfwsss.ops.map_merging import merge_maps


def merged(maps):
    return np.asarray(merge_maps([one[..., None] for one in maps]))[..., 0]


@pytest.mark.parametrize("name", ["aggregate", "aggregate_tiny"])
def test_bytes_as_recorded(name):
    data = recorded(f"mcis_{name}")
    found = merged(data["maps"])
    assert found.dtype == np.uint8
    np.testing.assert_array_equal(found, data["aggregated"])


def test_bytes_written_out_by_hand():
    maps = np.array([[[-1, 2], [1, 4]], [[0, 1], [3, -2]], [[-9, -3], [1, -4]]], "float32")
    assert merged(maps).tolist() == [[0, 70], [106, 85]]       # the third is left out, and still divides


def slow(maps):
    """The rule, one number at a time, all of it float32; and in doubles."""
    found = []
    for kind in (np.float32, np.float64):
        total = np.zeros(maps.shape[1:], kind)
        for place, raw in enumerate(maps.astype(kind)):
            if place == 0 or 1 / (1 + np.exp(-raw.mean())) > 0.1:
                positive = np.maximum(raw, 0)
                total += positive / (positive.max() + kind(1e-8)) * kind(255)
        found.append((total / kind(len(maps))).astype(np.uint8))
    return found


def test_equals_the_rule_in_float32_and_not_in_doubles():
    random, apart = np.random.default_rng(0), 0
    for _ in range(20):
        maps = (random.normal(size=(5, 6, 7)) + random.normal(0, 2, (5, 1, 1))).astype("float32")
        single, double = slow(maps)
        np.testing.assert_array_equal(merged(maps), single)
        apart += np.sum(single != double)
    one = np.float32([[[0.5, 3.0]]])
    assert merged(one).tolist() == [[42, 255]] and slow(one)[1].tolist() == [[42, 254]] and apart >= 0


def test_classes_do_not_meet_and_nothing_is_nothing():
    random = np.random.default_rng(1)
    maps = random.normal(size=(3, 4, 5, 2)).astype("float32")
    together = np.asarray(merge_maps(list(maps)))
    for label in (0, 1):
        np.testing.assert_array_equal(together[..., label], merged(maps[..., label]))
    assert not merged(-np.abs(maps[..., 0])).any()


def test_a_first_map_counts_however_improbable():
    low = np.float32([[-90.0, 3.0]])
    assert merged([low, low]).tolist() == [[0, 127]] and merged([low]).tolist() == [[0, 255]]


def test_unknown_sizes_in_a_graph():
    signature = [tf.TensorSpec((None, None, 1), tf.float32)] * 3
    data = recorded("mcis_aggregate_tiny")
    graph = tf.function(lambda *maps: merge_maps(maps), input_signature=signature)
    np.testing.assert_array_equal(graph(*data["maps"][..., None])[..., 0], data["aggregated"])
