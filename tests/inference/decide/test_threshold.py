"""Class maps under a threshold beside the same rule on arrays, pixel by pixel."""

import functools

import numpy as np
import pytest
import tensorflow as tf

from tests.support.oracles.seeds import decide_cam
from tests.support.oracles.upsample import upsample
from tfwsss.artefacts.scores import Scores
from tfwsss.inference.decide.threshold import decide_by_threshold, enlarged
from tfwsss.inference.kept import KeptRule
from tfwsss.inference.views import Picture

RANDOM = np.random.default_rng(4)
SIZES = [(33, 47), (1, 30), (48, 1), (16, 16), (1, 1)]
COVERS = (49, 49)


def decided(maps: np.ndarray, threshold: float, size, classes):
    return decide_by_threshold(threshold, {"cam": tf.constant(maps)}, Picture(size, COVERS),
                               tf.constant(classes, tf.int32))


def by_pixels(maps: np.ndarray, threshold: float) -> np.ndarray:
    """The rule for enlarged maps `(row, column, class)`, one pixel after the other."""
    found = np.zeros(maps.shape[:2], int)
    for y, x in np.ndindex(*found.shape):
        parts = [max(maps[y, x, c], 0) / max(maps[..., c].max(), 1e-30) for c in range(maps.shape[-1])]
        if parts and max(parts) > threshold:
            found[y, x] = 1 + int(np.argmax(parts))
    return found


@pytest.mark.parametrize("threshold", [0.0, 0.25, 0.9, 1.0])
@pytest.mark.parametrize("classes", [[0, 1, 2], [1], []])
@pytest.mark.parametrize("size", SIZES)
def test_equals_the_rule_for_each_pixel(threshold, classes, size):
    """Where the strongest two, or strength and threshold, are no rounding apart."""
    maps = RANDOM.normal(size=(7, 7, 3)).astype(np.float32)
    decision = decided(maps, threshold, size, classes)
    wide = np.moveaxis(upsample(np.moveaxis(maps, -1, 0)[classes], size, COVERS), 0, -1)
    found, expected = np.asarray(decision.ids), by_pixels(wide, threshold)
    parts = np.sort(np.maximum(wide, 0) / np.maximum(wide.max((0, 1), initial=0.0), 1e-30), axis=-1)
    parts = np.pad(parts, ((0, 0), (0, 0), (2, 0)))[..., -2:]
    clear = (abs(parts[..., 1] - threshold) > 1e-5) & ((parts[..., 1] - parts[..., 0] > 1e-5) | (parts[..., 1] == 0))
    np.testing.assert_array_equal(found[clear], expected[clear])
    arrays = decide_cam(np.moveaxis(wide, -1, 0), range(len(classes)), threshold)
    np.testing.assert_array_equal(arrays, expected)
    assert decision.scores.shape == (*size, 1 + len(classes))
    assert np.all((decision.scores >= 0) & (decision.scores <= 1))


def test_maps_that_are_nowhere_positive_are_background():
    decision = decided(RANDOM.normal(-9.0, size=(7, 7, 3)).astype(np.float32), 0.0, (33, 47), [0, 1, 2])
    assert not np.any(decision.ids)
    np.testing.assert_array_equal(decision.scores, np.broadcast_to([1.0, 0, 0, 0], (33, 47, 4)))


def test_scores_are_parts_of_each_maximum_and_the_background_is_what_the_strongest_leaves():
    maps = RANDOM.normal(size=(7, 7, 2)).astype(np.float32)
    scores = np.asarray(decided(maps, 0.5, (33, 47), [0, 1]).scores)
    wide = np.moveaxis(upsample(np.moveaxis(maps, -1, 0), (33, 47), COVERS), 0, -1)
    parts = np.maximum(wide, 0) / wide.max((0, 1))
    np.testing.assert_allclose(scores[..., 1:], parts, atol=1e-5)
    np.testing.assert_allclose(scores[..., 0], 1 - parts.max(-1), atol=1e-5)


def test_of_equal_maxima_the_first_class_wins():
    maps = np.repeat(RANDOM.normal(size=(7, 7, 1)).astype(np.float32), 2, axis=-1)
    assert set(np.unique(decided(maps, 0.3, (33, 47), [0, 1]).ids)) == {0, 1}


def test_what_equals_the_threshold_is_background():
    maps = np.float32([[[4.0], [2.0], [3.0]]])
    decision = decide_by_threshold(0.5, {"cam": tf.constant(maps)}, Picture((1, 3), (1, 3)), tf.constant([0]))
    assert np.asarray(decision.ids).tolist() == [[1, 0, 1]]


def test_maps_are_enlarged_before_the_decision():
    cam = Scores(np.array([0]), np.array([[[0.0, 1.0]]]), (1, 5))
    for threshold, expected in ((0.6, [0, 0, 0, 1, 1]), (0.2, [0, 1, 1, 1, 1])):
        rule = KeptRule(functools.partial(decide_by_threshold, threshold), ("cam",))
        assert rule({"cam": cam}).tolist() == [expected]


def test_a_higher_threshold_only_adds_background():
    maps = RANDOM.normal(size=(7, 7, 3)).astype(np.float32)
    low, high = (np.asarray(decided(maps, threshold, (33, 47), [0, 1, 2]).ids) for threshold in (0.2, 0.6))
    assert ((high == low) | (high == 0)).all() and (high != low).any()


@pytest.mark.parametrize("classes", [[2, 0], [1], []])
def test_maps_are_enlarged_corners_on_corners(classes):
    maps = RANDOM.normal(size=(7, 6, 3)).astype(np.float32)
    found = enlarged(tf.constant(maps), Picture((20, 30), (49, 41)), tf.constant(classes, tf.int32))
    expected = upsample(np.moveaxis(maps, -1, 0)[classes], (20, 30), (49, 41))
    np.testing.assert_allclose(found, np.moveaxis(expected, 0, -1), atol=2e-6)
