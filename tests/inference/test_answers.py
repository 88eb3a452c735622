"""From a decision to a mask: ids of all classes, tags, and where the CRF starts."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from tfwsss.inference.answers import answer
from tfwsss.inference.served import Canvas, Decision, Picture, Served

from tfwsss.layers.dense_crf import dense_crf
from tfwsss.settings.sections import CRFSettings
from tfwsss.steps.crf import sharpen

RANDOM = np.random.default_rng(2)
SIZE, NUM_IDS = (12, 17), 5
IMAGE = (RANDOM.integers(0, 2, (3, 5, 3)).repeat(4, 0).repeat(4, 1)[:, :17] * 200).astype(np.uint8)
PLANES = RANDOM.dirichlet(np.ones(NUM_IDS), SIZE).astype(np.float32)
SETTINGS = CRFSettings(iterations=3, position_deviation=10.0)
LIKELY = np.float32([0.9, 0.1, 0.8, 0.2])


def served(iterations: int = 0, **changes) -> Served:
    """Its maps are the planes; classes 0 and 2 count without tags."""
    def decide(maps, picture, classes):
        planes = tf.gather(maps["planes"], tf.concat([[0], classes + 1], 0), axis=-1)
        ids = tf.argmax(planes, -1, output_type=tf.int32)
        return Decision(planes, tf.where(maps["planes"][..., 0] < 0.05, 255, ids))

    crf = SETTINGS.model_copy(update={"iterations": iterations}).model_dump(exclude={"implementation", "certainty"})
    return Served(keras.Model(), 1, Canvas(1), lambda maps, picture: (tf.constant(LIKELY), tf.constant(LIKELY > 0.5)),
                  decide, crf, **changes)


def answered(how: Served, tags=None):
    tags = None if tags is None else tf.constant(tags) > 0
    return answer(how, NUM_IDS, {"planes": PLANES}, Picture(tf.constant(IMAGE), SIZE), tags)


def wanted(labels: list[int]) -> np.ndarray:
    ids = np.array([0, *(label + 1 for label in labels)])
    return np.where(PLANES[..., 0] < 0.05, 255, ids[PLANES[..., ids].argmax(-1)])


@pytest.mark.parametrize(("tags", "labels"), [(None, [0, 2]), ([0, 1, 0, 1], [1, 3]), ([1, 1, 1, 1], [0, 1, 2, 3]),
                                              ([0, 0, 0, 0], [])])
def test_ids_and_scores_of_the_classes_that_count(tags, labels):
    found = answered(served(), tags)
    np.testing.assert_array_equal(found.mask, wanted(labels))
    ids = [0, *(label + 1 for label in labels)]
    np.testing.assert_array_equal(found.scores.numpy()[..., ids], PLANES[..., ids])
    assert not np.delete(found.scores.numpy(), ids, axis=-1).any()
    np.testing.assert_array_equal(found.likely, LIKELY)


def test_the_crf_may_start_from_the_ids():
    """As `steps.crf.sharpen`: undecided pixels are open, certainty is the settings'."""
    settings = SETTINGS.model_copy(update={"certainty": 0.7})
    found = answered(served(3, certainty=0.7, unsure=0.1))
    np.testing.assert_array_equal(found.mask, sharpen(wanted([0, 2]).astype(np.uint8), IMAGE, NUM_IDS, settings))
    assert (found.mask.numpy() != wanted([0, 2])).any()


def test_the_crf_may_start_from_the_scores():
    """As `steps.segment.decide`: what does not count has the least probability."""
    found = answered(served(3), [1, 0, 1, 0])
    planes = PLANES * np.float32([1, 1, 0, 1, 0])
    marginals = dense_crf(-np.log(np.clip(planes, 1e-5, 1.0)), IMAGE, iterations=3, position_deviation=10.0)
    np.testing.assert_array_equal(found.mask, marginals.argmax(-1))


def test_unsure_pixels_stay_undecided():
    found = answered(served(3, certainty=0.5, unsure=0.99)).mask.numpy()
    assert (found == 255).any() and set(np.unique(found)) <= {0, 1, 3, 255}
