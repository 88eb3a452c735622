"""Counts pixels first, divides later: one confusion matrix serves every score."""

import dataclasses
from typing import Literal

import numpy as np

from tfwsss.palette import IGNORE


@dataclasses.dataclass(frozen=True)
class Confusion:
    """How often each true id received each predicted id, over pixels whose truth is known.

    Counts of images and of data sets add: `sum(counts, Confusion.zeros(3))`.

    Args:
        matrix: int64 `(true id, predicted id)`.
        ignored: int64 `(true id,)`, pixels whose prediction is 255 = ignore.

    Example:
    >>> one = confusion_matrix(np.array([[0, 1]]), np.array([[0, 255]]), 2)
    >>> (one + one).ignored.tolist()
    [0, 2]
    """

    matrix: np.ndarray
    ignored: np.ndarray

    @classmethod
    def zeros(cls, num_ids: int) -> "Confusion":
        """Returns the counts of no pixel at all; ids include background."""
        return cls(np.zeros((num_ids, num_ids), np.int64), np.zeros(num_ids, np.int64))

    def __add__(self, other: "Confusion") -> "Confusion":
        return Confusion(self.matrix + other.matrix, self.ignored + other.ignored)

    @property
    def pixels(self) -> int:
        """Number of pixels whose truth is known."""
        return int(self.matrix.sum() + self.ignored.sum())


def confusion_matrix(truth: np.ndarray, prediction: np.ndarray, num_ids: int) -> Confusion:
    """Counts the pairs of true and predicted ids; pixels whose truth is 255 count nowhere.

    Cost: one pass over the pixels.

    Args:
        truth: integers of any shape, ids `0..num_ids - 1` or 255 = unknown.
        prediction: integers of the same shape, ids `0..num_ids - 1` or 255 = ignore.
        num_ids: number of mask ids, background included.

    Returns:
        Confusion; its `pixels` is the number of pixels whose truth is known.

    Raises:
        ValueError: the shapes differ, or an id lies outside.

    Example:
    >>> truth, prediction = np.array([[0, 1, 1, 255]]), np.array([[0, 0, 1, 1]])
    >>> confusion_matrix(truth, prediction, 2).matrix.tolist()
    [[1, 0], [1, 1]]
    """
    if truth.shape != prediction.shape:
        raise ValueError(f"truth is {truth.shape}, prediction {prediction.shape}; expected the same shape")
    known = truth != IGNORE
    true_ids, predicted = truth[known].astype(np.intp), prediction[known].astype(np.intp)
    ignored = predicted == IGNORE
    for what, ids in (("truth", true_ids), ("prediction", predicted[~ignored])):
        if ids.size and not 0 <= ids.min() <= ids.max() < num_ids:
            raise ValueError(f"{what} has ids {ids.min()} to {ids.max()}; expected 0 to {num_ids - 1}, or {IGNORE}")
    predicted[ignored] = num_ids                          # one more column for ignore
    counts = np.bincount(true_ids * (num_ids + 1) + predicted, minlength=num_ids * (num_ids + 1))
    counts = counts.astype(np.int64).reshape(num_ids, num_ids + 1)
    return Confusion(counts[:, :num_ids], counts[:, num_ids])


def iou(confusion: Confusion, ignore_as_error: bool = False,
        reduction: Literal["none", "mean"] = "none") -> np.ndarray | float:
    """Divides the pixels on which truth and prediction agree by those on which either names the id.

        IoU_c = M_cc / (sum_j M_cj + sum_i M_ic - M_cc [+ ignored_c])

    The field counts predicted ignore in two ways. Left out (the default, as
    the originals' scripts do), a mask that ignores whatever is hard scores
    well; counted as error, each ignored pixel is a miss of its true id.

    Args:
        confusion: counts of one or many images.
        ignore_as_error: add the ignored pixels to the divisor.
        reduction: "none" for every id's own, "mean" for the mean over the ids that occur, background included.

    Returns:
        float64 `(num_ids,)` in 0–1, NaN for ids that occur on neither side; or their mean, NaN where no pixel was
        counted.

    Example:
    >>> counts = confusion_matrix(np.array([0, 0, 1, 1]), np.array([0, 1, 1, 255]), 3)
    >>> iou(counts).tolist(), iou(counts, ignore_as_error=True).round(3).tolist()
    ([0.5, 0.5, nan], [0.5, 0.333, nan])
    >>> iou(counts, reduction="mean")
    0.5

    Reference: Everingham et al., The PASCAL VOC challenge, IJCV 2010.
    """
    right = np.diagonal(confusion.matrix).astype(np.float64)
    either = confusion.matrix.sum(0) + confusion.matrix.sum(1) - right
    if ignore_as_error:
        either = either + confusion.ignored
    values = np.divide(right, either, out=np.full(len(right), np.nan), where=either > 0)
    if reduction == "none":
        return values
    occurring = values[either > 0]
    return float(occurring.mean()) if occurring.size else float("nan")


def ignored_share(confusion: Confusion) -> float:
    """Returns the share of predicted ignore among the pixels whose truth is known.

    Args:
        confusion: counts of one or many images.

    Returns:
        Share in 0–1; one minus the coverage of the masks. 0 where no pixel was counted.

    Example:
    >>> ignored_share(confusion_matrix(np.array([0, 0, 1, 1]), np.array([0, 1, 1, 255]), 2))
    0.25
    """
    return float(confusion.ignored.sum() / max(confusion.pixels, 1))


def threshold_sweep(truth: np.ndarray, winner: np.ndarray, score: np.ndarray, thresholds: np.ndarray,
                    num_ids: int) -> np.ndarray:
    """Counts the confusions that all background thresholds would give, in one pass over the pixels.

    A pixel is its winner where the winner's score exceeds the threshold and
    background elsewhere. Pixels are binned by true id, winner and the number of
    thresholds that their score exceeds; each threshold's matrix is a sum of bins.

    Cost: pixels + thresholds x ids^2, not pixels x thresholds.

    Args:
        truth: integers `(row, column)`, ids or 255 = unknown.
        winner: integers of the same shape, id of the strongest class, `1..num_ids - 1`.
        score: floats of the same shape, strength of the winner.
        thresholds: floats `(threshold,)`, ascending.
        num_ids: number of mask ids, background included.

    Returns:
        int64 `(threshold, true id, predicted id)`; sums over all ids are the same for every threshold.

    Raises:
        ValueError: the thresholds do not ascend, a shape differs or an id lies outside.

    Example:
    >>> truth, winner, score = np.array([[0, 1, 1]]), np.array([[1, 1, 1]]), np.array([[0.3, 0.5, 0.9]])
    >>> threshold_sweep(truth, winner, score, np.array([0.2, 0.6]), 2).tolist()
    [[[0, 1], [0, 2]], [[1, 0], [1, 1]]]
    """
    thresholds = np.asarray(thresholds, np.float64)
    if not truth.shape == winner.shape == score.shape or (np.diff(thresholds) <= 0).any():
        raise ValueError(f"shapes {truth.shape}, {winner.shape}, {score.shape} differ, or thresholds do not ascend")
    known = truth != IGNORE
    true_ids, winners = truth[known].astype(np.intp), winner[known].astype(np.intp)
    if true_ids.size and not (true_ids.max() < num_ids and 0 <= winners.min() <= winners.max() < num_ids):
        raise ValueError(f"an id lies outside 0 to {num_ids - 1}: truth up to {true_ids.max()}, winner {winners.max()}")
    bins = len(thresholds) + 1
    exceeded = np.searchsorted(thresholds, score[known], side="left")      # thresholds that lie below the score
    places = (true_ids * num_ids + winners) * bins + exceeded
    counts = np.bincount(places, minlength=num_ids * num_ids * bins).reshape(num_ids, num_ids, bins)
    at_most = np.cumsum(counts, axis=2)[:, :, :-1]         # [.., k]: the score does not exceed threshold k
    matrices = np.moveaxis(counts.sum(2, keepdims=True) - at_most, 2, 0).astype(np.int64)
    matrices[:, :, 0] += at_most.sum(1).T                   # those pixels are background
    return matrices
