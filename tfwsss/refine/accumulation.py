"""OAA's accumulation: what the class maps of one image at successive visits of a training leave behind."""

from collections.abc import Sequence

import numpy as np

from tfwsss.errors import UserError

RULES = ("max", "mean", "harmonic", "plain_max")
"""How a new map joins those before it: the first three are of the program for Caffe, the last of that for PyTorch."""

ACCEPTS = ("rank", "top", "probable")
"""Which maps are taken at all: by the program for Caffe, by that for PyTorch, by the copy of it in MCIS' program."""

PROBABLE = 0.1
"""Least probability of a class whose map is taken by "probable"."""

_TINY = 1e-8


def accepted(probabilities: np.ndarray, labels: Sequence[int], rule: str = "rank") -> tuple[int, ...]:
    """Finds the classes of an image that the network found well enough for their maps to be taken.

        rank:      fewer than K classes are more probable,     K = number of the image's classes
        top:       among the first K by falling probability, the lower label of equals
        probable:  probability >= 0.1

    Args:
        probabilities: float `(class,)`, of all classes.
        labels: the image's classes, without background.
        rule: one of `ACCEPTS`.

    Returns:
        Those of the labels, in their order.

    Raises:
        UserError: an unknown rule.

    Example:

    >>> accepted(np.array([0.5, 0.5, 0.9, 0.2]), [1, 2, 3]), accepted(np.array([0.5, 0.5, 0.9, 0.2]), [1, 2], "top")
    ((1, 2), (2,))

    Reference: Jiang et al., OAA, ICCV 2019.
    """
    if rule not in ACCEPTS:
        raise UserError(f"accept is {rule!r}; expected one of {', '.join(ACCEPTS)}")
    if rule == "probable":
        return tuple(label for label in labels if probabilities[label] >= PROBABLE)
    if rule == "rank":
        return tuple(label for label in labels if np.sum(probabilities > probabilities[label]) < len(labels))
    first = np.argsort(-probabilities, kind="stable")[:len(labels)]
    return tuple(label for label in labels if label in first)


def accumulate(scores: np.ndarray, memory: np.ndarray | None = None, visits: int = 0, rule: str = "max",
               quantised: bool = True) -> np.ndarray:
    """Adds the class map of one visit to what earlier visits left.

    With R = max(map, 0), a new map is A = (R - min R) / (max R - min R + 1e-8), of
    the program for PyTorch R / (max R + 1e-8). s(x) stretches from 0 to 1 likewise:

        max        M <- max(s(M), A)
        mean       M <- (visits M + A) / (visits + 1)
        harmonic   M <- 3 / (1 / s(mean of both) + 2 / max(s(M), A))        each with 1e-8 below 1 and 2
        plain_max  M <- max(M, A)

    The precision is the programs' own: A is float32, M is read and joined in doubles,
    and kept as a byte: cut off, by "plain_max" rounded. The largest byte of "max"
    thus falls to 254 at the second visit, and stays there.

    Args:
        scores: float `(row, column)`, raw, not mirrored.
        memory: what `accumulate` returned for the visits before, or None at the first.
        visits: how many those were.
        rule: one of `RULES`.
        quantised: whether bytes are kept, as published; otherwise float32 from 0 to 1.

    Returns:
        uint8 `(row, column)`, or float32.

    Raises:
        UserError: an unknown rule.

    Example:

    >>> first = accumulate(np.float32([[-1.0, 1.0, 4.0]]))
    >>> first.tolist(), accumulate(np.float32([[5.0, 0.0, 0.0]]), first, visits=1).tolist()
    ([[0, 63, 255]], [[255, 62, 254]])

    Reference: Jiang et al., OAA, ICCV 2019.
    """
    if rule not in RULES:
        raise UserError(f"accumulate by {rule!r}; expected one of {', '.join(RULES)}")
    positive = np.maximum(scores.astype(np.float32), 0)
    new = positive / (positive.max() + np.float32(_TINY)) if rule == "plain_max" else _stretched(positive)
    if memory is not None:
        old = memory / 255.0 if memory.dtype == np.uint8 else memory.astype(np.float64)
        new = _JOINED[rule](old, new, visits)
    if not quantised:
        return new.astype(np.float32)
    return np.rint(new * 255).astype(np.uint8) if rule == "plain_max" else (new * 255).astype(np.uint8)


def gathered_bytes(memory: np.ndarray, rule: str = "max") -> np.ndarray:
    """Returns what is kept of an image and class at last: stretched once more, but by "plain_max" as it is.

    Args:
        memory: what `accumulate` returned, of any number of visits.
        rule: by which.

    Returns:
        uint8 `(row, column)`.

    Example:

    >>> gathered_bytes(np.uint8([[10, 20, 60]])).tolist(), gathered_bytes(np.uint8([[10, 60]]), "plain_max").tolist()
    ([[0, 50, 254]], [[10, 60]])
    """
    if rule == "plain_max":
        return memory if memory.dtype == np.uint8 else np.rint(memory * 255).astype(np.uint8)
    values = memory / 255.0 if memory.dtype == np.uint8 else memory.astype(np.float64)
    return (_stretched(values) * 255).astype(np.uint8)


def _stretched(values: np.ndarray) -> np.ndarray:
    """Returns values from 0 to 1, in their own precision."""
    low, high = values.min(), values.max()
    return (values - low) / (high - low + values.dtype.type(_TINY))


def _mean(old: np.ndarray, new: np.ndarray, visits: int) -> np.ndarray:
    return (old * visits + new) / (visits + 1)


def _largest(old: np.ndarray, new: np.ndarray, visits: int) -> np.ndarray:
    return np.maximum(_stretched(old), new)


def _harmonic(old: np.ndarray, new: np.ndarray, visits: int) -> np.ndarray:
    mean, largest = _stretched(_mean(old, new, visits)), _largest(old, new, visits)
    return 3.0 / (1.0 / (mean + _TINY) + 2.0 / (largest + _TINY))


_JOINED = {"max": _largest, "mean": _mean, "harmonic": _harmonic,
           "plain_max": lambda old, new, visits: np.maximum(old, new)}
