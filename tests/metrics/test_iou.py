import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tfwsss.metrics.iou import Confusion, confusion_matrix, ignored_share, iou, threshold_sweep

TRUTH = np.array([[0, 1, 2, 255], [1, 3, 0, 2]], np.uint8)
PREDICTION = np.array([[0, 1, 1, 2], [2, 3, 255, 255]], np.uint8)


def slow_confusion(truth, prediction, num_ids):
    """Counts pixel by pixel."""
    matrix, ignored = np.zeros((num_ids, num_ids), int), np.zeros(num_ids, int)
    for true, predicted in zip(truth.ravel().tolist(), prediction.ravel().tolist(), strict=True):
        if true != 255 and predicted == 255:
            ignored[true] += 1
        elif true != 255:
            matrix[true, predicted] += 1
    return matrix, ignored


def random_masks(rng, shape, num_ids):
    ids = np.append(np.arange(num_ids), 255)
    return rng.choice(ids, shape).astype(np.uint8), rng.choice(ids, shape).astype(np.uint8)


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), num_ids=st.integers(1, 6), rows=st.integers(0, 7))
def test_counts_equal_the_slow_count(seed, num_ids, rows):
    truth, prediction = random_masks(np.random.default_rng(seed), (rows, 5), num_ids)
    counts = confusion_matrix(truth, prediction, num_ids)
    matrix, ignored = slow_confusion(truth, prediction, num_ids)
    assert counts.matrix.dtype == counts.ignored.dtype == np.int64
    np.testing.assert_array_equal(counts.matrix, matrix)
    np.testing.assert_array_equal(counts.ignored, ignored)
    assert counts.pixels == np.count_nonzero(truth != 255)


def test_hand_case():
    # known pixels (truth, prediction): 00 11 21 12 33 0i 2i
    counts = confusion_matrix(TRUTH, PREDICTION, 5)
    assert iou(counts)[:4].tolist() == [1.0, 1 / 3, 0.0, 1.0]
    assert np.isnan(iou(counts)[4])
    np.testing.assert_allclose(iou(counts, ignore_as_error=True)[:4], [1 / 2, 1 / 3, 0.0, 1.0])
    assert iou(counts, reduction="mean") == pytest.approx((1 + 1 / 3 + 0 + 1) / 4)
    assert iou(counts, ignore_as_error=True, reduction="mean") == pytest.approx((1 / 2 + 1 / 3 + 0 + 1) / 4)
    assert ignored_share(counts) == pytest.approx(2 / 7)


def test_specified_case_of_the_deeplab_document():
    truth, prediction = np.array([0, 1, 2, 255, 1, 20, 0]), np.array([0, 1, 1, 5, 2, 20, 3])
    matrix = confusion_matrix(truth, prediction, 21).matrix
    assert {(i, j): int(matrix[i, j]) for i, j in zip(*matrix.nonzero(), strict=True)} == {
        (0, 0): 1, (1, 1): 1, (20, 20): 1, (2, 1): 1, (1, 2): 1, (0, 3): 1}


def test_a_class_only_under_ignore_is_absent_or_lost():
    counts = confusion_matrix(np.array([0, 1]), np.array([0, 255]), 2)
    assert np.isnan(iou(counts)[1]) and iou(counts, ignore_as_error=True)[1] == 0.0


def test_everything_ignored_or_unknown():
    unknown = confusion_matrix(np.full((2, 2), 255), np.zeros((2, 2), int), 3)
    assert unknown.pixels == 0 and np.isnan(iou(unknown, reduction="mean")) and ignored_share(unknown) == 0.0
    ignored = confusion_matrix(np.zeros((2, 2), int), np.full((2, 2), 255), 3)
    assert ignored_share(ignored) == 1.0 and np.isnan(iou(ignored, reduction="mean"))
    assert iou(ignored, ignore_as_error=True, reduction="mean") == 0.0


def test_counts_of_images_add_and_do_not_overflow():
    parts = [confusion_matrix(TRUTH[i:i + 1], PREDICTION[i:i + 1], 4) for i in range(2)]
    whole = confusion_matrix(TRUTH, PREDICTION, 4)
    total = sum(parts, Confusion.zeros(4))
    np.testing.assert_array_equal(total.matrix, whole.matrix)
    np.testing.assert_array_equal(total.ignored, whole.ignored)
    huge = Confusion(np.full((1, 1), 2**24 + 1), np.zeros(1, np.int64))
    assert (huge + huge).pixels == 2**25 + 2      # float32 would lose the last pixel


def test_renaming_the_ids_renames_the_scores():
    rng = np.random.default_rng(0)
    truth, prediction = rng.integers(0, 4, (20, 20)), rng.integers(0, 4, (20, 20))
    names = np.array([2, 0, 3, 1])
    straight = iou(confusion_matrix(truth, prediction, 4))
    renamed = iou(confusion_matrix(names[truth], names[prediction], 4))
    np.testing.assert_allclose(renamed[names], straight)


@pytest.mark.parametrize(("truth", "prediction"), [([0, 4], [0, 0]), ([0, 0], [4, 0]), ([0, 0], [0, 200]),
                                                   ([0, -1], [0, 0]), ([0], [0, 0])])
def test_strange_ids_and_shapes_are_refused(truth, prediction):
    with pytest.raises(ValueError, match="expected (0 to 3|the same shape)"):
        confusion_matrix(np.array(truth), np.array(prediction), 4)


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), num_ids=st.integers(2, 5), count=st.integers(1, 6))
def test_sweep_equals_one_arg_max_for_each_threshold(seed, num_ids, count):
    rng = np.random.default_rng(seed)
    thresholds = np.sort(rng.choice(np.arange(1, 20), count, replace=False)) / 20
    truth = rng.choice(np.append(np.arange(num_ids), 255), (9, 8))
    scores = rng.choice(np.append(thresholds, rng.random(3)), (num_ids - 1, 9, 8))     # ties with the thresholds
    swept = threshold_sweep(truth, scores.argmax(0) + 1, scores.max(0), thresholds, num_ids)
    assert swept.dtype == np.int64
    for threshold, matrix in zip(thresholds, swept, strict=True):
        with_background = np.concatenate([np.full((1, 9, 8), threshold), scores])
        prediction = with_background.argmax(0)           # a tie goes to background, the first
        np.testing.assert_array_equal(matrix, confusion_matrix(truth, prediction, num_ids).matrix)


def test_sweep_refuses_unsorted_thresholds():
    ones = np.ones((1, 1))
    with pytest.raises(ValueError, match="ascend"):
        threshold_sweep(ones, ones, ones, np.array([0.5, 0.5]), 2)
    with pytest.raises(ValueError, match="outside"):
        threshold_sweep(ones, ones * 2, ones, np.array([0.5]), 2)
