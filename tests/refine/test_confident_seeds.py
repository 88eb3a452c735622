"""Recorded: `a2gnn_confident_seed.npz`, a whole copy of A2GNN's shared file."""

import numpy as np
import pytest

from tests.support.arrays import recorded
from tfwsss.refine.confident_seeds import confident_seeds
from tfwsss.steps.confident_labels import sure_pixels


def test_seeds_of_two_classes_as_recorded():
    data = recorded("a2gnn_confident_seed")
    low, high, maps = data["crf_la"], data["crf_ha"], np.stack([data["cam_11"], data["cam_14"]])
    labels = sure_pixels(np.stack([low, high]), np.array([11, 14]))
    np.testing.assert_array_equal(labels, data["label_full"])
    found = confident_seeds(labels, maps, low, high)
    np.testing.assert_array_equal(found, data["label_confident"])
    assert set(np.unique(found)) == {0, 12, 15, 255}
    always = confident_seeds(np.zeros_like(labels), maps, low, high, certain=0.0)
    np.testing.assert_array_equal(always == 0, data["cam_sure"])


def certain_of(classes):
    """Marginals (1 + class, 1, pixel) that are certain of each pixel's plane."""
    return np.moveaxis(np.eye(max(classes) + 1, dtype="float32")[[classes]], -1, 0)


@pytest.mark.parametrize(("values", "kept"), [
    ([0.05, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0], [0.8, 0.9, 1.0]),      # three of ten, not four
    ([0.9], []), ([0.8, 0.9], []), ([0.7, 0.8, 0.9], [0.9]), ([0.9, 0.9, 0.9], [])])
def test_of_a_class_the_values_above_the_one_at_60_percent(values, kept):
    maps = np.float32([[values]])
    marginals = certain_of([1] * len(values))
    found = confident_seeds(np.full(maps[0].shape, 7, np.uint8), maps, marginals, marginals)
    assert maps[0][found == 7].tolist() == np.float32(kept).tolist() and set(found[found != 7]) <= {255}


def test_values_of_a_hundredth_and_less_do_not_count():
    """They could be strongest only beside a background of 0, which a map of 1 elsewhere cannot give."""
    maps = np.float32([[[0.01, 0.01, 0.5, 0.6, 0.7]]])
    marginals = certain_of([1] * 5)
    found = confident_seeds(np.full((1, 5), 3, np.uint8), maps, marginals, marginals, power=500.0)
    assert found.tolist() == [[255, 255, 255, 255, 3]]                           # of three values, not of five


def test_sure_pixels_count_for_whatever_label_they_have():
    """Background where maps are weak, in spite of the label; uncertain where either CRF doubts."""
    maps = np.float32([[[0.0, 0.005, 0.02, 0.9, 0.8, 0.95]]])
    low = certain_of([0, 1, 0, 1, 1, 1])
    high = low.copy()
    labels = np.uint8([[0, 4, 0, 4, 4, 255]])
    # (1 - 0.005)^24 = 0.887 is sure, (1 - 0.02)^24 = 0.616 is not; of 0.8, 0.9, 0.95 the last
    assert confident_seeds(labels, maps, low, high).tolist() == [[0, 4, 255, 255, 255, 255]]
    assert confident_seeds(labels, maps, low, high, dropped=0.3).tolist() == [[0, 4, 255, 255, 255, 255]]
    low[:, 0, 1], high[:, 0, 1] = (0.21, 0.79), (0.79, 0.21)
    assert confident_seeds(labels, maps, low, high)[0, 1] == 255
    high[:, 0, 1] = 0.8, 0.2                                                     # of the weak background, 0.8 is enough
    assert confident_seeds(labels, maps, low, high)[0, 1] == 4
    low[0], low[1] = 0.1, 0.9                                                    # no pixel is background at low
    assert confident_seeds(labels, maps, low, high)[0, 0] == 255


def test_images_without_classes_are_background():
    maps, marginals = np.zeros((0, 2, 3), "float32"), np.ones((1, 2, 3), "float32")
    assert not confident_seeds(np.zeros((2, 3), np.uint8), maps, marginals, marginals).any()
