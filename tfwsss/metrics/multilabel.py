"""How well image-level scores rank the images that show a class."""

import numpy as np


def average_precision(truth: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """Averages, for each class, the precision over the images that show it.

    Images are taken by falling score, equal scores together; at each new score
    the precision so far counts as often as images with the class joined.

        AP_c = sum_k (recall_k - recall_{k-1}) precision_k

    Args:
        truth: `(image, class)` of 0 and 1.
        scores: `(image, class)`, larger means more likely; logits or probabilities.

    Returns:
        float64 `(class,)` in 0–1; NaN for classes that no image shows. Any
        increasing function of the scores gives the same.

    Raises:
        ValueError: the shapes differ, or a score is not a number.

    Example:
    >>> truth, scores = np.array([[1, 0], [0, 0], [1, 0]]), np.array([[0.9, 0.1], [0.8, 0.3], [0.7, 0.2]])
    >>> average_precision(truth, scores).round(3).tolist()
    [0.833, nan]

    Reference: Salton and McGill, Introduction to Modern Information Retrieval, 1983.
    """
    truth, scores = np.asarray(truth).astype(bool), np.asarray(scores, np.float64)
    if truth.shape != scores.shape or truth.ndim != 2 or np.isnan(scores).any():
        raise ValueError(f"truth {truth.shape} and scores {scores.shape} must be (image, class), without NaN")
    return np.array([_of_class(*columns) for columns in zip(truth.T, scores.T, strict=True)], np.float64)


def mean_average_precision(truth: np.ndarray, scores: np.ndarray) -> float:
    """Averages `average_precision` over the classes that occur.

    Args:
        truth: `(image, class)` of 0 and 1.
        scores: `(image, class)`, larger means more likely.

    Returns:
        Mean in 0–1; NaN where no image shows any class.

    Example:
    >>> mean_average_precision(np.array([[1, 0], [0, 1]]), np.array([[0.6, 0.4], [0.3, 0.7]]))
    1.0
    """
    values = average_precision(truth, scores)
    values = values[~np.isnan(values)]
    return float(values.mean()) if values.size else float("nan")


def _of_class(shown: np.ndarray, scores: np.ndarray) -> float:
    if not shown.any():
        return float("nan")
    order = np.argsort(-scores, kind="stable")
    last = np.append(np.diff(scores[order]) != 0, True)           # the last image of each run of equal scores
    hits = np.cumsum(shown[order])[last]
    precision = hits / (np.flatnonzero(last) + 1)
    return float(np.sum(np.diff(hits, prepend=0) * precision) / hits[-1])
