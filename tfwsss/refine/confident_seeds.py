"""A2GNN's seeds of an image that has only tags: of labels on which two CRFs agree, those that are surest."""

import numpy as np

from tfwsss.palette import IGNORE

LEAST = 0.01
"""Values of a class map that count at all."""


def confident_seeds(labels: np.ndarray, maps: np.ndarray, low: np.ndarray, high: np.ndarray, power: float = 24.0,
                    dropped: float = 0.6, background: float = 0.8, certain: float = 0.8) -> np.ndarray:
    """Keeps labels where a class map is strong and a CRF is certain.

        C_0 = (1 - max_c map_c)^power (no map counts as 0),   C_c = map_c,   a = argmax C
        sure_c = {a = c, C_c above the value at place floor(dropped n) of the n values above 0.01, rising}
        sure_0 = {a = 0, C_0 > background}
        seed = label where the pixel is in any sure_v, v of argmax low, and max(high_0, low_1, low_2, ...) >= certain

    A bit less than `1 - dropped` of a class' pixels are sure: its threshold itself is not, and one pixel alone gives
    none. A pixel that is sure for one class counts for whatever label it has. Of equal planes the first is the
    largest. The background of `low` and `high` is another than C_0: of the classes that the image shows.

    Args:
        labels: uint8 `(row, column)`, `ops.confident_labels` of the marginals: where both backgrounds agree, else 255.
        maps: float32 `(class, row, column)`, normalised class maps of the image's classes, rising.
        low: float32 `(1 + class, row, column)`, marginals of the CRF with strong background, that plane first.
        high: likewise, with weak background.
        power: of the background's score.
        dropped: share of each class' values that is not sure.
        background: from which score background is sure.
        certain: from which marginal a label is certain.

    Returns:
        uint8 `(row, column)`: `labels`, 255 where they are not sure.

    Example:

    >>> maps = np.float32([[[0.05, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0]]])
    >>> marginals = np.stack([np.zeros((1, 10)), np.ones((1, 10))])
    >>> confident_seeds(np.full((1, 10), 3, np.uint8), maps, marginals, marginals).tolist()      # 0.05 looks like none
    [[255, 255, 255, 255, 255, 255, 255, 3, 3, 3]]

    Reference: Zhang et al., A2GNN, TPAMI 2021 (released code).
    """
    scores = np.concatenate([(1.0 - maps.max(axis=0, initial=0.0, keepdims=True)) ** power, maps])
    strongest = scores.argmax(axis=0)
    sure = np.zeros(labels.shape, bool)
    for plane in np.unique(low.argmax(axis=0)):
        own = np.where(strongest == plane, scores[plane], 0.0)
        sure |= own > (background if plane == 0 else _threshold(own, dropped))
    certainty = np.concatenate([high[:1], low[1:]]).max(axis=0)
    return np.where(sure & (certainty >= certain), labels, IGNORE).astype(np.uint8)


def _threshold(values: np.ndarray, dropped: float) -> float:
    """Returns the value that a sure pixel's exceeds."""
    counted = np.sort(values[values > LEAST])
    place = int(dropped * counted.size)
    return counted[place] if place >= 1 else np.inf
