"""Masks as labels: taken as they are, and compared with what a network makes of them."""

import numpy as np

from tfwsss.palette import IGNORE


def as_they_are(mask: np.ndarray) -> np.ndarray:
    """Returns a true mask: what a network learns from where no other labels are given.

    Args:
        mask: uint8 `(row, column)`.

    Returns:
        The same.

    Example:

    >>> as_they_are(np.array([[0, 255]])).tolist()
    [[0, 255]]
    """
    return mask


def review(mask: np.ndarray, labels: np.ndarray | None, certainty: np.ndarray) -> dict[str, float | None]:
    """Says how sure a network is of an image, and how far it follows the labels that it learned from.

    Args:
        mask: uint8 `(row, column)`, what the network says.
        labels: uint8 `(row, column)`, 255 = open, or None where it had none.
        certainty: float `(row, column)`, probability of the likeliest class.

    Returns:
        "confidence", the mean certainty; "coverage", share of the pixels that the labels decide; "agreement", share
        of those on which mask and labels agree, None where there are none.

    Example:

    >>> review(np.array([[1, 1, 0]]), np.array([[1, 0, 255]]), np.array([[1.0, 0.5, 0.75]]))
    {'confidence': 0.75, 'coverage': 0.6666666666666666, 'agreement': 0.5}
    """
    decided = np.zeros(mask.shape, bool) if labels is None else labels != IGNORE
    agreement = float(np.mean(mask[decided] == labels[decided])) if decided.any() else None
    return {"confidence": float(certainty.mean()), "coverage": float(decided.mean()), "agreement": agreement}
