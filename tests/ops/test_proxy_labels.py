"""The labels of OAA and MCIS, to the last pixel: the original's record, cases by hand, the rule on arrays."""

import re

import numpy as np
import pytest
import tensorflow as tf

from tests.support.arrays import recorded
from tests.support.oracles import proxy_labels as oracle
from tfwsss.ops.proxy_labels import MCIS_LIMITS, OAA_LIMITS, proxy_labels

CASES = ("tiny_two", "tiny_one", "smooth_two", "smooth_three", "under_one_percent", "missing_map")
BY_HAND = {
    "tiny_two": "0 0 1 0 255 1 / 0 255 255 15 15 255 / 1 255 255 0 255 255 / 0 0 15 15 1 255",
    "tiny_one": "0 0 15 0 255 15 / 0 15 15 15 255 255 / 15 15 255 0 255 255 / 0 0 15 255 15 255",
}


def case(name):
    """Returns the recorded maps, their classes, saliency and labels."""
    data = recorded("mcis_gen_gt")
    classes = sorted(int(found[1]) for key in data if (found := re.fullmatch(rf"{name}_att(\d+)", key)))
    return (np.stack([data[f"{name}_att{label}"] for label in classes]), classes, data[f"{name}_saliency"],
            data[f"{name}_label"])


def named(ids, classes):
    """Turns places to the ids of a mask."""
    table = np.full(256, 255)
    table[:len(classes) + 1] = [0, *(label + 1 for label in classes)]
    return table[np.asarray(ids)]


def ours(maps, *more, **settings):
    return np.asarray(proxy_labels(np.moveaxis(maps, 0, -1), *more, **settings))


@pytest.mark.parametrize("name", CASES)
def test_labels_as_recorded_to_the_last_pixel(name):
    maps, classes, saliency, expected = case(name)
    np.testing.assert_array_equal(named(ours(maps, saliency), classes), expected)


@pytest.mark.parametrize("name", BY_HAND)
def test_labels_written_out_by_hand(name):
    maps, classes, saliency, _ = case(name)
    expected = [[int(value) for value in row.split()] for row in BY_HAND[name].split(" / ")]
    np.testing.assert_array_equal(named(ours(maps, saliency), classes), expected)


def tie():
    """Three rows of exactly 30 % of the map's range, all salient."""
    values = np.zeros((1, 10, 10), np.uint8)
    values[0, 0, 0], values[0, 4:7] = 250, 75
    return values, np.full((10, 10), 255, np.uint8)


@pytest.mark.parametrize("limits", [MCIS_LIMITS, OAA_LIMITS])
def test_pixels_of_exactly_three_tenths_get_the_class(limits):
    found = ours(*tie(), limits=limits)
    assert (found[4:7] == 1).all() and found[0, 0] == 1 and (found == 1).sum() == 31
    assert (np.delete(found, [0, 4, 5, 6], axis=0) == 255).all()


@pytest.mark.parametrize("count", [0, 1, 2, 4])
@pytest.mark.parametrize("seed", range(3))
def test_equals_the_rule_on_arrays(count, seed):
    random = np.random.default_rng(seed)
    maps = (random.integers(0, 26, (count, 9, 11)) * 10).astype(np.uint8)        # many at exact tenths
    maps[:1, :2], maps[1:2, 1:3] = 250, 248
    saliency = random.choice([0, 31, 32, 100, 178, 179, 255], (9, 11)).astype(np.uint8)
    for limits in (MCIS_LIMITS, OAA_LIMITS):
        for salient, threshold in ((saliency, 0.3), (None, 0.3), (None, 0.55), (None, 0.1)):
            expected = oracle.proxy_labels(maps, salient, threshold, *limits) if count or salient is not None else 255
            np.testing.assert_array_equal(ours(maps, salient, threshold, limits), np.broadcast_to(expected, (9, 11)))


def test_without_saliency_the_threshold_parts_object_and_background():
    maps = np.array([[[0, 100, 130, 255, 252]], [[0, 0, 0, 255, 0]]], np.uint8)
    assert ours(maps, threshold=0.45).tolist() == [[0, 0, 1, 255, 1]]            # two classes at once: undecided
    assert ours(maps[:1], threshold=0.97).tolist() == [[0, 0, 0, 1, 1]]
    strong = np.array([[[0, 100, 209, 255, 252]]], np.uint8)   # 209 / 255 is above 0.8, below the background's 0.85
    assert ours(strong, threshold=0.85, limits=OAA_LIMITS).tolist() == [[0, 0, 255, 1, 1]]


def test_binary_saliency_lets_no_object_out():
    random = np.random.default_rng(4)
    maps, saliency = random.integers(0, 256, (3, 30, 30)), random.choice([0, 255], (30, 30))
    found = ours(maps.astype(np.uint8), saliency.astype(np.uint8))
    assert not ((found > 0) & (found < 255) & (saliency == 0)).any() and (found == 2).any()


def test_constant_maps_are_nothing():
    flat = np.full((1, 20, 20), 200, np.uint8)
    assert (ours(flat, np.zeros((20, 20), np.uint8)) == 255).all()               # no object at all: nothing is told


def test_unknown_sizes_and_no_class_in_a_graph():
    graph = tf.function(proxy_labels, input_signature=[tf.TensorSpec((None, None, None), tf.uint8),
                                                       tf.TensorSpec((None, None), tf.uint8)])
    maps, classes, saliency, expected = case("smooth_two")
    np.testing.assert_array_equal(named(graph(np.moveaxis(maps, 0, -1), saliency), classes), expected)
    assert (graph(np.zeros((4, 5, 0), np.uint8), np.zeros((4, 5), np.uint8)).numpy() == 255).all()
