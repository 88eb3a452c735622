import numpy as np
import pytest

from tests.support.oracles.affinity_labels import affinity_labels
from tests.support.shared import shared_file
from tfwsss.errors import UserError
from tfwsss.layers.dense_crf import dense_crf


def test_worked_example():
    low = np.array([[.7, .3, 0], [.4, .5, .1], [.1, .2, .7], [.2, .8, 0], [0, 0, 0]]).T[:, None]
    high = np.array([[.6, .4, 0], [.3, .6, .1], [.05, .2, .75], [.9, .1, 0], [0, 0, 0]]).T[:, None]
    assert affinity_labels(low, high, [0, 1], block=1).tolist() == [[0, 1, 2, 0, 255]]
    assert affinity_labels(low, high, [3, 17], block=1).tolist() == [[0, 4, 18, 0, 255]]


def test_label_map_of_a_crop_as_recorded():
    data = np.load(shared_file("fixtures/psa/affdataset_vgg16_aff_80_seed2.npz"), allow_pickle=False)
    left, top = (int(value) for value in data["draws"][:2, 1])
    low, high = (data[key][:, top:top + 80, left:left + 80] for key in ("la", "ha"))
    np.testing.assert_array_equal(affinity_labels(low, high, range(2)), data["label_map"])


@pytest.mark.parametrize(("power", "key"), [(4, "la_crf"), (32, "ha_crf")])
def test_marginals_that_labels_are_made_of_as_recorded(power, key):
    data = np.load(shared_file("fixtures/psa/pipeline_vgg16_2007_000032.npz"), allow_pickle=False)
    scores = np.concatenate([(1 - data["cam"].max(0, keepdims=True)) ** power, data["cam"]])
    unary = -np.log(np.clip(scores, 1e-5, 1)).transpose(1, 2, 0)             # scores serve as if probabilities
    found = dense_crf(unary, data["image"], iterations=10, gaussian_deviation=3, gaussian_weight=3,
                      position_deviation=80, colour_deviation=13, bilateral_weight=10)
    np.testing.assert_allclose(found.transpose(2, 0, 1), data[key], atol=1e-4)


def test_cells_are_means_and_the_rest_is_filled_with_nothing():
    random = np.random.default_rng(0)
    low, high = random.dirichlet(np.ones(3), (2, 10, 13)).transpose(0, 3, 1, 2)
    found = affinity_labels(low, high, [0, 1], block=4)
    assert found.shape == (3, 4) and found.dtype == np.uint8
    for y, x in np.ndindex(3, 4):
        p, q = (part[:, 4 * y:4 * y + 4, 4 * x:4 * x + 4].sum((1, 2)).argmax() for part in (low, high))
        assert found[y, x] == (0 if q == 0 else p or 255)


def test_ties_go_to_the_lower_plane_and_no_class_leaves_background():
    even = np.full((3, 1, 1), 1 / 3)
    assert affinity_labels(even, even, [0, 1], block=1).item() == 0
    assert affinity_labels(np.array([[[.2]], [[.4]], [[.4]]]), np.array([[[.2]], [[.4]], [[.4]]]), [5, 9],
                           block=1).item() == 6
    assert affinity_labels(np.ones((1, 2, 2)), np.ones((1, 2, 2)), [], block=1).tolist() == [[0, 0], [0, 0]]


def test_planes_and_classes_must_go_together():
    with pytest.raises(UserError, match=r"planes of shape \(3, 2, 2\) and \(3, 2, 2\) for 1 classes"):
        affinity_labels(np.zeros((3, 2, 2)), np.zeros((3, 2, 2)), [0])
