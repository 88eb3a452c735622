"""The background's score beside class maps, which have none of their own."""

import numpy as np

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
