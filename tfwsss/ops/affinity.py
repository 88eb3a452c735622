"""Affinity of each position to its neighbours, as `(batch, row, column, offset)`; never a matrix of all pairs."""

import functools

from keras import ops

from tfwsss.ops.offsets import Offset, pair_mask, path, reach

DIRECT = ((0, 1), (1, 0))
"""Offsets to direct neighbours, one of every opposite pair."""


def feature_distance(features, offsets: tuple[Offset, ...]):
    """Mean absolute difference between the features of a position and of its neighbours.

        distance[b, y, x, k] = mean_c |F[b, y, x, c] − F[b, y + dy_k, x + dx_k, c]|,   F = 0 outside the map

    Neighbours outside the map count as zero features (A2GNN trains so); `pair_mask` tells them apart. One row of the
    map is compared at a time, forwards and in the gradient, so memory beyond the result grows with
    `column · offset · channel`, not with the number of pairs. Both ends of a pair receive gradient; equal values
    receive none. Computed in float32.

    Args:
        features: float, `(batch, row, column, channel)`, sizes may be unknown.
        offsets: pairs of int, as `half_disc(5)` or `window(4)` give them.

    Returns:
        float32, `(batch, row, column, offset)`, at least 0.

    Example:
    >>> features = ops.convert_to_tensor([[[[0.2, -0.4, 1.0, 0.0], [0.5, 0.1, 0.6, 0.2]]]])
    >>> round(float(feature_distance(features, ((0, 1),))[0, 0, 0, 0]), 6)
    0.35

    Reference: Ahn and Kwak, AffinityNet, CVPR 2018 (mean over channels as in the released code).
    """

    @ops.custom_gradient
    def distance(values):
        def gradient(*args, upstream=None):
            return _distance_gradient(values, args[0] if upstream is None else upstream, offsets)

        return _distance(values, offsets), gradient

    return distance(ops.cast(features, "float32"))


def feature_affinity(features, offsets: tuple[Offset, ...]):
    """Affinity of neighbours by the likeness of their features.

        affinity = exp(−feature_distance(features, offsets))

    Args:
        features: float, `(batch, row, column, channel)`.
        offsets: pairs of int.

    Returns:
        float32, `(batch, row, column, offset)`, in (0, 1]; 1 for equal features. Pairs that leave the map are not
        removed: multiply by `pair_mask`.

    Example:
    >>> features = ops.convert_to_tensor([[[[0.2, -0.4, 1.0, 0.0], [0.5, 0.1, 0.6, 0.2]]]])
    >>> round(float(feature_affinity(features, ((0, 1),))[0, 0, 0, 0]), 6)
    0.704688

    Reference: Ahn and Kwak, AffinityNet, CVPR 2018.
    """
    return ops.exp(-feature_distance(features, offsets))


def boundary_affinity(boundary, offsets: tuple[Offset, ...]):
    """Affinity of neighbours by the strongest boundary on the straight path between them.

        affinity = 1 − max over `path(offset)` of boundary,   boundary = 1 outside the map

    Paths share the running maxima of their common beginnings. The gradient reaches the strongest point only.

    Args:
        boundary: float, `(batch, row, column)`, probabilities 0 to 1.
        offsets: pairs of int, none (0, 0), as `half_disc_by_path(5)` gives them.

    Returns:
        float32, `(batch, row, column, offset)`, in 0 to 1; 0 for pairs that leave the map.

    Raises:
        ValueError: where an offset is (0, 0).

    Example:
    >>> boundary = ops.convert_to_tensor([[[0.0, 0.25, 0.0, 0.5]]])
    >>> boundary_affinity(boundary, ((0, 1), (0, 2)))[0, 0].numpy().tolist()
    [[0.75, 0.75], [0.75, 0.5], [0.5, 0.0], [0.0, 0.0]]

    Reference: Ahn, Cho and Kwak, IRN, CVPR 2019.
    """
    boundary = ops.cast(boundary, "float32")
    _, rows, columns = ops.shape(boundary)
    span = reach(offsets)
    framed = ops.pad(boundary, ((0, 0), (span, span), (span, span)), constant_values=1.0)
    strongest = {}
    for offset in offsets:
        walked = ()
        for dy, dx in path(offset):
            before, walked = walked, walked + ((dy, dx),)
            if walked not in strongest:
                here = framed[:, span + dy : span + dy + rows, span + dx : span + dx + columns]
                strongest[walked] = ops.maximum(strongest[before], here) if before else here
    return 1.0 - ops.stack([strongest[path(offset)] for offset in offsets], axis=-1)


def path_affinity(links, offsets: tuple[Offset, ...]):
    """Affinity of neighbours by the weakest link on the straight path between them.

        affinity = min over links u, v of `path(offset)` of a(u, v),   v = u + (0, 1) or u + (1, 0)

    IRN's rule with boundaries between positions in place of boundaries on them: a position beside an edge stays
    joined to its own side. The affinity of two direct neighbours is that of their link.

    Args:
        links: float, `(batch, row, column, 2)`: affinity to the position on the right and to the one below, 0 to 1.
        offsets: pairs of int, none (0, 0).

    Returns:
        float32, `(batch, row, column, offset)`, in 0 to 1; 0 for pairs that leave the map.

    Raises:
        ValueError: where an offset is (0, 0).

    Example:
    >>> links = ops.convert_to_tensor([[[[0.75, 1.0], [0.5, 1.0], [1.0, 1.0]]]])
    >>> path_affinity(links, ((0, 1), (0, 2)))[0, 0].numpy().tolist()
    [[0.75, 0.5], [0.5, 0.0], [0.0, 0.0]]

    Reference: Ahn, Cho and Kwak, IRN, CVPR 2019 (there the strongest of boundaries on positions).
    """
    _, rows, columns, _ = ops.shape(links)
    span = reach(offsets)
    framed = _frame(ops.cast(links, "float32") * pair_mask(rows, columns, DIRECT), span)

    def weakest(offset):
        met = path(offset)
        parts = [framed[:, span + y : span + y + rows, span + x : span + x + columns, place]
                 for y, x in met for place, (dy, dx) in enumerate(DIRECT) if (y + dy, x + dx) in met]
        return functools.reduce(ops.minimum, parts)

    return ops.stack([weakest(offset) for offset in offsets], axis=-1)


def seen_from_the_end(pairs, offsets: tuple[Offset, ...]):
    """Reads, for every position, the values of the pairs that end at it.

        out[b, y, x, k] = pairs[b, y − dy_k, x − dx_k, k],   0 where such a pair would begin outside the map

    Args:
        pairs: float, `(batch, row, column, offset)`, sizes may be unknown.
        offsets: pairs of int of the last axis.

    Returns:
        The same shape and dtype.

    Example:
    >>> pairs = ops.convert_to_tensor([[[[5.0], [7.0], [9.0]]]])
    >>> seen_from_the_end(pairs, ((0, 1),))[0, 0, :, 0].numpy().tolist()
    [0.0, 5.0, 7.0]
    """
    _, rows, columns, _ = ops.shape(pairs)
    span = reach(offsets)
    framed = _frame(pairs, span)
    return ops.stack([framed[:, span - dy : span - dy + rows, span - dx : span - dx + columns, k]
                      for k, (dy, dx) in enumerate(offsets)], axis=-1)


def _distance(features, offsets):
    batch, rows, columns, _ = ops.shape(features)
    framed = _frame(features, reach(offsets))

    def one_row(row):
        centre, others = _row_and_neighbours(framed, row, offsets, columns)
        return ops.mean(ops.abs(centre[:, :, None] - others), axis=-1)          # (batch, column, offset)

    return _for_rows(one_row, rows, ops.zeros((batch, columns, len(offsets))))


def _distance_gradient(features, upstream, offsets):
    batch, rows, columns, channels = ops.shape(features)
    span = reach(offsets)
    framed, framed_upstream = _frame(features, span), _frame(upstream, span)
    both_ways = tuple(offsets) + tuple((-dy, -dx) for dy, dx in offsets)

    def one_row(row):
        centre, others = _row_and_neighbours(framed, row, both_ways, columns)
        own = _band(framed_upstream, row, span)                                 # (batch, 2 span + 1, column', offset)
        begun = own[:, span, span : span + columns]
        ended = [own[:, span - dy, span - dx : span - dx + columns, k] for k, (dy, dx) in enumerate(offsets)]
        weights = ops.concatenate([begun, ops.stack(ended, axis=-1)], axis=-1)  # (batch, column, 2 offset)
        return ops.einsum("bxk,bxkc->bxc", weights, ops.sign(centre[:, :, None] - others))

    return _for_rows(one_row, rows, ops.zeros((batch, columns, channels))) / ops.cast(channels, "float32")


def _frame(values, span):
    return ops.pad(values, ((0, 0), (span, span), (span, span), (0, 0)))


def _band(framed, row, span):
    batch, _, columns, channels = ops.shape(framed)
    return ops.slice(framed, (0, row, 0, 0), (batch, 2 * span + 1, columns, channels))


def _row_and_neighbours(framed, row, offsets, columns):
    span = reach(offsets)
    band = _band(framed, row, span)
    batch, rows, width, channels = ops.shape(band)
    down, right = (ops.convert_to_tensor([span + step for step in steps], "int32")
                   for steps in zip(*offsets, strict=True))
    places = down * width + right + ops.arange(columns, dtype="int32")[:, None]             # (column, offset)
    # one gather writes all neighbours at once; slices that are stacked write them twice
    others = ops.take(ops.reshape(band, (batch, rows * width, channels)), places, axis=1)
    return band[:, span, span : span + columns], others                         # (batch, column, [offset,] channel)


def _for_rows(one_row, rows, template):
    def step(_, row):
        result = one_row(row)
        return result, result

    # scan keeps one row alive at a time; a Python loop over offsets would let all of them live together in a graph
    stacked = ops.scan(step, template, ops.arange(rows, dtype="int32"))[1]      # (row, batch, column, ...)
    return ops.swapaxes(stacked, 0, 1)
