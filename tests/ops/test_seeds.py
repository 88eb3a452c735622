"""ICD's rule beside the rule applied pixel by pixel, and the original program.

Recorded: `icd_seed_rule.npz` holds what the rule needs of the shared files seed_one_class.npz and seed_two_classes.npz
of fixtures/icd.
"""

import numpy as np
import pytest
import tensorflow as tf

from tests.support.arrays import recorded
from tests.support.oracles.seeds import decide_icd
from tests.support.shared import shared_file
from tfwsss.ops.resize import resize_part
from tfwsss.ops.seeds import icd_seeds


def by_pixels(icd, cam, saliency=None) -> np.ndarray:
    """The rule, step by step, for one pixel after the other: maps (row, column, class) to numbers of classes."""
    rows, columns, count = icd.shape
    f = [np.maximum(icd[..., c], 0) / max(icd[..., c].max(), np.float32(1e-5)) for c in range(count)]
    b = [np.minimum(icd[..., c], 0) / min(icd[..., c].min(), -np.float32(1e-5)) for c in range(count)]
    m = np.maximum(cam, 0)
    m = m - m.min(initial=np.inf)
    m = m / max(m.max(initial=0.0), np.float32(1e-5))
    few = saliency is not None and sum(byte / 255 >= 0.01 for byte in saliency.ravel()) < 0.01 * rows * columns
    seeds = np.zeros((rows, columns), np.int32)
    for y, x in np.ndindex(rows, columns):
        claims = [c for c in range(count) if f[c][y, x] > 1e-5]
        combined = [m[y, x, c] * f[c][y, x] for c in range(count)]
        background = all(b[c][y, x] > 1e-5 for c in range(count))
        if saliency is not None:
            background = saliency[y, x] / 255 < 0.01 and (background or not few)
        if bool(claims) == background or (count > 1 and claims and max(combined) - min(combined) <= 1e-5):
            seeds[y, x] = 255
        elif claims:
            seeds[y, x] = 1 + (claims[0] if len(claims) == 1 else int(np.argmax(combined)))
    return seeds


def maps(count: int, seed: int = 0, size=(11, 13)):
    """Rough maps with positive, negative and exactly zero scores."""
    rng = np.random.default_rng(seed)
    icd = rng.normal(-0.2, 1, (*size, count)).astype(np.float32)
    icd[rng.random(icd.shape) < 0.1] = 0
    return icd, rng.normal(0.3, 1, (*size, count)).astype(np.float32)


def decided(icd, cam, saliency=None) -> np.ndarray:
    return icd_seeds(tf.constant(icd), tf.constant(cam), saliency).numpy()


def last(planes) -> np.ndarray:
    return np.moveaxis(planes, 0, -1).astype(np.float32)


def in_mask(places: np.ndarray, classes) -> np.ndarray:
    ids = np.append(0, np.asarray(classes) + 1)
    return np.where(places == 255, 255, ids[np.where(places == 255, 0, places)])


@pytest.mark.parametrize("name", ["one_class", "two_classes"])
def test_equals_the_original_from_the_networks_grid(name):
    arrays = {key.removeprefix(f"{name}_"): value for key, value in recorded("icd_seed_rule").items()}
    expected, side = arrays["seed_before_crf"], int(arrays["infer_size"])
    icd, cam = (np.asarray(resize_part(last(arrays[key]), expected.shape, (side, side))) for key in ("icd", "cam"))
    np.testing.assert_allclose(icd, np.moveaxis(arrays["icd_resized"], 0, -1), atol=1e-5 * abs(icd).max())
    assert np.mean(in_mask(decided(icd, cam), arrays["labels"]) == expected) >= 0.9999


@pytest.mark.parametrize("name", ["one_class", "two_classes"])
def test_the_rule_alone_equals_the_original_in_every_pixel(name):
    with np.load(shared_file(f"fixtures/icd/seed_{name}.npz"), allow_pickle=False) as arrays:
        found = decided(last(arrays["icd_resized"]), last(arrays["cam_resized"]))
        np.testing.assert_array_equal(in_mask(found, arrays["labels"]), arrays["seed_before_crf"])
        by_arrays = decide_icd(arrays["icd_resized"], arrays["cam_resized"], arrays["labels"])
        np.testing.assert_array_equal(by_arrays, arrays["seed_before_crf"])


def test_worked_example():
    icd = np.float32([[[2, -1], [-1, 1], [0.5, 1], [-1, -2]]])
    cam = np.float32([[[0.75, 0], [0, 0.5], [0.25, 1], [0, 0.25]]])
    assert decided(icd, cam).tolist() == by_pixels(icd, cam).tolist() == [[1, 2, 2, 0]]


@pytest.mark.parametrize("count", [1, 2, 4])
@pytest.mark.parametrize("salient", [None, 0.0, 0.004, 0.3])
def test_equals_the_rule_for_each_pixel(count, salient):
    """Of saliency maps with nothing salient, under and over 1 %; 2 / 255 < 0.01 <= 3 / 255."""
    for seed in range(6):
        icd, cam = maps(count, seed, (17, 20))
        rng, saliency = np.random.default_rng(seed), None
        if salient is not None:
            saliency = rng.integers(0, 3, icd.shape[:2], dtype=np.uint8)
            saliency[rng.random(saliency.shape) < salient] = rng.integers(3, 256)
        expected = by_pixels(icd, cam, saliency)
        np.testing.assert_array_equal(decided(icd, cam, saliency), expected)
        by_arrays = decide_icd(np.moveaxis(icd, -1, 0), np.moveaxis(cam, -1, 0), range(count), saliency)
        np.testing.assert_array_equal(by_arrays, expected)


@pytest.mark.parametrize(("salient", "needs_the_scores"), [(1, True), (2, False)])
def test_one_percent_salient_is_enough_to_be_believed(salient, needs_the_scores):
    """Of 200 pixels; where fewer are salient, the scores must agree, and here they never do."""
    icd, cam = np.zeros((10, 20, 1), np.float32), np.ones((10, 20, 1), np.float32)
    saliency = np.zeros((10, 20), np.uint8)
    saliency[0, :salient] = 3
    found = decided(icd, cam, saliency)
    assert (found[1:] == (255 if needs_the_scores else 0)).all() and (found[0, :salient] == 255).all()


def test_all_kinds_of_pixels_occur_in_these_tests():
    assert set(np.unique(by_pixels(*maps(2)))) == {0, 1, 2, 255}


@pytest.mark.parametrize("change", [lambda icd, cam: (abs(icd), cam), lambda icd, cam: (-abs(icd), cam),
                                    lambda icd, cam: (icd * 0, cam), lambda icd, cam: (icd, -abs(cam)),
                                    lambda icd, cam: (icd * 1e-6, cam * 1e-6),
                                    lambda icd, cam: (icd[:1, :1], cam[:1, :1])],
                         ids=["object", "background", "zero", "no activation", "nearly nothing", "one pixel"])
@pytest.mark.parametrize("count", [1, 3])
def test_maps_of_one_kind(change, count):
    icd, cam = change(*maps(count, 5))
    np.testing.assert_array_equal(decided(icd, cam), by_pixels(icd, cam))


def test_zero_maps_are_undecided():
    zero = np.zeros((3, 4, 2), np.float32)
    assert (decided(zero, zero) == 255).all()
    assert (decided(zero, zero, np.zeros((3, 4), np.uint8)) == 255).all()     # too few salient: ICD decides


def test_equal_maxima_are_undecided_among_several_classes():
    """Two classes that claim a pixel by the same m f; the same claim alone holds."""
    icd, cam = np.float32([[[1, 1], [-1, -1]]]), np.float32([[[2, 2], [0, 0]]])
    assert decided(icd, cam).tolist() == by_pixels(icd, cam).tolist() == [[255, 0]]
    assert decided(icd[..., :1], cam[..., :1]).tolist() == [[1, 0]]


def test_a_lone_claim_without_activation_is_undecided_only_among_several_classes():
    icd, cam = np.float32([[[1, -1], [-1, -1]]]), np.float32([[[-1, 0], [1, 0]]])
    assert decided(icd, cam).tolist() == [[255, 0]]
    assert decided(icd[..., :1], cam[..., :1]).tolist() == [[1, 0]]


def test_swapping_the_classes_swaps_their_numbers():
    icd, cam = maps(3)
    order = np.array([2, 0, 1])
    found, swapped = decided(icd, cam), decided(icd[..., order], cam[..., order])
    np.testing.assert_array_equal(in_mask(swapped, order), found)


def test_scale_of_the_maps_does_not_matter():
    icd, cam = maps(2)
    np.testing.assert_array_equal(decided(icd * 64, cam * 8), decided(icd, cam))


def test_the_number_of_classes_may_be_unknown_and_none():
    traced = tf.function(icd_seeds, input_signature=[tf.TensorSpec((None, None, None))] * 2, autograph=False)
    for count in (1, 4):
        icd, cam = maps(count, count)
        np.testing.assert_array_equal(traced(icd, cam), by_pixels(icd, cam))
    assert not traced(*maps(0, 0)).numpy().any()
    assert not decided(*maps(0, 0), np.full((11, 13), 255, np.uint8)).any()     # whatever is salient is no class
