"""A segmentation network's probabilities to labels."""

import numpy as np
import pytest
import tensorflow as tf

from tests.support.oracles.upsample import strongest, upsample
from tfwsss.inference.decide.probability import decide_by_probability, kept_probabilities
from tfwsss.inference.views import Picture

PICTURE = Picture((17, 23), (33, 25))


def probabilities(seed: int = 0) -> np.ndarray:
    raised = np.exp(3 * np.random.default_rng(seed).normal(size=(5, 4, 4)))
    return (raised / raised.sum(axis=-1, keepdims=True)).astype(np.float32)


@pytest.mark.parametrize("classes", [[0, 1, 2], [1], [0, 2], []])
def test_the_likeliest_of_background_and_the_classes_that_count(classes):
    """Numbers of the kept ids; probabilities shared among them."""
    maps = probabilities(1)
    decision = decide_by_probability({"probabilities": tf.constant(maps)}, PICTURE, tf.constant(classes, tf.int32))
    planes = np.moveaxis(maps, -1, 0)[[0, *(label + 1 for label in classes)]]
    planes = planes / planes.sum(axis=0)
    np.testing.assert_array_equal(decision.ids, strongest(planes, PICTURE.size, PICTURE.covers)[0])
    expected = np.moveaxis(upsample(planes, PICTURE.size, PICTURE.covers), 0, -1)
    np.testing.assert_allclose(decision.scores, expected, atol=1e-6)
    np.testing.assert_allclose(decision.certainty, expected.max(axis=-1), atol=1e-6)


def test_of_equal_probabilities_the_first_id_wins():
    maps = tf.constant(np.full((3, 3, 4), 0.25, np.float32))
    assert not np.any(decide_by_probability({"probabilities": maps}, PICTURE, tf.range(3)).ids)


@pytest.mark.parametrize("labels", [(), (1,), (0, 2), (0, 1, 2)])
def test_probabilities_keep_their_ratios_and_sum_to_one(labels):
    before = probabilities()
    after = np.asarray(kept_probabilities(before, np.array(labels, np.int32)))
    assert after.shape == (5, 4, 1 + len(labels))
    np.testing.assert_allclose(after.sum(axis=-1), 1, atol=1e-6)
    ratio = after / before[..., [0, *(label + 1 for label in labels)]]
    np.testing.assert_allclose(ratio, np.broadcast_to(ratio[..., :1], ratio.shape), rtol=1e-5)


def test_no_probability_for_any_id_that_counts_leaves_numbers():
    maps = np.zeros((2, 2, 3), np.float32)
    maps[..., 2] = 1.0
    assert np.isfinite(kept_probabilities(maps, np.array([0], np.int32))).all()
