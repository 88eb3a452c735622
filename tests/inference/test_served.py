"""What is said of one image's maps: which classes count, and the likeliest ids."""

import numpy as np
import pytest
import tensorflow as tf
from tfwsss.inference.served import Picture, decide_by_probability, likely_by_logits, likely_somewhere

from tests.support.oracles.upsample import strongest, upsample
from tfwsss.artefacts.scores import Scores
from tfwsss.steps.class_maps import likely

IMAGE = tf.zeros((17, 23, 3), tf.uint8)
COVERS = (33, 25)


def grid(channels: int, seed: int = 0):
    return np.random.default_rng(seed).normal(0.0, 1.0, (5, 4, channels)).astype(np.float32)


@pytest.mark.parametrize("shift", [-3.0, 0.0, 3.0])
def test_likely_classes_are_those_of_predict(shift):
    """Above one half by the mean logit, or else the likeliest, as with arrays."""
    logits = grid(5) + np.linspace(-1, 1, 5, dtype=np.float32) + np.float32(shift)
    probability, kept = likely_by_logits("cam", {"cam": tf.constant(logits)}, Picture(IMAGE, COVERS))
    planes = np.moveaxis(logits, -1, 0)
    wanted = likely({"cam": Scores(np.arange(5), planes, (17, 23), COVERS)}, "cam")["cam"].classes
    assert np.flatnonzero(kept).tolist() == wanted.tolist() and len(wanted) >= 1
    means = upsample(planes, (17, 23), COVERS).mean(axis=(1, 2))
    np.testing.assert_allclose(probability, 1 / (1 + np.exp(-means)), atol=1e-6)


def probabilities(seed: int = 0):
    raised = np.exp(3 * grid(4, seed))
    return {"probabilities": tf.constant(raised / raised.sum(axis=-1, keepdims=True))}


def test_every_class_of_a_segmenter_counts():
    found = probabilities()
    best, kept = likely_somewhere(found, Picture(IMAGE, COVERS))
    np.testing.assert_allclose(best, found["probabilities"].numpy()[..., 1:].max((0, 1)))
    assert np.all(kept) and len(kept) == 3


@pytest.mark.parametrize("classes", [[0, 1, 2], [1], [0, 2], []])
def test_the_likeliest_of_the_classes_that_count(classes):
    """Numbers of the kept ids; probabilities shared among them."""
    found = probabilities(1)
    decision = decide_by_probability(found, Picture(IMAGE, COVERS), tf.constant(classes, tf.int32))
    ids = [0, *(label + 1 for label in classes)]
    planes = np.moveaxis(found["probabilities"].numpy(), -1, 0)[ids]
    planes /= planes.sum(axis=0)
    np.testing.assert_array_equal(decision.ids, strongest(planes, (17, 23), COVERS)[0])
    wanted = np.moveaxis(upsample(planes, (17, 23), COVERS), 0, -1)
    np.testing.assert_allclose(decision.scores, wanted, atol=1e-6)
