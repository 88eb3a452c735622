"""The background's score beside class maps, which have none of their own."""

import math

import numpy as np

from tfwsss.errors import UserError

_TINY = 1e-5


def normalise(maps: np.ndarray) -> np.ndarray:
    """Divides the positive part of each class map by its own maximum.

        n[k] = max(m[k], 0) / (max_p m[k, p] + 1e-5)

    Args:
        maps: floats `(class, row, column)`.

    Returns:
        float32, same shape, 0 to just below 1; a map without positive values becomes 0.

    Example:

    >>> normalise(np.array([[[-1.0, 1.2]], [[3.4, 0.6]]])).astype(float).round(4).tolist()
    [[[0.0, 1.0]], [[1.0, 0.1765]]]

    Reference: Ahn and Kwak, AffinityNet, CVPR 2018 (released code).
    """
    positive = np.maximum(maps, 0).astype(np.float32)
    return positive / (positive.max(axis=(1, 2), keepdims=True, initial=0.0) + np.float32(_TINY))


def with_background(maps: np.ndarray, power: float) -> np.ndarray:
    """Puts the background before normalised class maps.

        background = (1 - max_k m[k])^power

    Args:
        maps: floats `(class, row, column)`, 0 to 1.
        power: a high one makes the background weak.

    Returns:
        float32 `(1 + class, row, column)`, 0 to 1; the planes need not sum to 1.

    Example:

    >>> with_background(np.array([[[0.0, 0.1, 1.0]]]), 4.0)[0, 0].astype(float).round(4).tolist()
    [1.0, 0.6561, 0.0]

    Reference: Ahn and Kwak, AffinityNet, CVPR 2018.
    """
    strongest = maps.max(axis=0, keepdims=True, initial=0.0)
    return np.concatenate([(1 - strongest) ** power, maps]).astype(np.float32)


def background_power(threshold: float) -> float:
    """Returns the power at which background and object are equal at a threshold of the normalised class map.

        (1 - t)^power = t,   power = log t / log(1 - t)

    Args:
        threshold: between 0 and 1.

    Returns:
        Positive power; 0.1228 gives the published 16.

    Raises:
        UserError: a threshold that leaves no background, or nothing else.

    Example:

    >>> round(background_power(0.122833), 2), background_power(0.5)
    (16.0, 1.0)
    """
    if not 0 < threshold < 1:
        raise UserError(f"background: a threshold of {threshold} parts nothing; expected one between 0 and 1: "
                        "set cam_masks.threshold, or the powers themselves")
    return math.log(threshold) / math.log1p(-threshold)
