"""Several class maps of one image to one, in bytes (MCIS)."""

from collections.abc import Sequence

from keras import ops

LEAST_PROBABILITY = 0.1
"""A map further down the list whose class is less probable than that is left out."""

_TINY = 1e-8


def merge_maps(maps: Sequence, least_probability: float = LEAST_PROBABILITY):
    """Merges class maps that a network made of several views or pairs of one image.

    The first map of a class always counts, each later one only if its mean makes
    the class probable enough. The divisor is the length of the list all the same, so
    that a map left out darkens the result.

        n_i = 255 max(m_i, 0) / (max_p max(m_i, 0) + 1e-8),     u_1 = 1,  u_i = [sigmoid(mean_p m_i) > least]
        output = floor(sum_i u_i n_i / number of maps)

    All of it is float32, as published: in doubles the largest value is a level less.

    Args:
        maps: list of float `(row, column, class)`, raw, of one size; the first is that of the image by itself.
        least_probability: float in `[0, 1]`.

    Returns:
        uint8 `(row, column, class)`. Scaling a map that counts, and goes on counting, changes nothing.

    Example:

    >>> first, second = ops.array([[[4.0], [1.0], [-2.0]]]), ops.array([[[-9.0], [1.0], [-9.0]]])
    >>> ops.convert_to_numpy(merge_maps([first, second])).ravel().tolist()
    [127, 31, 0]

    Reference: Sun et al., MCIS, ECCV 2020 (released code).
    """
    total = 0.0
    for place, raw in enumerate(maps):                         # one after another: the order of a sum is part of it
        raw = ops.cast(raw, "float32")
        positive = ops.relu(raw)
        share = positive / (ops.max(positive, axis=(0, 1), keepdims=True, initial=0.0) + _TINY) * 255.0
        if place:
            probability = ops.sigmoid(ops.mean(raw, axis=(0, 1), keepdims=True))
            share = ops.where(probability > least_probability, share, 0.0)
        total = total + share
    return ops.cast(total / float(len(maps)), "uint8")
