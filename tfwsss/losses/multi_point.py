"""Multi-point loss: the strongest pixels of a box's rows and columns belong to its class, and to each other."""

from typing import Any, NamedTuple

from keras import ops

from tfwsss.ops.box_points import BoxPoints, strongest_points
from tfwsss.ops.pixel_corners import pixel_corners
from tfwsss.ops.sparse_product import sparse_product, sparse_rows

_ADDED = 1e-7           # to the product of two lengths
_MORE = 1e-5            # to the difference of each pair
_SHORT = 1e-6           # square of a length below which the sum over pairs is made pair by pair
_SHORTEST = 1e-30       # square of a length below which it is taken for 0
_TERMS = 4              # of the series


class MultiPoint(NamedTuple):
    """The loss of boxes, and what else their points say.

    Args:
        loss: float32 `(batch,)`, 0 for an image without boxes.
        prototypes: float32 `(batch, box, channel)`, the mean of the hidden features at a box's points, without
            gradient.
    """

    loss: Any
    prototypes: Any


def multi_point_loss(logits, hidden, boxes, labels, sizes, stride: int) -> MultiPoint:
    """Asks of every row and every column of a box for one pixel of its class, and that these pixels are alike.

    Logits z and hidden features v are those of the maps enlarged to the padded image, read at the points alone. The
    points are the strongest pixels by the logit of the box's class (`ops.box_points`); their choice has no gradient.
    The sums run over all boxes b of an image, of n_b points each.

        loss = sum_b sum_{p in b} CE(z_p, class_b) / sum_b n_b
               + sum_b sum_{p, q in b} (1 - v_p v_q / (|v_p| |v_q| + 1e-7) + 1e-5) / sum_b n_b^2

    Cost: some passes over one enlarged map a box; the sum over pairs needs no pairs where features are long enough.

    Args:
        logits: float, `(batch, row, column, id)`.
        hidden: float, `(batch, row, column, channel)`.
        boxes: integers `(batch, box, 4)`: left, top, right, bottom in pixels of the padded image, both ends inside it;
            right below left for no box.
        labels: integers `(batch, box)`, id of each box.
        sizes: integers `(batch, 2)`: rows and columns of the map; the grid beyond is only filled up.
        stride: int. Pixels of the padded image between positions.

    Returns:
        `MultiPoint`.

    Example:

    >>> logits = ops.zeros((1, 2, 2, 3))
    >>> found = multi_point_loss(logits, ops.ones((1, 2, 2, 4)), ops.array([[[0, 0, 1, 1]]]), ops.array([[2]]),
    ...                          ops.array([[2, 2]]), 1)
    >>> round(float(found.loss[0]), 4)                                       # log 3
    1.0986

    Reference: Zhang et al., A2GNN, TPAMI 2021 (the released code's form).
    """
    logits, hidden = ops.cast(logits, "float32"), ops.cast(hidden, "float32")
    batch, rows, columns, num_ids = ops.shape(logits)
    channels = num_ids + ops.shape(hidden)[-1]
    own = ops.one_hot(labels, num_ids)                                       # (batch, box, id)
    of_class = ops.einsum("brci,bni->brcn", ops.stop_gradient(logits), own)
    points = strongest_points(of_class, boxes, sizes, stride)
    count, longest = ops.shape(points.row)[1:]
    both = ops.reshape(ops.concatenate([logits, hidden], axis=-1), (batch * rows * columns, channels))
    read = sparse_product(_reading(points, sizes, (rows, columns), stride), both)
    read = ops.reshape(read, (batch, count, longest, channels))              # 0 where there is no point
    values, features = read[..., :num_ids], read[..., num_ids:]
    numbers = ops.sum(points.valid, axis=-1)                                 # (batch, box)
    costs = ops.logsumexp(values, axis=-1) - ops.einsum("bnpi,bni->bnp", values, own)
    costs = ops.sum(points.valid * costs, axis=-1)
    unlike = (1.0 + _MORE) * numbers**2 - cosine_sums(features)
    loss = (ops.sum(costs, axis=-1) / ops.maximum(ops.sum(numbers, axis=-1), 1.0)
            + ops.sum(unlike, axis=-1) / ops.maximum(ops.sum(numbers**2, axis=-1), 1.0))
    means = ops.sum(features, axis=2) / ops.maximum(numbers, 1.0)[..., None]
    return MultiPoint(loss, ops.stop_gradient(means))


def _reading(points: BoxPoints, sizes, grid, stride: int):
    """Returns the matrix that reads points from the positions of all grids."""
    size = [ops.cast(sizes, "int32")[:, place, None, None] for place in range(2)]
    row, column, shares = pixel_corners(points.row, points.column, size, stride)
    batch = ops.shape(row)[0]
    start = ops.arange(batch, dtype="int32")[:, None, None, None] * (grid[0] * grid[1])
    places = ops.reshape(start + row * grid[1] + column, (-1, 4))
    return sparse_rows(places, ops.reshape(shares * points.valid[..., None], (-1, 4)), batch * grid[0] * grid[1])


def cosine_sums(features):
    """Adds up the cosines of all pairs of features, those with themselves included.

        sum_ij v_i v_j / (n_i n_j + e) = sum_k (-e)^k |sum_i v_i / n_i^(k + 1)|^2,   n = |v|, e = 1e-7

    Four terms are enough, to 1e-8 of a pair, where no square of a length is below 1e-6; else the pairs are made, of
    these features alone. Features of zeros add nothing.

    Args:
        features: float32 `(..., point, channel)`.

    Returns:
        float32 `(...)`.

    Example:

    >>> round(float(cosine_sums(ops.array([[3.0, 0.0], [0.0, 2.0], [0.0, 0.0]]))), 4)
    2.0
    """
    squares = ops.sum(ops.square(features), axis=-1, keepdims=True)
    lengths = ops.sqrt(ops.maximum(squares, _SHORTEST))
    short = ops.any((squares > _SHORTEST) & (squares < _SHORT), axis=(-2, -1))
    of_series = _sum_of_series(features, ops.where(short[..., None, None] | (squares <= _SHORTEST), 1.0, lengths))
    of_pairs = ops.cond(ops.any(short), lambda: _sum_of_pairs(features, lengths), lambda: ops.zeros_like(of_series))
    return ops.where(short, of_pairs, of_series)


def _sum_of_pairs(features, lengths):
    products = ops.matmul(features, ops.swapaxes(features, -1, -2))
    return ops.sum(products / (ops.matmul(lengths, ops.swapaxes(lengths, -1, -2)) + _ADDED), axis=(-2, -1))


def _sum_of_series(features, lengths):
    scaled, total = features / lengths, 0.0
    for power in range(_TERMS):
        total = total + (-_ADDED) ** power * ops.sum(ops.square(ops.sum(scaled, axis=-2)), axis=-1)
        scaled = scaled / lengths
    return total
