import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tfwsss.metrics.multilabel import average_precision, mean_average_precision


def slow_average_precision(shown, scores):
    """Sums precision times the step of recall over every distinct score, from the definition."""
    total, recall = 0.0, 0.0
    for level in sorted(set(scores.tolist()), reverse=True):
        taken = scores >= level
        reached = (shown & taken).sum() / shown.sum()
        total += (reached - recall) * (shown & taken).sum() / taken.sum()
        recall = reached
    return total


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), images=st.integers(1, 12), levels=st.integers(1, 6))
def test_equals_the_definition_with_ties(seed, images, levels):
    rng = np.random.default_rng(seed)
    truth, scores = rng.random((images, 3)) < 0.5, rng.integers(0, levels, (images, 3)) / 7
    values = average_precision(truth, scores)
    for shown, column, value in zip(truth.T, scores.T, values, strict=True):
        if shown.any():
            assert value == pytest.approx(slow_average_precision(shown, column))
        else:
            assert np.isnan(value)


def test_order_of_images_and_scale_of_scores_do_not_matter():
    rng = np.random.default_rng(1)
    truth, scores = rng.random((30, 2)) < 0.3, rng.normal(size=(30, 2))
    order = rng.permutation(30)
    np.testing.assert_allclose(average_precision(truth[order], np.exp(scores[order])), average_precision(truth, scores))


def test_constant_scores_give_the_share_of_positives():
    truth = np.array([[1], [0], [0], [1], [0]])
    assert average_precision(truth, np.zeros((5, 1)))[0] == pytest.approx(0.4)


def test_mean_leaves_out_absent_classes():
    truth, scores = np.array([[1, 0], [0, 0]]), np.array([[0.2, 0.9], [0.8, 0.1]])
    assert mean_average_precision(truth, scores) == 0.5
    assert np.isnan(mean_average_precision(truth * 0, scores))


@pytest.mark.parametrize(("truth", "scores"), [(np.ones((2, 1)), np.ones((1, 2))), (np.ones(2), np.ones(2)),
                                               (np.ones((1, 1)), np.full((1, 1), np.nan))])
def test_wrong_shapes_and_nan_are_refused(truth, scores):
    with pytest.raises(ValueError, match="image, class"):
        average_precision(truth, scores)
