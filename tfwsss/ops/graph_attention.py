"""Affinity attention: positions of a map read from those in their window, by likeness and by given affinities."""

from typing import Any, NamedTuple

from keras import ops

from tfwsss.ops.offsets import half_window, neighbours
from tfwsss.ops.tiles import (
    SIDE,
    Tiling,
    add_back,
    around_tiles,
    from_tiles,
    radius_of,
    spread_windows,
    tiling,
    to_tiles,
    whole_windows,
)

_NOT_JOINED = -1e9      # added to a score: nothing is left of it after softmax
_ADDED = 1e-7           # to the product of two lengths
_SHORTEST = 1e-30       # square of a length below which it is taken for 0, without gradient


class TiledGraph(NamedTuple):
    """A graph of the positions of a map, laid out in tiles.

    Args:
        scores: float32 `(batch, tile, 64, (8 + 2 radius)²)`, what is added to the likeness of each pair.
        tiles: which positions each tile reads.
    """

    scores: Any
    tiles: Tiling


def tiled_graph(affinity, inside=None, factor: float = 10.0) -> TiledGraph:
    """Lays out what layers of affinity attention add to the likeness of features; made once for an image.

        score[i, j] = factor affinity[i, j] where j is in the window of i and on the map, else -1e9

    The affinity of a position to itself counts as 1. A position that is not on the map is joined to itself alone.

    Memory: `(8 + 2 radius)²` numbers a position.

    Args:
        affinity: float, `(batch, row, column, offset)`, of known size, offsets as `half_window(radius)`, radius at
            most 8: one of each opposite pair; what it says of neighbours outside the map does not count.
        inside: `(batch, row, column)`, true or 1 on the map, false or 0 where the grid is only filled up; None: all.
        factor: float. Of the affinity.

    Returns:
        `TiledGraph`.

    Example:

    >>> graph = tiled_graph(ops.ones((1, 1, 2, 4)))
    >>> tuple(graph.scores.shape), float(ops.max(graph.scores)), int(ops.sum(graph.scores[0, 0, 0] == 10.0))
    ((1, 1, 64, 100), 10.0, 2)

    Reference: Zhang et al., A2GNN, TPAMI 2021 (factor of the released code).
    """
    affinity = ops.cast(affinity, "float32")
    _, rows, columns, pairs = affinity.shape
    radius = radius_of(pairs)
    inside = ops.ones(ops.shape(affinity)[:3]) if inside is None else ops.cast(inside, "float32")
    joined = inside[..., None] * neighbours(inside, half_window(radius))
    given, near = (spread_windows(whole_windows(half, radius, centre), SIDE, radius)
                   for half, centre in ((factor * affinity, factor), (joined, 1.0)))
    return TiledGraph(ops.where(near > 0, given, _NOT_JOINED), tiling(rows, columns, SIDE, radius))


def graph_attention(features, sharpness, graph: TiledGraph, not_negative: bool = False):
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
        graph: of `tiled_graph`, for maps of this size.
        not_negative: bool. Whether features are known to be at least 0, so that no cosine is below 0: saves the look.

    Returns:
        float32 `(batch, row, column, channel)`, within each channel's range.

    Example:

    >>> features = ops.convert_to_tensor([[[[1.0, 0.0], [1.0, 1.0], [0.0, 2.0]]]])
    >>> affinity = ops.pad(ops.convert_to_tensor([[[[0.9], [0.5], [0.0]]]]), ((0, 0), (0, 0), (0, 0), (0, 3)))
    >>> out = graph_attention(features, ops.convert_to_tensor([0.5]), tiled_graph(affinity))
    >>> out[0, 0, 1].numpy().astype(float).round(6).tolist()
    [0.995603, 0.764319]

    Reference: Zhang et al., A2GNN, TPAMI 2021.
    """
    features = ops.cast(features, "float32")
    batch, rows, columns, _ = ops.shape(features)

    @ops.custom_gradient
    def attend(x, factor):
        lengths = ops.sqrt(ops.maximum(ops.sum(ops.square(x), axis=-1, keepdims=True), _SHORTEST))
        own, read = to_tiles(x, SIDE), around_tiles(x, graph.tiles)          # (batch, tile, 64 or near, channel)
        own_length, read_length = to_tiles(lengths, SIDE), around_tiles(lengths, graph.tiles)
        inverse = 1.0 / (own_length * ops.swapaxes(read_length, 2, 3) + _ADDED)
        cosine = ops.einsum("btic,btjc->btij", own, read) * inverse          # (batch, tile, 64, near)
        factor = ops.reshape(factor, (-1, 1, 1, 1))
        scores = factor * cosine + graph.scores
        if not not_negative:
            scores = ops.where(cosine < 0, scores + _NOT_JOINED, scores)
        shares = ops.softmax(scores, axis=-1)
        found = ops.matmul(shares, read)

        def gradient(*args, upstream=None):
            # below, of each value the gradient by it
            by_found = to_tiles(args[0] if upstream is None else upstream, SIDE)
            by_shares = ops.einsum("btic,btjc->btij", by_found, read)
            by_scores = shares * (by_shares - ops.sum(shares * by_shares, axis=-1, keepdims=True))
            by_product = factor * by_scores * inverse
            by_both = by_product * cosine                                    # by the product of lengths, less its sign
            by_own = ops.matmul(by_product, read)
            by_read = (ops.einsum("btij,btic->btjc", by_product, own) + ops.einsum("btij,btic->btjc", shares, by_found))
            by_length = (from_tiles(ops.matmul(by_both, read_length), rows, columns, SIDE) + _as_map(
                ops.einsum("btij,btic->btjc", by_both, own_length), graph.tiles, (batch, rows, columns, 1)))
            by_length = ops.where(lengths > _SHORTEST**0.5, by_length / lengths, 0.0)
            by_x = from_tiles(by_own, rows, columns, SIDE) + _as_map(by_read, graph.tiles, ops.shape(x))
            return by_x - by_length * x, ops.sum(by_scores * cosine, axis=(1, 2, 3))

        return from_tiles(found, rows, columns, SIDE), gradient

    return attend(features, ops.cast(sharpness, "float32"))


def _as_map(around, tiles: Tiling, shape):
    return ops.reshape(add_back(around, tiles), shape)
