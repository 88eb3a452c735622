"""Cross entropy of every labelled pixel."""

import keras
from keras import ops

from tfwsss.errors import UserError
from tfwsss.ops.planes import to_planes
from tfwsss.ops.replicas import place_among_replicas, sum_over_replicas
from tfwsss.ops.resize import exact_positions
from tfwsss.palette import IGNORE

NORMALISERS = ("image", "batch")
"""What the pixels of an image are counted by."""

_FEWEST = 1e-5      # labelled pixels an image, of a batch


def labelled(ids, num_ids: int):
    """Says which pixels have an id that counts.

    Args:
        ids: integers of any shape.
        num_ids: int. Ids from 0 to `num_ids - 1` count; 255 and all others do not.

    Returns:
        Booleans of the shape of `ids`.

    Example:

    >>> ops.convert_to_numpy(labelled(ops.array([0, 2, 3, 255, -1]), 3)).tolist()
    [True, True, False, False, False]
    """
    return (ids >= 0) & (ids < num_ids)


def resized_ids(ids, rows, columns, num_ids: int):
    """Resizes label maps by the vote of the pixels that a cell reads.

    Every id is a map of 0 and 1, resized by the bilinear rule with corners on
    corners; a cell gets the id whose share there is above one half, else none. A
    pixel without an id that counts has a share too, and gives it to nobody. At most
    four pixels have a share in a cell, so that no map of an id is made: each of the
    four adds the weights of those with its own id. Weights are integers: a share of
    exactly one half is not above it, on every processor.

        id[p] = c if sum_q w_pq [ids[q] = c] > 1/2 for some c < num_ids, else 255

    Cost: 16 comparisons a cell; memory of some integers a cell, however many ids.

    Args:
        ids: int `(batch, row, column)`, any size.
        rows: int or integer scalar. Rows of the result, below 32768, as columns.
        columns: int or integer scalar. Columns of the result.
        num_ids: int. Ids from 0 to `num_ids - 1` count.

    Returns:
        int32 `(batch, rows, columns)`. At the same size the ids that count are kept.

    Example:

    >>> ops.convert_to_numpy(resized_ids(ops.array([[[0, 255, 1, 1]]]), 1, 3, 2)).tolist()
    [[[0, 255, 1]]]
    >>> ops.convert_to_numpy(resized_ids(ops.array([[[0, 255, 1]]]), 1, 6, 2)).tolist()
    [[[0, 0, 255, 255, 1, 1]]]

    Reference: Fan et al., CIAN, AAAI 2020.
    """
    ids = ops.cast(ids, "int32")
    size = ops.shape(ids)
    down, across = exact_positions(size[1], rows, True), exact_positions(size[2], columns, True)
    voters, votes = [], []
    for row, height in _ends(*down):
        line = ops.take(ids, row, axis=1)                                    # (batch, rows, column)
        for column, width in _ends(*across):
            voters.append(ops.take(line, column, axis=2))                    # (batch, rows, columns)
            votes.append(height[:, None] * width)                            # (rows, columns), of `all_votes`
    all_votes = down[-1] * across[-1]
    found = ops.full_like(voters[0], IGNORE)
    for own in voters:
        share = sum(ops.where(own == other, vote, 0) for other, vote in zip(voters, votes, strict=True))
        found = ops.where(labelled(own, num_ids) & (2 * share > all_votes), own, found)
    return found


def _ends(lower, upper, part, whole):
    """Returns both samples that a position lies between, each with its weight."""
    return (lower, whole - part), (upper, part)


@keras.saving.register_keras_serializable(package="tfwsss")
class SegmentationLoss(keras.losses.Loss):
    """Softmax cross entropy of the labelled pixels.

    Two normalisers are published. By "image" all images weigh alike, however few
    of their pixels are labelled (Caffe, which sees one image at a time); by
    "batch" all labelled pixels of the batch on all replicas weigh alike (CIAN).

        cost_p = log sum_c exp(logit_pc) - logit_p,id(p)
        image:  loss_i = sum_{labelled p of i} cost_p / max(n_i, 1)
        batch:  loss_i = sum_{labelled p of i} cost_p / max(sum_j n_j / images, 1e-5)

    n_i is the number of labelled pixels of image i. Labels of another size than the
    logits are brought to theirs by `resized_ids`, and the cells are what is counted.

    Args:
        normaliser: str, "image" or "batch".

    Inputs:
        y_true: int `(batch, row', column')`; ids without a logit, such as 255, are ignored.
        y_pred: logits, `(batch, row, column, id)`.

    Returns:
        One value per image, float32 `(batch,)`, at least 0, whose mean over the
        batch is the loss. Without labelled pixels it is 0.

    Raises:
        UserError: an unknown normaliser.

    Example:

    >>> logits = ops.array([[[[1.0, 0.0], [5.0, 5.0], [0.0, 2.0]]]])
    >>> round(float(SegmentationLoss()(ops.array([[[0, 255, 1]]]), logits)), 6)
    0.220095

    Reference: Chen et al., DeepLab, ICLR 2015; Fan et al., CIAN, AAAI 2020.
    """

    def __init__(self, normaliser: str = "image", name: str = "segmentation", **kwargs):
        super().__init__(name=name, **kwargs)
        if normaliser not in NORMALISERS:
            raise UserError(f"SegmentationLoss: normaliser is {normaliser!r}; expected one of {', '.join(NORMALISERS)}")
        self.normaliser = normaliser

    def call(self, y_true, y_pred):
        """Returns the loss of each image."""
        return self.of_planes(y_true, to_planes(y_pred))

    def of_planes(self, y_true, planes):
        """Returns the loss of each image, of logits with a plane for each id, `(batch, id, row, column)`."""
        planes, ids = ops.cast(planes, "float32"), ops.cast(y_true, "int32")
        grid = tuple(planes.shape[2:4])
        if None in grid or tuple(ids.shape[1:3]) != grid:                    # the same size changes nothing
            ids = resized_ids(ids, *ops.shape(planes)[2:4], planes.shape[1])
        used = labelled(ids, planes.shape[1])
        top = ops.stop_gradient(ops.max(planes, axis=1, keepdims=True))
        whole = ops.log(ops.sum(ops.exp(planes - top), axis=1)) + top[:, 0]                  # (batch, row, column)
        own = ids[:, None] == ops.arange(planes.shape[1], dtype="int32")[:, None, None]
        costs = whole - ops.sum(ops.where(own, planes, 0.0), axis=1)
        sums = ops.sum(ops.where(used, costs, 0.0), axis=(1, 2))             # (batch,)
        counts = ops.sum(ops.cast(used, "float32"), axis=(1, 2))
        if self.normaliser == "image":
            return sums / ops.maximum(counts, 1.0)
        images = ops.cast(ops.shape(ids)[0] * place_among_replicas()[1], "float32")
        return sums / ops.maximum(sum_over_replicas(ops.sum(counts)) / images, _FEWEST)

    def get_config(self):
        """Returns the constructor's arguments."""
        return {**super().get_config(), "normaliser": self.normaliser}
