"""Seeds against their rules applied pixel by pixel, and the original program.

Recorded: `icd_seed_rule.npz` holds what the rule needs of the shared files seed_one_class.npz and seed_two_classes.npz
of fixtures/icd.
"""

import cv2
import numpy as np
import pytest

from tests.support.arrays import recorded
from tests.support.oracles.seeds import cam_seeds, decide_cam, decide_icd, icd_seeds, resize_maps, strongest_class
from tests.support.shared import shared_file
from tfwsss.errors import ImageFault, UserError


def slow_decide_icd(icd, cam, classes, saliency=None):
    """The rule, step by step, for one pixel after the other."""
    count, rows, columns = icd.shape
    f = [np.maximum(plane, 0) / max(plane.max(), np.float32(1e-5)) for plane in icd]
    b = [np.minimum(plane, 0) / min(plane.min(), -np.float32(1e-5)) for plane in icd]
    m = np.maximum(cam, 0)
    m = m - m.min()
    m = m / max(m.max(), np.float32(1e-5))
    few = saliency is not None and sum(byte / 255 >= 0.01 for byte in saliency.ravel()) < 0.01 * rows * columns
    seeds = np.zeros((rows, columns), np.uint8)
    for y, x in np.ndindex(rows, columns):
        claims = [c for c in range(count) if f[c][y, x] > 1e-5]
        combined = [m[c, y, x] * f[c][y, x] for c in range(count)]
        background = all(b[c][y, x] > 1e-5 for c in range(count))
        if saliency is not None:
            background = saliency[y, x] / 255 < 0.01 and (background or not few)
        if bool(claims) == background or (count > 1 and claims and max(combined) - min(combined) <= 1e-5):
            seeds[y, x] = 255
        elif claims:
            seeds[y, x] = classes[claims[0] if len(claims) == 1 else int(np.argmax(combined))] + 1
    return seeds


def maps(count, rows=11, columns=13, seed=0):
    """Rough maps with positive, negative and exactly zero scores."""
    rng = np.random.default_rng(seed)
    icd = rng.normal(-0.2, 1, (count, rows, columns)).astype(np.float32)
    icd[rng.random(icd.shape) < 0.1] = 0
    return icd, rng.normal(0.3, 1, (count, rows, columns)).astype(np.float32)


@pytest.mark.parametrize("name", ["one_class", "two_classes"])
def test_equals_the_original(name):
    arrays = {key.removeprefix(f"{name}_"): value for key, value in recorded("icd_seed_rule").items()}
    expected, side = arrays["seed_before_crf"], int(arrays["infer_size"])
    size = expected.shape
    resized = resize_maps(arrays["icd"], (side, side))[:, : size[0], : size[1]]
    np.testing.assert_array_equal(resized, arrays["icd_resized"])
    seeds = icd_seeds(arrays["icd"], arrays["cam"], arrays["labels"].tolist(), size, canvas=(side, side))
    np.testing.assert_array_equal(seeds, expected)
    assert seeds.dtype == np.uint8


@pytest.mark.parametrize("name", ["one_class", "two_classes"])
def test_rule_alone_equals_the_original(name):
    with np.load(shared_file(f"fixtures/icd/seed_{name}.npz"), allow_pickle=False) as arrays:
        seeds = decide_icd(arrays["icd_resized"], arrays["cam_resized"], arrays["labels"])
        np.testing.assert_array_equal(seeds, arrays["seed_before_crf"])


def test_worked_example():
    icd = np.array([[[2, -1, 0.5, -1]], [[-1, 1, 1, -2]]], np.float32)
    cam = np.array([[[0.75, 0, 0.25, 0]], [[0, 0.5, 1, 0.25]]], np.float32)
    assert decide_icd(icd, cam, [3, 8]).tolist() == [[4, 9, 9, 0]]


@pytest.mark.parametrize("count", [1, 2, 4])
@pytest.mark.parametrize("salient", [None, 0.0, 0.004, 0.3])
def test_equals_the_rule_for_each_pixel(count, salient):
    for seed in range(6):
        icd, cam = maps(count, seed=seed, rows=17, columns=20)
        rng = np.random.default_rng(seed)
        saliency = None
        if salient is not None:
            saliency = rng.integers(0, 3, icd.shape[1:], dtype=np.uint8)      # 2 / 255 < 0.01 <= 3 / 255
            saliency[rng.random(saliency.shape) < salient] = rng.integers(3, 256)
        classes = list(range(1, 2 * count, 2))
        expected = slow_decide_icd(icd, cam, classes, saliency)
        np.testing.assert_array_equal(decide_icd(icd, cam, classes, saliency), expected)


def test_all_kinds_of_pixels_occur_in_these_tests():
    icd, cam = maps(2)
    assert set(np.unique(slow_decide_icd(icd, cam, [1, 3]))) == {0, 2, 4, 255}


def test_a_lone_claim_without_activation_is_undefined_only_among_several_classes():
    icd = np.array([[[1, -1]], [[-1, -1]]], np.float32)
    cam = np.array([[[-1, 1]], [[0, 0]]], np.float32)
    assert decide_icd(icd, cam, [0, 1]).tolist() == [[255, 0]]
    assert decide_icd(icd[:1], cam[:1], [0]).tolist() == [[1, 0]]


def test_permuting_the_classes_permutes_nothing_where_there_are_no_ties():
    icd, cam = maps(3)
    order = [2, 0, 1]
    seeds = decide_icd(icd, cam, [4, 6, 9])
    np.testing.assert_array_equal(decide_icd(icd[order], cam[order], np.array([4, 6, 9])[order]), seeds)


def test_scale_of_the_maps_does_not_matter():
    icd, cam = maps(2)
    np.testing.assert_array_equal(decide_icd(icd * 64, cam * 8, [4, 6]), decide_icd(icd, cam, [4, 6]))


def test_zero_maps_are_undefined():
    zero = np.zeros((2, 3, 4), np.float32)
    assert (decide_icd(zero, zero, [0, 1]) == 255).all()
    assert (decide_icd(zero, zero, [0, 1], np.zeros((3, 4), np.uint8)) == 255).all()     # too few salient: ICD decides


def test_canvas_may_be_any_rectangle():
    icd, cam = maps(2, 5, 7)
    seeds = icd_seeds(icd, cam, [1, 2], size=(20, 33), canvas=(40, 56))
    whole = decide_icd(*(np.stack([cv2.resize(plane, (56, 40)) for plane in each])[:, :20, :33] for each in (icd, cam)),
                       [1, 2])
    np.testing.assert_array_equal(seeds, whole)
    assert icd_seeds(icd, cam, [1, 2], size=(1, 1), canvas=(40, 56)).shape == (1, 1)


def test_half_precision_scores_are_read():
    icd, cam = (each.astype(np.float16) for each in maps(1))
    seeds = icd_seeds(icd, cam, [5], size=(11, 13), canvas=(11, 13))
    np.testing.assert_array_equal(seeds, slow_decide_icd(icd.astype(np.float32), cam.astype(np.float32), [5]))


def test_an_image_without_classes_is_background():
    none = np.zeros((0, 3, 3), np.float32)
    assert not icd_seeds(none, none, [], size=(4, 5), canvas=(6, 6)).any()
    assert not cam_seeds(none, [], size=(4, 5), threshold=0.3).any()
    assert cam_seeds(none, [], size=(4, 5), threshold=0.3).shape == (4, 5)


def test_the_input_is_left_alone():
    icd, cam = maps(2)
    before = icd.copy(), cam.copy()
    decide_icd(icd, cam, [0, 1])
    decide_cam(cam, [0, 1], 0.5)
    np.testing.assert_array_equal(icd, before[0])
    np.testing.assert_array_equal(cam, before[1])


@pytest.mark.parametrize("threshold", [0.0, 0.25, 0.5, 0.9, 1.0])
def test_cam_seeds_equal_their_rule_for_each_pixel(threshold):
    _, cam = maps(3)
    expected = np.zeros(cam.shape[1:], np.uint8)
    for y, x in np.ndindex(*expected.shape):
        parts = [max(cam[c, y, x], 0) / cam[c].max() for c in range(3)]
        if max(parts) > threshold:
            expected[y, x] = [2, 5, 20][int(np.argmax(parts))] + 1
    np.testing.assert_array_equal(decide_cam(cam, [2, 5, 20], threshold), expected)
    np.testing.assert_array_equal(cam_seeds(cam, [2, 5, 20], cam.shape[1:], threshold), expected)


def test_cam_seeds_are_resized_before_the_decision():
    scores = np.array([[[0.0, 1.0]]])
    assert cam_seeds(scores, [0], size=(1, 4), threshold=0.5).tolist() == [[0, 0, 1, 1]]
    assert cam_seeds(scores, [0], size=(1, 4), threshold=0.2).tolist() == [[0, 1, 1, 1]]


def test_a_higher_threshold_only_adds_background():
    _, cam = maps(3)
    low, high = decide_cam(cam, [0, 1, 2], 0.2), decide_cam(cam, [0, 1, 2], 0.6)
    assert ((high == low) | (high == 0)).all() and (high != low).any()


def test_strength_of_maps_that_are_nowhere_positive_is_zero():
    winner, strength = strongest_class(np.full((2, 3, 3), -1.0), [4, 5])
    assert not strength.any() and (winner == 5).all()


def test_mistakes_are_named():
    icd, cam = maps(2)
    with pytest.raises(UserError, match="does not fit into the canvas"):
        icd_seeds(icd, cam, [0, 1], size=(400, 300), canvas=(321, 321))
    with pytest.raises(UserError, match="1 classes need maps"):
        icd_seeds(icd, cam, [0], size=(11, 13), canvas=(11, 13))
    with pytest.raises(UserError, match="3 classes need maps"):
        cam_seeds(cam, [0, 1, 2], size=(11, 13), threshold=0.1)
    with pytest.raises(ImageFault, match=r"saliency map \(5, 5\) of uint8"):
        decide_icd(icd, cam, [0, 1], np.zeros((5, 5), np.uint8))
    with pytest.raises(ImageFault, match="float64"):
        decide_icd(icd, cam, [0, 1], np.zeros((11, 13)))
