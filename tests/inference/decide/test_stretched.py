"""Stretched maps beside the released program written out, in double precision, on the sum of all views."""

import functools

import numpy as np
import pytest
import tensorflow as tf

from tests.support.oracles.upsample import upsample
from tfwsss.artefacts.scores import Scores
from tfwsss.inference.decide.decision import Decision
from tfwsss.inference.decide.stretched import decide_by_stretched, stretched_maps
from tfwsss.inference.decide.threshold import decide_by_threshold
from tfwsss.inference.kept import KeptRule
from tfwsss.inference.views import Picture

HALF = {"rtol": 2.0**-10, "atol": 1e-6}      # as maps are kept


def released(views: np.ndarray) -> np.ndarray:
    """From the maps of each view, `(view, row, column, class)`, as the program does it, one class after another."""
    total = views.astype(np.float64).sum(axis=0)
    total[total < 0] = 0
    high, low = total.max((0, 1), keepdims=True), total.min((0, 1), keepdims=True)
    total[total < low + 1e-5] = 0
    return (total - low - 1e-5) / (high - low + 1e-5)


@pytest.mark.parametrize("factor", [1.0, 1e-4])
@pytest.mark.parametrize("count", [1, 8])
def test_at_their_own_size_maps_are_the_released_ones(count, factor):
    """Their lowest pixels fall below 0 where the least value is above; faint maps show that views are summed."""
    views = np.random.default_rng(0).normal(0.5, 0.5, (count, 9, 7, 3)) * factor
    views[..., 0] = np.abs(views[..., 0]) + factor
    mean = views.mean(axis=0).astype(np.float32)
    found = stretched_maps(count, True, mean, Picture((9, 7), (9, 7)), np.arange(3, dtype=np.int32))
    np.testing.assert_allclose(found, released(views), rtol=2e-3, atol=2e-3)
    assert np.min(found[..., 0]) < -0.1 and np.max(found) <= 1


def test_an_empty_map_is_minus_one_and_no_class_is_no_map():
    maps = np.zeros((4, 5, 2), np.float32)
    found = stretched_maps(8, True, maps, Picture((4, 5), (4, 5)), np.int32([1]))
    np.testing.assert_array_equal(found, np.full((4, 5, 1), -1))
    assert stretched_maps(8, True, maps, Picture((4, 5), (4, 5)), np.zeros(0, np.int32)).shape == (4, 5, 0)


def test_on_a_canvas_the_extremes_are_those_of_the_image():
    """What lies round it does not count, and no value is dropped: positions reach between the pixels."""
    maps = np.random.default_rng(1).uniform(0.2, 0.8, (5, 5, 2)).astype(np.float32)
    maps[4] = 9.0
    size, covers = (9, 17), (33, 33)
    pixels = np.moveaxis(upsample(np.moveaxis(maps, -1, 0), size, covers), 0, -1)
    low, high = (reduce(pixels, axis=(0, 1)) for reduce in (np.min, np.max))
    found = stretched_maps(1, False, maps, Picture(size, covers), np.int32([0, 1]))
    np.testing.assert_allclose(found, (maps - low - 1e-5) / (high - low + 1e-5), **HALF)
    inside = np.moveaxis(upsample(np.moveaxis(np.asarray(found), -1, 0), size, covers), 0, -1)
    np.testing.assert_allclose([inside.min((0, 1)), inside.max((0, 1))], [[0, 0], [1, 1]], atol=2e-3)


def test_a_rule_decides_on_stretched_maps_of_the_classes_that_count():
    asked = {}

    def rule(maps, picture, classes):
        asked.update(maps=maps["cam"], classes=classes, picture=picture)
        return Decision(np.float32([-0.5, 0.5]), "ids")

    maps = np.random.default_rng(2).random((4, 6, 5)).astype(np.float32)
    picture = Picture((4, 6), (4, 6))
    found = decide_by_stretched(rule, 2, True, "refined", {"refined": maps, "other": None}, picture, np.int32([3, 0]))
    assert found.ids == "ids" and np.asarray(found.scores).tolist() == [0, 0.5]
    assert asked["picture"] is picture and np.asarray(asked["classes"]).tolist() == [0, 1]
    np.testing.assert_array_equal(asked["maps"], stretched_maps(2, True, maps, picture, np.int32([3, 0])))


def test_fresh_maps_and_kept_ones_are_decided_alike():
    """In a graph of unknown sizes too."""
    raw = np.random.default_rng(3).random((12, 10, 4)).astype(np.float16).astype(np.float32)
    classes, picture = np.int32([1, 3]), Picture((12, 10), (12, 10))
    rule = functools.partial(decide_by_threshold, 0.4)
    decide = tf.function(lambda maps, labels: decide_by_stretched(rule, 4, True, "refined", {"refined": maps}, picture,
                                                                  labels).ids,
                         input_signature=[tf.TensorSpec((None, None, 4)), tf.TensorSpec((None,), tf.int32)],
                         autograph=False)
    kept = np.moveaxis(np.asarray(stretched_maps(4, True, raw, picture, classes)), -1, 0).astype(np.float16)
    found = KeptRule(rule, ("cam",))({"cam": Scores(classes, kept, (12, 10))})
    np.testing.assert_array_equal(np.array([0, 2, 4])[np.asarray(decide(raw, classes))], found)
    assert set(np.unique(found)) == {0, 2, 4}
