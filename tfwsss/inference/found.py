"""What is said of one image: its mask, and what it was decided by."""

from typing import Any, NamedTuple

import numpy as np


class Answer(NamedTuple):
    """What is said of one image; in a graph, what nobody reads is not computed.

    Args:
        mask: uint8 `(row, column)`: 0 background, label + 1, 255 undecided.
        scores: float32 `(row, column, id)`, 0 to 1, background first: what the mask was decided by, before the CRF; 0
            for classes that do not count.
        likely: float32 `(class,)`: how likely the image shows each class, 0 to 1.
    """

    mask: Any
    scores: Any
    likely: Any


class Found(NamedTuple):
    """The mask of one image as arrays.

    Args:
        mask: uint8 `(row, column)`: 0 background, label + 1, 255 undecided.
        image: uint8 `(row, column, 3)`.
        seconds: time that it took, that of the network shared among the images of its batch.
        certainty: float32 `(row, column)`, the largest score of each pixel before the CRF; None unless asked for.
        likely: float32 `(class,)`, how likely the image shows each class, 0 to 1; beside the certainty.
        scores: float32 `(row, column, id)`, 0 to 1, before the CRF; None unless asked for.
    """

    mask: np.ndarray
    image: np.ndarray
    seconds: float
    certainty: np.ndarray | None = None
    likely: np.ndarray | None = None
    scores: np.ndarray | None = None
