import numpy as np
import pytest

from tfwsss.refine.told_by_labels import inside_boxes, mixed_with_seeds

IDS = np.array([0, 3, 7])


def shares(seed, rows=6, columns=8):
    return np.random.default_rng(seed).dirichlet(np.ones(3), (rows, columns)).astype(np.float32)


@pytest.mark.parametrize("weight", [0.0, 0.4, 1.0])
def test_known_pixels_move_towards_their_seeds(weight):
    probabilities, seeds = shares(0), np.random.default_rng(1).choice([0, 3, 7, 255], (6, 8)).astype(np.uint8)
    found = mixed_with_seeds(probabilities, IDS, seeds, weight)
    assert found.dtype == np.float32
    for place in np.ndindex(seeds.shape):
        one = np.array([seeds[place] == mask_id for mask_id in (0, 3, 7)], float)
        expected = probabilities[place] if seeds[place] == 255 else (1 - weight) * probabilities[place] + weight * one
        np.testing.assert_allclose(found[place], expected, atol=1e-6)


def test_a_class_with_boxes_is_nowhere_else():
    """Two boxes of one class, one over the border; the class without a box loses nothing and gains its share."""
    probabilities = shares(2)
    boxes = [(7, 1, 1, 3, 4), (7, 6, 4, 20, 20)]
    inside = np.zeros((6, 8), bool)
    inside[1:4, 1:3] = inside[4:, 6:] = True
    found = inside_boxes(probabilities, IDS, boxes)
    np.testing.assert_allclose(found[inside], probabilities[inside], atol=1e-6)
    assert (found[~inside, 2] == 0).all()
    shared = probabilities[..., 1] / (1 - probabilities[..., 2])
    np.testing.assert_allclose(found[~inside, 1], shared[~inside], rtol=1e-4)
    np.testing.assert_allclose(found.sum(axis=-1), 1, atol=1e-6)


def test_without_boxes_nothing_changes_and_what_loses_all_is_background():
    probabilities = shares(3)
    np.testing.assert_allclose(inside_boxes(probabilities, IDS, []), probabilities, atol=1e-6)
    sure = np.zeros((2, 2, 3), np.float32)
    sure[..., 1] = 1
    assert inside_boxes(sure, IDS, [(3, 0, 0, 1, 2)]).argmax(axis=-1).tolist() == [[1, 0], [1, 0]]
