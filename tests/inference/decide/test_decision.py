"""Which classes count where no tags are given, and how likely each is."""

import numpy as np
import pytest
import tensorflow as tf

from tests.support.oracles.upsample import upsample
from tfwsss.inference.decide.decision import likely_by_logits, likely_somewhere
from tfwsss.inference.views import Picture

PICTURE = Picture((17, 23), (33, 25))


def grid(channels: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(0.0, 1.0, (5, 4, channels)).astype(np.float32)


@pytest.mark.parametrize("shift", [-3.0, 0.0, 3.0])
def test_likely_are_classes_of_a_positive_mean_or_else_the_likeliest(shift):
    """The mean over the pixels of the image, whatever lies beyond it."""
    logits = grid(5) + np.linspace(-1, 1, 5, dtype=np.float32) + np.float32(shift)
    likely, kept = likely_by_logits("cam", {"cam": tf.constant(logits), "scores": None}, PICTURE)
    means = upsample(np.moveaxis(logits, -1, 0), PICTURE.size, PICTURE.covers).mean(axis=(1, 2))
    np.testing.assert_allclose(likely, 1 / (1 + np.exp(-means)), atol=1e-6)
    np.testing.assert_array_equal(kept, (means >= 0) | ((means == means.max()) & (means.max() < 0)))
    assert np.any(kept)


@pytest.mark.parametrize(("means", "kept"), [
    ([-1.0, 2.0, -3.0], [1]), ([0.5, 0.25, -1.0], [0, 1]), ([-2.0, -3.0, -1.0], [2]), ([0.0, -1.0, -1.0], [0])])
def test_likely_classes_by_hand(means, kept):
    """Maps of two positions, one above and one below the mean."""
    maps = tf.constant(np.array(means, np.float32) + np.float32([-1.0, 1.0])[None, :, None])
    found = likely_by_logits("cam", {"cam": maps}, Picture((1, 2), (1, 2)))
    assert np.flatnonzero(found[1]).tolist() == kept


def test_every_class_of_a_segmentation_network_counts_and_is_as_likely_as_at_its_best():
    raised = np.exp(3 * grid(4))
    probabilities = raised / raised.sum(axis=-1, keepdims=True)
    best, kept = likely_somewhere({"probabilities": tf.constant(probabilities)}, PICTURE)
    np.testing.assert_array_equal(best, probabilities[..., 1:].max((0, 1)))
    assert np.all(kept) and kept.dtype == tf.bool and len(kept) == 3
