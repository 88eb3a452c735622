import keras
import numpy as np
import pytest

from tests.support.arrays import gradient, recorded
from tests.support.shared import shared_file
from tfwsss.layers.pairwise_affinity import PairwiseAffinity
from tfwsss.losses.affinity import AffinityLoss, costs_of_kinds, means_of_kinds, pair_kinds
from tfwsss.ops.offsets import half_disc, pair_mask

OFFSETS = half_disc(5)


def begins(rows, columns):
    """Marks the positions at which the released pairs begin."""
    return np.asarray(pair_mask(rows, columns, OFFSETS, "released"))[..., 0] > 0


@pytest.mark.parametrize("size", [9, 12, 16, 56])
def test_kinds_of_pairs_as_recorded(size):
    data = recorded("psa_affinity_labels")
    kinds = np.asarray(pair_kinds(data[f"label{size}"][None].astype("int32"), OFFSETS))[0]
    for place, name in enumerate(("bg", "fg", "neg")):
        np.testing.assert_array_equal(kinds[begins(size, size), :, place].T, data[f"{name}{size}"], err_msg=name)
        assert kinds[..., place].sum() == data[f"{name}{size}"].sum() > 0


def test_full_border_counts_every_pair_of_the_map_once():
    labels = np.random.default_rng(0).choice([0, 1, 2, 255], (1, 6, 7)).astype("int32")
    kinds = np.asarray(pair_kinds(labels, half_disc(3), "full"))[0]
    expected = np.zeros(3)
    places = list(np.ndindex(6, 7))
    for i, one in enumerate(places):
        for other in places[i + 1:]:
            a, b = labels[0][one], labels[0][other]
            if (one[0] - other[0]) ** 2 + (one[1] - other[1]) ** 2 < 9 and 255 not in (a, b):
                expected[2 if a != b else int(a != 0)] += 1
    np.testing.assert_array_equal(kinds.sum((0, 1, 2)), expected)


@pytest.mark.parametrize(("labels", "affinity", "expected"), [
    ([0, 0, 2, 2, 1], [0.9, 0.7, 0.4, 0.2], (0.612167, 0.105348, 0.916256, 0.713532)),
    ([0, 0, 0, 2, 1], [0.9, 0.4, 0.7, 0.2], (0.484467, 0.510805, 0.0, 0.713532))])
def test_worked_examples(labels, affinity, expected):
    loss, values = AffinityLoss(radius=2, border="full"), np.zeros((1, 1, 5, 4), "float32")
    values[0, 0, :4, 0] = affinity
    labels = np.array([[labels]])
    np.testing.assert_allclose(float(loss(labels, values)), expected[0], atol=1e-6)
    np.testing.assert_allclose(loss.terms(labels, values)[0], expected[1:], atol=1e-6)


def test_free_features_as_recorded():
    data = np.load(shared_file("fixtures/psa/aff_loss_free_feature.npz"), allow_pickle=False)
    loss, layer, labels = AffinityLoss(), PairwiseAffinity(), data["label"].astype("int32")
    features = keras.Variable(np.moveaxis(data["feat"], 1, -1))
    found = gradient(lambda: loss(labels, layer(features.value)), [features])[0]
    expected = np.moveaxis(data["grad_feat"], 1, -1)
    np.testing.assert_allclose(found, expected, atol=1e-4 * np.abs(expected).max())
    np.testing.assert_allclose(np.linalg.norm(found), data["grad_feat_norm"], rtol=1e-3)
    affinity = keras.Variable(np.asarray(layer(features.value)))
    np.testing.assert_allclose(float(loss(labels, affinity.value)), data["loss"], rtol=1e-5)
    np.testing.assert_allclose(np.mean(loss.terms(labels, affinity.value), 0),
                               [data["bg_loss"], data["fg_loss"], data["neg_loss"]], rtol=1e-5)
    by_affinity = gradient(lambda: loss(labels, affinity.value), [affinity])[0][:, begins(16, 16)]
    np.testing.assert_allclose(by_affinity.transpose(0, 2, 1), data["grad_aff"], rtol=1e-4, atol=1e-7)


def test_an_images_pairs_are_weighed_by_the_batch():
    random = np.random.default_rng(1)
    labels = np.stack([np.zeros((6, 10)), np.full((6, 10), 255)]).astype("int32")
    labels[1, 0, 4:6] = 0                                      # one image full of pairs, one with a single pair
    affinity = random.uniform(0.1, 0.9, (2, 6, 10, 34)).astype("float32")
    costs = -np.log(affinity + 1e-5)
    first, count = costs[0][begins(6, 10)].sum(), begins(6, 10).sum() * 34
    expected = 2 * 0.25 * np.array([first, costs[1, 0, 4, 0]]) / (count + 1)
    np.testing.assert_allclose(AffinityLoss().call(labels, affinity), expected, rtol=1e-5)


@pytest.mark.parametrize("labels", [255, 0])
def test_nothing_known_gives_zero_and_extreme_affinities_finite_gradients(labels):
    affinity = keras.Variable(np.array([0.0, 1.0], "float32").repeat(6 * 10 * 17).reshape(1, 6, 10, 34))
    found = gradient(lambda: AffinityLoss()(np.full((1, 6, 10), labels), affinity.value), [affinity])[0]
    assert np.isfinite(found).all() and np.any(found) == (labels == 0)
    assert float(AffinityLoss()(np.full((1, 4, 8), labels), np.ones((1, 4, 8, 34)))) == 0     # too small for any pair


def test_pairs_that_count_twice_weigh_twice_and_share_the_count_of_the_batch():
    affinity = np.array([0.9, 0.2, 0.6, 0.5], "float32").reshape(2, 1, 1, 2)
    kinds = np.array([[[2, 0, 0], [0, 0, 1]], [[1, 0, 0], [0, 0, 0]]], "float32").reshape(2, 1, 1, 2, 3)
    costs, counts = costs_of_kinds(affinity, kinds)
    np.testing.assert_array_equal(counts, [[2, 0, 1], [1, 0, 0]])
    np.testing.assert_allclose(costs, [[-2 * np.log(0.9), 0, -np.log(0.8)], [-np.log(0.6), 0, 0]], atol=4e-5)
    np.testing.assert_allclose(means_of_kinds(costs, counts), 2 * np.asarray(costs) / [3, 1, 1], atol=1e-4)
