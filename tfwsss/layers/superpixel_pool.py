"""Class scores made constant over superpixels, each superpixel given to one class (ICD)."""

import keras
from keras import ops

from tfwsss.ops.resize import sample_positions

_TINY = 1e-5


def region_samples(regions, rows, columns):
    """Says which regions each position of a coarser grid reads, and with which weight.

    This is the bilinear resize, corners aligned, of the one-hot maps of all
    regions, without ever making them: a position reads at most four pixels.
    Where both steps are whole and known, one pixel with weight 1 is all.
    Memory: one number per position and pixel read.

    Args:
        regions: int, `(batch, row, column)`, any ids of at least 0.
        rows: int or integer scalar. Rows of the grid.
        columns: int or integer scalar. Columns of the grid.

    Returns:
        `(ids, weights)`: int32 `(batch, read, rows * columns)` and float32
        `(read, rows * columns)`, summing to 1 over `read`; `read` is 1 or 4.

    Example:

    >>> ids, weights = region_samples(ops.array([[[0, 7, 7], [0, 5, 7], [5, 5, 5]]]), 2, 2)
    >>> ops.convert_to_numpy(ids).tolist(), ops.convert_to_numpy(weights).tolist()
    ([[[0, 7, 5, 5]]], [[1.0, 1.0, 1.0, 1.0]])
    """
    regions = ops.cast(regions, "int32")
    size = ops.shape(regions)
    row_low, row_high, row_part = sample_positions(size[1], rows, align_corners=True)
    column_low, column_high, column_part = sample_positions(size[2], columns, align_corners=True)
    row_taps, column_taps = ((row_low, 1 - row_part),), ((column_low, 1 - column_part),)
    if not (_whole_step(size[1], rows) and _whole_step(size[2], columns)):
        row_taps += ((row_high, row_part),)
        column_taps += ((column_high, column_part),)
    ids, weights = [], []
    for row, row_weight in row_taps:
        lines = ops.take(regions, row, axis=1)
        for column, column_weight in column_taps:
            ids.append(ops.reshape(ops.take(lines, column, axis=2), (size[0], rows * columns)))
            weights.append(ops.reshape(row_weight[:, None] * column_weight[None, :], (rows * columns,)))
    return ops.stack(ids, axis=1), ops.stack(weights)


def _whole_step(source, target) -> bool:
    """Says whether the grid is known to read whole pixels only."""
    return isinstance(source, int) and isinstance(target, int) and (source - 1) % max(target - 1, 1) == 0


def renumber(ids):
    """Gives equal numbers of one row the same rank, from 0, and unequal ones different ranks.

    Ids of any size thus need tables no longer than the row. Cost: two sorts.

    Args:
        ids: int32 `(batch, n)`.

    Returns:
        int32 `(batch, n)` in `[0, n)`, increasing with the ids.

    Example:

    >>> ops.convert_to_numpy(renumber(ops.array([[40000, 7, 40000]]))).tolist()
    [[1, 0, 1]]
    """
    order = ops.argsort(ids, axis=1)
    ordered = ops.take_along_axis(ids, order, axis=1)
    steps = ops.cast(ordered[:, 1:] != ordered[:, :-1], "int32")
    ranks = ops.concatenate([ops.zeros_like(steps[:, :1]), ops.cumsum(steps, axis=1)], axis=1)
    return ops.take_along_axis(ranks, ops.argsort(order, axis=1), axis=1)


@keras.saving.register_keras_serializable(package="tfwsss")
class SuperpixelRefinement(keras.layers.Layer):
    """Replaces class scores by their mean over superpixels, each won by one class.

    A superpixel votes object if for some class more of its area is positive than
    negative. It is then given to the class with the largest share of the positive
    scores. The winner gets the mean of its positive scores there, every other
    class of the image the mean of its negative ones, so that no two classes claim
    one superpixel. No gradient passes. Sums run over sampled positions only: a
    few MB for 32 images of 41x41 positions, whatever the regions' ids.

        vote[j] = max_c sum_p sign(v) O[j, p] > 1e-5,   v = score * label
        win[j] = argmax_c sum_p (max(v, 0) / max_c max(v, 0)) O[j, p]
        r[j, c] = mean_p max(v, 0) if vote[j] and win[j] = c else mean_p min(v, 0)
        output[p] = sum_j r[j] O[j, p]

    Inputs:
        scores: float, `(batch, row, column, class)`.
        regions: int, `(batch, row', column')`, ids of at least 0 at any finer size;
            brought to the scores' grid with corners aligned (sides 8k + 1 at
            stride 8 meet whole pixels).
        labels: `(batch, class)`, 0 or 1.

    Returns:
        float32, shape of `scores`. Absent classes are 0; where positions read whole
        pixels, refining twice equals refining once.

    Example:

    >>> scores = ops.array([[[[3.0], [1.0], [-1.0]]]])
    >>> refined = SuperpixelRefinement()(scores, ops.array([[[0, 0, 1]]]), ops.ones((1, 1)))
    >>> ops.convert_to_numpy(refined).ravel().tolist()
    [2.0, 2.0, -1.0]

    Reference: Fan et al., ICD, CVPR 2020.
    """

    def __init__(self, **kwargs):
        kwargs.setdefault("dtype", "float32")
        super().__init__(**kwargs)

    def call(self, scores, regions, labels):
        """Returns the refined scores."""
        scores, labels = ops.stop_gradient(scores), ops.stop_gradient(labels)
        size = ops.shape(scores)
        batch, rows, columns, classes = size[0], size[1], size[2], scores.shape[-1]
        ids, weights = region_samples(regions, rows, columns)                # (batch, read, p), (read, p)
        length = ids.shape[1] * rows * columns                               # more regions cannot be met
        ranks = ops.reshape(renumber(ops.reshape(ids, (batch, length))), (batch, ids.shape[1], rows * columns))
        segments = ranks + length * ops.arange(batch, dtype="int32")[:, None, None]
        segments = [ops.reshape(segments[:, i], (-1,)) for i in range(ids.shape[1])]
        weights = [ops.reshape(ops.broadcast_to(weights[i], (batch, rows * columns)), (-1, 1))
                   for i in range(ids.shape[1])]                             # each (batch * p, 1)
        scores = ops.reshape(scores, (batch, rows * columns, classes)) * labels[:, None, :]
        sums = self._region_sums(ops.reshape(scores, (-1, classes)), segments, weights, batch * length)
        values = self._region_values(sums, ops.repeat(labels, length, axis=0))   # (batch * length, class)
        refined = sum(weight * ops.take(values, segment, axis=0)
                      for segment, weight in zip(segments, weights, strict=True))
        return ops.reshape(refined, (batch, rows, columns, classes))

    def _region_sums(self, scores, segments, weights, num_segments):
        """Sums sign, relative, positive and negative scores and the area of every region."""
        positive = ops.relu(scores)
        relative = positive / ops.maximum(ops.max(positive, axis=-1, keepdims=True), _TINY)
        terms = ops.concatenate([ops.sign(scores), relative, positive, scores - positive,
                                 ops.ones_like(scores[:, :1])], axis=-1)     # (batch * p, 4 class + 1)
        return sum(ops.segment_sum(weight * terms, segment, num_segments=num_segments)
                   for segment, weight in zip(segments, weights, strict=True))

    def _region_values(self, sums, labels):
        """Decides the winner of every region and returns its value for each class."""
        votes, relative, positive, negative, area = ops.split(sums, self._cuts(sums), axis=-1)
        area = ops.maximum(area, _TINY)
        is_object = ops.max(votes, axis=-1, keepdims=True) > _TINY
        winner = ops.one_hot(ops.argmax(relative / area, axis=-1), votes.shape[-1], dtype="bool")
        won = ops.logical_and(ops.logical_and(is_object, winner), labels > 0)
        return ops.where(won, positive, negative) / area

    def _cuts(self, sums) -> list[int]:
        classes = (sums.shape[-1] - 1) // 4
        return [classes, 2 * classes, 3 * classes, 4 * classes]

    def compute_output_shape(self, scores_shape, regions_shape=None, labels_shape=None):
        """Keeps the scores' shape."""
        return scores_shape
