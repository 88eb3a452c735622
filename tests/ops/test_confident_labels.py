"""The rule of sure labels beside the same rule on arrays, and the label maps of the original program."""

import numpy as np
import pytest

from tests.support.oracles.affinity_labels import affinity_labels
from tests.support.shared import shared_file
from tfwsss.layers.dense_crf import dense_crf
from tfwsss.ops.cam import cell_means
from tfwsss.ops.confident_labels import confident_labels


def last(planes) -> np.ndarray:
    return np.moveaxis(np.asarray(planes, np.float32), 0, -1)


def test_worked_example():
    low = np.float32([[[.7, .3, 0], [.4, .5, .1], [.1, .2, .7], [.2, .8, 0], [0, 0, 0]]])
    high = np.float32([[[.6, .4, 0], [.3, .6, .1], [.05, .2, .75], [.9, .1, 0], [0, 0, 0]]])
    assert np.asarray(confident_labels(low, high)).tolist() == [[0, 1, 2, 0, 255]]
    assert np.asarray(confident_labels(low, high, undecided=9)).tolist() == [[0, 1, 2, 0, 9]]


def test_label_map_of_a_crop_as_recorded():
    """From marginals of pixels to labels of the network's cells."""
    data = np.load(shared_file("fixtures/psa/affdataset_vgg16_aff_80_seed2.npz"), allow_pickle=False)
    left, top = (int(value) for value in data["draws"][:2, 1])
    low, high = (data[key][:, top:top + 80, left:left + 80] for key in ("la", "ha"))
    found = confident_labels(*(cell_means(last(part), 8) for part in (low, high)))
    np.testing.assert_array_equal(found, data["label_map"])
    np.testing.assert_array_equal(affinity_labels(low, high, range(2)), data["label_map"])


@pytest.mark.parametrize(("power", "key"), [(4, "la_crf"), (32, "ha_crf")])
def test_marginals_that_labels_are_made_of_as_recorded(power, key):
    data = np.load(shared_file("fixtures/psa/pipeline_vgg16_2007_000032.npz"), allow_pickle=False)
    scores = np.concatenate([(1 - data["cam"].max(0, keepdims=True)) ** power, data["cam"]])
    unary = -np.log(np.clip(scores, 1e-5, 1)).transpose(1, 2, 0)             # scores serve as if probabilities
    found = dense_crf(unary, data["image"], iterations=10, gaussian_deviation=3, gaussian_weight=3,
                      position_deviation=80, colour_deviation=13, bilateral_weight=10)
    np.testing.assert_allclose(found.transpose(2, 0, 1), data[key], atol=1e-4)


@pytest.mark.parametrize("block", [1, 4])
def test_equals_the_rule_cell_by_cell(block):
    low, high = np.random.default_rng(0).dirichlet(np.ones(3), (2, 10, 13)).astype(np.float32)
    found = np.asarray(confident_labels(cell_means(low, block), cell_means(high, block)))
    assert found.shape == (-(-10 // block), -(-13 // block))
    for y, x in np.ndindex(*found.shape):
        p, q = (part[block * y:block * (y + 1), block * x:block * (x + 1)].sum((0, 1)).argmax() for part in (low, high))
        assert found[y, x] == (0 if q == 0 else p or 255)


def test_the_first_of_equals_wins_and_no_class_leaves_background():
    even, two = np.full((1, 1, 3), 1 / 3, np.float32), np.float32([[[.2, .4, .4]]])
    assert np.asarray(confident_labels(even, even)).item() == 0
    assert np.asarray(confident_labels(two, two)).item() == 1
    assert not np.asarray(confident_labels(np.ones((2, 2, 1)), np.ones((2, 2, 1)))).any()
