"""ICD's seeds of a network's maps, as stages ask for them, beside the original program.

Recorded: `icd_seed_rule.npz` holds what the rule needs of the shared files seed_one_class.npz and seed_two_classes.npz
of fixtures/icd.
"""

import functools

import numpy as np
import pytest
import tensorflow as tf

from tests.support.arrays import recorded
from tests.support.oracles.seeds import decide_icd, resize_maps
from tests.support.oracles.upsample import upsample
from tfwsss.artefacts.scores import Scores
from tfwsss.inference.decide.icd import decide_by_icd
from tfwsss.inference.kept import KeptRule
from tfwsss.inference.views import Picture

RANDOM = np.random.default_rng(0)
RULES = {(aligned, salient): KeptRule(functools.partial(decide_by_icd, aligned), ("cam", "scores"), saliency=salient)
         for aligned in (True, False) for salient in (True, False)}


def seeds(icd: Scores, cam: Scores, saliency=None, corners_aligned: bool = False) -> np.ndarray:
    return RULES[corners_aligned, saliency is not None]({"cam": cam, "scores": icd}, saliency=saliency)


def scores(values, size, covers=None, classes=(2,)) -> Scores:
    return Scores(np.array(classes, np.int32), np.array(values), size, covers)


STEP = scores([[[1.0, -1.0, -1.0]]], (1, 9))
"""Object at the left: grid positions on pixels 0, 4 and 8, or, as published, about pixels 1, 4 and 7."""


@pytest.mark.parametrize("name", ["one_class", "two_classes"])
def test_kept_maps_give_the_seeds_of_the_original_program(name):
    arrays = {key.removeprefix(f"{name}_"): value for key, value in recorded("icd_seed_rule").items()}
    expected, side = arrays["seed_before_crf"], int(arrays["infer_size"])
    icd, cam = (scores(arrays[key], expected.shape, (side, side), arrays["labels"]) for key in ("icd", "cam"))
    found = seeds(icd, cam)
    assert np.mean(found == expected) >= 0.9999 and found.dtype == np.uint8 and found.shape == expected.shape
    aligned = seeds(icd, cam, corners_aligned=True)
    assert 0 < np.mean(aligned != expected) < 0.1


@pytest.mark.parametrize(("corners_aligned", "expected"), [
    (True, [3, 3, 255, 0, 0, 0, 0, 0, 0]), (False, [3, 3, 3, 0, 0, 0, 0, 0, 0])])
def test_where_the_border_falls(corners_aligned, expected):
    """Corners on corners the score is 0 on pixel 2, so it is neither side; as published between pixels 2 and 3."""
    assert seeds(STEP, STEP, corners_aligned=corners_aligned).tolist() == [expected]


def agreement(found: np.ndarray, expected: np.ndarray) -> float:
    assert found.shape == expected.shape
    return np.mean(found == expected)


@pytest.mark.parametrize("kinds", [0, 1, 2, 3])
@pytest.mark.parametrize("covers", [None, (33, 33)])
@pytest.mark.parametrize("saliency", [None, RANDOM.integers(0, 256, (17, 23)).astype(np.uint8)], ids=["", "saliency"])
def test_both_rules_equal_their_parts(kinds, covers, saliency):
    """Maps are resized by OpenCV's rule or corners on corners, cropped, and then the rule on arrays decides."""
    classes = (0, 3, 7)[:kinds]
    icd, cam = (scores(RANDOM.normal(size=(kinds, 5, 6)).astype(np.float16), (17, 23), covers, classes)
                for _ in range(2))
    published = [resize_maps(each.scores, covers or (17, 23))[:, :17, :23] for each in (icd, cam)]
    assert agreement(seeds(icd, cam, saliency), decide_icd(*published, classes, saliency)) >= 0.997
    maps = [upsample(each.scores, (17, 23), covers) for each in (icd, cam)]
    aligned = seeds(icd, cam, saliency, corners_aligned=True)
    assert agreement(aligned, decide_icd(*maps, classes, saliency)) >= 0.997
    assert set(np.unique(aligned)) <= {0, 255, *(label + 1 for label in classes)}


@pytest.mark.parametrize("size", [(33, 47), (1, 30), (48, 1), (16, 16), (1, 1)])
@pytest.mark.parametrize("classes", [[0, 1, 2], [1], [0, 2], []])
@pytest.mark.parametrize("aligned", [True, False])
def test_only_the_classes_that_count_are_asked(size, classes, aligned):
    """Of the maps of all classes, in the places of those that count; scores are 0 to 1, the background first."""
    maps = {key: tf.constant(RANDOM.normal(size=(7, 7, 3)).astype(np.float32)) for key in ("cam", "scores")}
    decision = decide_by_icd(aligned, maps, Picture(size, (49, 49)), tf.constant(classes, tf.int32))
    some = {key: tf.gather(each, classes, axis=-1) if classes else each[..., :0] for key, each in maps.items()}
    expected = decide_by_icd(aligned, some, Picture(size, (49, 49)), tf.range(len(classes)))
    np.testing.assert_array_equal(decision.ids, expected.ids)
    assert decision.scores.shape == (*size, 1 + len(classes))
    assert np.all((decision.scores >= 0) & (decision.scores <= 1))
    best = np.asarray(decision.scores)[..., 1:].max(-1, initial=0.0)
    np.testing.assert_allclose(decision.scores[..., 0], 1 - best, atol=1e-6)


@pytest.mark.parametrize("corners_aligned", [True, False])
def test_an_image_without_labels_is_background(corners_aligned):
    empty = scores(np.zeros((0, 5, 6), np.float16), (17, 23), (33, 33), ())
    assert not seeds(empty, empty, corners_aligned=corners_aligned).any()


def test_what_lies_beyond_the_image_is_cut():
    """The canvas covers two images' widths; only its left half counts."""
    whole = scores([[[1.0, 1.0, -1.0, -1.0, -1.0]]], (1, 5), (1, 9))
    assert seeds(whole, whole, corners_aligned=True).tolist() == [[3, 3, 3, 255, 0]]


@pytest.mark.parametrize("corners_aligned", [True, False])
def test_saliency_is_the_background(corners_aligned):
    """Salient without a claim is undecided, however sure the scores are."""
    saliency = np.array([[255, 255, 255, 255, 255, 0, 0, 0, 0]], np.uint8)
    found = seeds(STEP, STEP, saliency, corners_aligned)
    assert found.tolist() == [[3, 3, 255 if corners_aligned else 3, 255, 255, 0, 0, 0, 0]]


def test_without_anything_salient_the_scores_decide():
    dark = np.full((1, 9), 2, np.uint8)
    np.testing.assert_array_equal(seeds(STEP, STEP, dark, True), seeds(STEP, STEP, None, True))
