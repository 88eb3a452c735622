"""Labels and scores sharpened by the dense CRF, in a graph and on arrays."""

import numpy as np
import pytest
import tensorflow as tf

from tests.support.arrays import recorded
from tests.support.whole_images import pictures
from tfwsss.inference import sharpen as sharpening
from tfwsss.inference.sharpen import UNSURE, ids_of_marginals, sharpen, sharpen_arrays, unary_of
from tfwsss.layers.dense_crf import dense_crf, unary_from_labels
from tfwsss.settings.sections import CRFSettings
from tfwsss.steps.crf import WITHOUT, crf_from_masks, crf_from_scores

SETTINGS = CRFSettings(iterations=3, position_deviation=20.0, colour_deviation=20.0, certainty=0.7)
PARAMETERS = {"iterations": 3, "gaussian_deviation": 3.0, "gaussian_weight": 3.0, "position_deviation": 20.0,
              "colour_deviation": 20.0, "bilateral_weight": 10.0}
FROM_MASKS, FROM_SCORES = crf_from_masks(SETTINGS), crf_from_scores(SETTINGS)


def scene() -> tuple[np.ndarray, np.ndarray]:
    """A bright square on dark ground, and a mask that misses a part of it and leaves some undecided."""
    image = np.full((20, 24, 3), 40, np.uint8)
    image[5:15, 6:18] = 200
    mask = np.zeros((20, 24), np.uint8)
    mask[6:15, 8:17] = 2
    mask[0:3] = 255
    return mask, image


def scores_of(size, num_ids: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).dirichlet(np.ones(num_ids), size).astype(np.float32)


def in_graph(crf, scores, ids, image, num_ids: int) -> np.ndarray:
    """Sizes unknown, as in a SavedModel."""
    planes = tf.TensorSpec((None, None, num_ids))
    traced = tf.function(lambda scores, ids, image: sharpen(crf, scores, ids, image, num_ids), autograph=False,
                         input_signature=[planes, tf.TensorSpec((None, None), tf.int32),
                                          tf.TensorSpec((None, None, 3), tf.uint8)])
    scores = np.zeros((*ids.shape, num_ids), np.float32) if scores is None else scores
    return traced(scores, ids.astype(np.int32), image).numpy()


def test_no_iterations_leave_the_labels():
    mask, image = scene()
    assert not WITHOUT.on and FROM_MASKS.on
    np.testing.assert_array_equal(sharpen_arrays(WITHOUT, None, mask, image, 3), mask)
    np.testing.assert_array_equal(in_graph(WITHOUT, None, mask, image, 3), mask)


@pytest.mark.parametrize("work", [sharpen_arrays, in_graph])
def test_from_labels_it_is_the_likeliest_of_the_crf(work):
    mask, image = scene()
    expected = dense_crf(unary_from_labels(mask, 3, 0.7), image, **PARAMETERS).argmax(-1)
    found = work(FROM_MASKS, None, mask, image, 3)
    np.testing.assert_array_equal(found, expected)
    assert 255 not in found and (found != mask).any()
    np.testing.assert_array_equal(mask, scene()[0])                 # what was given stays


@pytest.mark.parametrize("work", [sharpen_arrays, in_graph])
def test_from_scores_it_is_the_likeliest_of_the_crf(work):
    """What has no score has the least probability."""
    image, scores = pictures(1, (20, 24))[0], scores_of((20, 24), 4) * np.float32([1, 1, 0, 1])
    expected = dense_crf(-np.log(np.clip(scores, 1e-5, 1)), image, **PARAMETERS).argmax(-1)
    found = work(FROM_SCORES, scores, np.zeros((20, 24), int), image, 4)
    np.testing.assert_array_equal(found, expected)
    assert (found != scores.argmax(-1)).any()


def test_edges_are_found():
    """The mask grows to the square's edges, and the undecided rows become what they look like."""
    mask, image = scene()
    found = sharpen_arrays(FROM_MASKS, None, mask, image, 3)
    np.testing.assert_array_equal(found, np.where(image[..., 0] == 200, 2, 0))
    assert found.dtype == np.uint8


@pytest.mark.parametrize("work", [sharpen_arrays, in_graph])
@pytest.mark.parametrize(("num_ids", "undecided"), [(3, False), (9, False), (11, True), (30, True)])
def test_undecided_is_what_no_label_explains(num_ids, undecided, work):
    """Of an image of which nothing is known every label is as likely: more than ten of them stay below 0.1."""
    mask, image = np.full((8, 9), 255, np.uint8), np.full((8, 9, 3), 77, np.uint8)
    found = work(FROM_MASKS, None, mask, image, num_ids)
    np.testing.assert_array_equal(found, np.full((8, 9), 255 * undecided))


def test_undecided_is_decided_pixel_by_pixel_and_only_where_the_crf_starts_from_labels():
    marginals = np.full((1, 3, 12), 0.01, np.float32)
    marginals[0, 0, 4], marginals[0, 1, 7], marginals[0, 2, 5] = 0.0999, 0.1, 0.89
    assert UNSURE == 0.1 and np.asarray(ids_of_marginals(FROM_MASKS, marginals)).tolist() == [[255, 7, 5]]
    assert np.asarray(ids_of_marginals(FROM_SCORES, marginals)).tolist() == [[4, 7, 5]]


def test_the_costs_of_labels_are_those_of_the_layer():
    mask = np.array([[0, 1, 2, 255]], np.uint8)
    np.testing.assert_array_equal(unary_of(FROM_MASKS, None, mask.astype(np.int32), 3),
                                  unary_from_labels(mask, 3, 0.7))


def test_all_settings_reach_the_crf(monkeypatch):
    seen = {}
    monkeypatch.setattr(sharpening, "dense_crf", lambda unary, image, **more: seen.update(more) or unary)
    settings = CRFSettings(implementation="pydensecrf", iterations=4, gaussian_deviation=1.5, gaussian_weight=2.5,
                           position_deviation=3.5, colour_deviation=4.5, bilateral_weight=5.5, certainty=0.6)
    sharpen_arrays(crf_from_masks(settings), None, *scene(), 3)
    assert seen == {"implementation": "pydensecrf", "iterations": 4, "gaussian_deviation": 1.5, "gaussian_weight": 2.5,
                    "position_deviation": 3.5, "colour_deviation": 4.5, "bilateral_weight": 5.5}
    assert crf_from_masks(settings).certainty == 0.6 and crf_from_scores(settings).certainty is None


@pytest.mark.parametrize("work", [sharpen_arrays, in_graph])
@pytest.mark.parametrize("name", ["one_class", "two_classes"])
def test_seeds_are_sharpened_as_by_pydensecrf(name, work):
    """Recorded: `icd_crf.npz`, the original program's masks; the image is kept blue first."""
    arrays = {key.removeprefix(f"{name}_"): value for key, value in recorded("icd_crf").items()}
    found = work(crf_from_masks(CRFSettings()), None, arrays["seed_before_crf"], arrays["image"][..., ::-1], 21)
    np.testing.assert_array_equal(found, arrays["seed_crf"])


@pytest.mark.parametrize("work", [sharpen_arrays, in_graph])
@pytest.mark.parametrize(("key", "settings"), [("seam_sxy3_80_srgb13", {}), ("seam_t1", {"iterations": 1})])
def test_scores_are_sharpened_as_by_pydensecrf(key, settings, work):
    """Recorded: `a2gnn_dense_crf.npz`; pixels whose two largest marginals differ by less than rounding may fall."""
    arrays = recorded("a2gnn_dense_crf")
    scores, marginals = (np.moveaxis(arrays[name], 0, -1).astype(np.float32) for name in ("probs", key))
    found = work(crf_from_scores(CRFSettings(**settings)), scores, np.zeros(scores.shape[:2], int), arrays["image"],
                 scores.shape[-1])
    two = np.sort(marginals, axis=-1)[..., -2:]
    clear = two[..., 1] - two[..., 0] > 1e-5
    np.testing.assert_array_equal(found[clear], marginals.argmax(-1)[clear])
    assert clear.mean() > 0.999
