"""Class maps and saliency to labels of pixels: the rule that OAA and MCIS share."""

from typing import NamedTuple

from keras import ops

_TINY = 1e-8


class Limits(NamedTuple):
    """Where the rule draws its lines.

    Args:
        conflict: above it two channels exclude each other.
        foreground: below it a channel counts nothing.
        strong: above it a class map is as good as salient.
        salient: byte of saliency from which a pixel cannot be background.
        share: least part of an image that its objects must cover.
    """

    conflict: float
    foreground: float
    strong: float
    salient: int
    share: float


MCIS_LIMITS = Limits(conflict=0.99, foreground=0.3, strong=0.95, salient=32, share=0.01)
OAA_LIMITS = Limits(conflict=0.9, foreground=0.3, strong=0.8, salient=32, share=0.01)


def proxy_scores(maps, saliency=None, threshold: float = 0.3):
    """Stretches class maps from 0 to 1 and puts the background before them.

        a_c = (m_c - min m_c) / (max m_c - min m_c + 1e-8),     background = 1 - saliency / 255, or the threshold

    Args:
        maps: `(row, column, class)`, bytes or any numbers; there may be no class.
        saliency: optional, bytes `(row, column)`, 255 = salient.
        threshold: float in `[0, 1]`. Score of the background where there is no saliency.

    Returns:
        float32 `(row, column, 1 + class)` and the class maps in doubles, `(row, column, class)`; both 0 to 1.

    Example:

    >>> scores, exact = proxy_scores(ops.array([[[5], [80], [255]]]), ops.array([[0, 51, 255]]))
    >>> [[round(float(score), 4) for score in pixel] for pixel in ops.convert_to_numpy(scores)[0]]
    [[1.0, 0.0], [0.8, 0.3], [0.0, 1.0]]
    """
    maps = ops.cast(maps, "float64")
    low = ops.min(maps, axis=(0, 1), keepdims=True, initial=float("inf"))
    high = ops.max(maps, axis=(0, 1), keepdims=True, initial=-float("inf"))
    exact = (maps - low) / (high - low + _TINY)
    if saliency is None:
        background = ops.full(ops.shape(maps)[:2], threshold, dtype="float32")
    else:
        background = 1.0 - ops.cast(saliency, "float32") / 255.0
    return ops.concatenate([background[..., None], ops.cast(exact, "float32")], axis=-1), exact


def proxy_labels(maps, saliency=None, threshold: float = 0.3, limits: Limits = MCIS_LIMITS, undecided: int = 255):
    """Decides the labels of an image from class maps and, where there is one, a saliency map.

        g = scores, those below `foreground` 0        a = class maps in doubles
        label = the first largest of g
        undecided where two g > conflict; where the label is background and the pixel is salient, or some a > strong;
        everywhere if objects cover less than `share` of the image

    Scores are compared as float32, as published: a map's pixel at exactly 30 % of its
    range keeps its class. No object lies outside what is salient if saliency is only
    0 or 255. Without saliency the threshold is the background's score everywhere.

    Args:
        maps: `(row, column, class)`, bytes or any numbers; there may be no class.
        saliency: optional, bytes `(row, column)`, 255 = salient.
        threshold: float in `[0, 1]`. Score of the background where there is no saliency.
        limits: where the lines are drawn: `MCIS_LIMITS` or `OAA_LIMITS`.
        undecided: int. Value of such pixels.

    Returns:
        int32 `(row, column)`: 0 background, 1 for the first class and so on.

    Example:

    >>> maps, saliency = ops.array([[[250], [75], [0], [250]]]), ops.array([[255, 255, 0, 0]])
    >>> ops.convert_to_numpy(proxy_labels(maps, saliency)).tolist()
    [[1, 1, 0, 255]]

    Reference: Jiang et al., OAA, ICCV 2019; Sun et al., MCIS, ECCV 2020 (released code).
    """
    scores, exact = proxy_scores(maps, saliency, threshold)
    scores = ops.where(scores < limits.foreground, 0.0, scores)
    labels = ops.cast(ops.argmax(scores, axis=-1), "int32")
    labels = ops.where(ops.sum(ops.cast(scores > limits.conflict, "int32"), axis=-1) > 1, undecided, labels)
    seen = ops.any(exact > limits.strong, axis=-1)
    if saliency is not None:
        seen = seen | (ops.cast(saliency, "int32") >= limits.salient)
    labels = ops.where((labels == 0) & seen, undecided, labels)
    objects = ops.cast((labels > 0) & (labels != undecided), "float64")
    return ops.where(ops.mean(objects) < limits.share, undecided, labels)
