"""Affinity attention: positions of a map read from those in their window, by likeness and by given affinities."""

import math

from keras import ops

from tfwsss.ops.offsets import half_window, neighbours
from tfwsss.ops.tiles import around_tiles, from_tiles, radius_of, spread_windows, to_tiles, whole_windows

SIDE = 8
"""Of the tiles: on a processor larger ones multiply more zeros, smaller ones copy more neighbours."""

_NOT_JOINED = -1e9      # added to a score: nothing is left of it after softmax
_ADDED = 1e-7           # to the product of two lengths
_SHORTEST = 1e-30       # square of a length below which it is taken for 0, without gradient


def attention_scores(affinity, inside=None, factor: float = 10.0):
    """Lays out what a layer of affinity attention adds to the likeness of features; made once for an image.

        score[i, j] = factor affinity[i, j] where j is in the window of i and on the map, else -1e9

    The affinity of a position to itself counts as 1. A position that is not on the map is joined to itself alone.

    Memory: `(8 + 2 radius)²` numbers a position.

    Args:
        affinity: float, `(batch, row, column, offset)`, offsets as `half_window(radius)`, radius at most 8: one of each
            opposite pair; what it says of neighbours outside the map does not count.
        inside: `(batch, row, column)`, true or 1 on the map, false or 0 where the grid is only filled up; None: all.
        factor: float. Of the affinity.

    Returns:
        float32 `(batch, tile, 64, (8 + 2 radius)²)`, as `spread_windows` orders it.

    Example:

    >>> scores = attention_scores(ops.ones((1, 1, 2, 4)))
    >>> tuple(scores.shape), float(ops.max(scores)), int(ops.sum(scores[0, 0, 0] == 10.0))
    ((1, 1, 64, 100), 10.0, 2)

    Reference: Zhang et al., A2GNN, TPAMI 2021 (factor of the released code).
    """
    affinity = ops.cast(affinity, "float32")
    radius = radius_of(affinity.shape[-1])
    inside = ops.ones(ops.shape(affinity)[:3]) if inside is None else ops.cast(inside, "float32")
    joined = inside[..., None] * neighbours(inside, half_window(radius))
    given, near = (spread_windows(whole_windows(half, radius, centre), SIDE, radius)
                   for half, centre in ((factor * affinity, factor), (joined, 1.0)))
    return ops.where(near > 0, given, _NOT_JOINED)


def graph_attention(features, sharpness, scores, not_negative: bool = False):
    """Lets every position of a map read from those in its window, by how alike they are and by given affinities.

        cosine[i, j] = x_i x_j / (|x_i| |x_j| + 1e-7)
        output[i] = sum_j P[i, j] x_j,   P[i] = softmax over j of (sharpness cosine[i, j] + score[i, j])

    Positions whose cosine is below 0 are not read either. A row of zeros is as unlike to all others as can be, and its
    length has no gradient.

    Cost: two products of `(8 + 2 radius)²` by channels a position, four for the gradient: of 8 x 8 positions at a time
    with those round them. No matrix of all pairs is made.

    Args:
        features: float, `(batch, row, column, channel)`.
        sharpness: `(batch,)`, each image its own.
        scores: of `attention_scores`, for a grid of this size.
        not_negative: bool. Whether features are known to be at least 0, so that no cosine is below 0: saves the look.

    Returns:
        float32 `(batch, row, column, channel)`, within each channel's range.

    Example:

    >>> features = ops.convert_to_tensor([[[[1.0, 0.0], [1.0, 1.0], [0.0, 2.0]]]])
    >>> affinity = ops.pad(ops.convert_to_tensor([[[[0.9], [0.5], [0.0]]]]), ((0, 0), (0, 0), (0, 0), (0, 3)))
    >>> out = graph_attention(features, ops.convert_to_tensor([0.5]), attention_scores(affinity))
    >>> out[0, 0, 1].numpy().astype(float).round(6).tolist()
    [0.995603, 0.764319]

    Reference: Zhang et al., A2GNN, TPAMI 2021.
    """
    features = ops.cast(features, "float32")
    rows, columns = ops.shape(features)[1:3]
    radius = (math.isqrt(scores.shape[-1]) - SIDE) // 2
    lengths = ops.sqrt(ops.maximum(ops.sum(ops.square(features), axis=-1, keepdims=True), _SHORTEST))
    read = around_tiles(features, SIDE, radius)                              # (batch, tile, near, channel)
    products = ops.einsum("btic,btjc->btij", to_tiles(features, SIDE), read)
    both = to_tiles(lengths, SIDE) * ops.swapaxes(around_tiles(lengths, SIDE, radius), 2, 3)
    cosine = products / (both + _ADDED)                                      # (batch, tile, 64, near)
    scores = scores + ops.reshape(sharpness, (-1, 1, 1, 1)) * cosine
    if not not_negative:
        scores = ops.where(cosine < 0, scores + _NOT_JOINED, scores)
    return from_tiles(ops.matmul(ops.softmax(scores, axis=-1), read), rows, columns, SIDE)
