"""Loss of predicted affinities against a label map that leaves much of the image open."""

from collections.abc import Sequence

import keras
from keras import ops

from tfwsss.ops.offsets import Offset, half_disc, neighbours, pair_mask
from tfwsss.ops.replicas import place_among_replicas, sum_over_replicas
from tfwsss.palette import IGNORE

KINDS = ("background", "foreground", "negative")
"""What pairs of labelled positions teach, in the order of `pair_kinds`."""

_TINY = 1e-5


def pair_kinds(labels, offsets: tuple[Offset, ...], border: str = "released"):
    """Sorts pairs of positions by what their labels say: both background, both of one class, or different.

    Args:
        labels: int `(batch, row, column)`, 0 background, 255 unknown.
        offsets: pairs of int.
        border: str. As in `ops.offsets.pair_mask`.

    Returns:
        float32 `(batch, row, column, offset, 3)`, at most one 1 in the last axis, whose order is `KINDS`. Pairs with
        an unknown end, beyond the map or outside the released set are all 0.

    Example:

    >>> ops.convert_to_numpy(pair_kinds([[[0, 0, 1, 255]]], ((0, 1),), "full"))[0, 0, :, 0].tolist()
    [[1.0, 0.0, 0.0], [0.0, 0.0, 1.0], [0.0, 0.0, 0.0], [0.0, 0.0, 0.0]]

    Reference: Ahn and Kwak, AffinityNet, CVPR 2018.
    """
    labels = ops.cast(labels, "int32")
    _, rows, columns = ops.shape(labels)
    here, there = labels[..., None], neighbours(labels, offsets, fill=IGNORE)
    same = here == there
    sorted_pairs = ops.stack([same & (here == 0), same & (here != 0), ~same], axis=-1)
    known = (here != IGNORE) & (there != IGNORE)
    used = ops.cast(known, "float32") * pair_mask(rows, columns, offsets, border)
    return ops.cast(sorted_pairs, "float32") * used[..., None]


def costs_of_kinds(affinity, kinds):
    """Adds up what affinities cost that should be 1 (background, foreground) or 0 (negative).

    Args:
        affinity: float32 `(batch, row, column, offset)`, 0 to 1.
        kinds: float32 `(batch, row, column, offset, 3)`, as of `pair_kinds`: how often each pair counts.

    Returns:
        Costs and counts of each image, float32 `(batch, 3)`.

    Example:

    >>> costs, counts = costs_of_kinds(ops.array([[[[0.5]]]]), ops.array([[[[[0.0, 0.0, 2.0]]]]]))
    >>> round(float(costs[0, 2]), 3), float(counts[0, 2])                    # -2 log 0.5
    (1.386, 2.0)
    """
    alike, different = -ops.log(affinity + _TINY), -ops.log(1.0 + _TINY - affinity)
    costs = ops.stack([alike, alike, different], axis=-1)                    # (batch, row, column, offset, 3)
    return ops.sum(kinds * costs, axis=(1, 2, 3)), ops.sum(kinds, axis=(1, 2, 3))


def means_of_kinds(costs, counts):
    """Divides the costs of each image by the pairs of the whole batch (of all replicas), times the number of images.

    Args:
        costs: float32 `(batch, 3)`, of `costs_of_kinds`.
        counts: likewise.

    Returns:
        float32 `(batch, 3)`, whose means over the batch are the terms of the loss.

    Example:

    >>> costs, counts = ops.array([[1.0, 0.0, 4.0], [3.0, 0.0, 0.0]]), ops.array([[3.0, 0.0, 4.0], [5.0, 0.0, 0.0]])
    >>> means_of_kinds(costs, counts).numpy().round(3).tolist()
    [[0.25, 0.0, 2.0], [0.75, 0.0, 0.0]]
    """
    images = ops.cast(ops.shape(costs)[0] * place_among_replicas()[1], "float32")
    return images * costs / (sum_over_replicas(ops.sum(counts, axis=0)) + _TINY)


@keras.saving.register_keras_serializable(package="tfwsss")
class AffinityLoss(keras.losses.Loss):
    """Asks for affinity 1 within background and within a class, and 0 between different labels.

    Each of the three terms is a mean over the pairs of its kind in the whole
    batch (of all replicas), so that many background pairs do not drown the rest.

        background, foreground = sum_{pairs of the kind} -log(a + 1e-5) / (count + 1e-5)
        negative = sum_{pairs of the kind} -log(1 + 1e-5 - a) / (count + 1e-5)
        loss = sum_kinds weight term

    Args:
        radius: int. Pairs are nearer than this.
        border: str. As in `PairwiseAffinity`.
        weights: three floats, of `KINDS`; those of the released code. The paper
            names four times as much.

    Inputs:
        y_true: int `(batch, row, column)`, 0 background, 255 unknown; only equality of the others matters.
        y_pred: affinities, `(batch, row, column, offset)` as of `PairwiseAffinity`.

    Returns:
        One value per image, float32 `(batch,)`, at least -1e-5, whose mean over
        the batch is the loss: an image's pairs over the batch's count, times the
        number of images. Without labelled pairs it is 0.

    Example:

    >>> affinity = ops.array([[[[0.9], [0.2], [0.2]]]])        # of (0, 0), (0, 1) and (1, beyond)
    >>> loss = AffinityLoss(radius=2, border="full")
    >>> affinity = ops.pad(affinity, ((0, 0), (0, 0), (0, 0), (0, 3)))
    >>> round(float(loss(ops.array([[[0, 0, 1]]]), affinity)), 4)      # -log(0.9) / 4 - log(0.8) / 2
    0.1379

    Reference: Ahn and Kwak, AffinityNet, CVPR 2018.
    """

    def __init__(self, radius: int = 5, border: str = "released", weights: Sequence[float] = (0.25, 0.25, 0.5),
                 name: str = "affinity", **kwargs):
        super().__init__(name=name, **kwargs)
        self.radius, self.border, self.weights = radius, border, tuple(weights)

    def call(self, y_true, y_pred):
        """Returns the weighted sum of the terms, one value per image."""
        return ops.matmul(self.terms(y_true, y_pred), ops.convert_to_tensor(self.weights, "float32"))

    def terms(self, y_true, y_pred):
        """Returns the three terms, `(batch, 3)` in the order of `KINDS`; their means over the batch are the terms."""
        kinds = pair_kinds(y_true, half_disc(self.radius), self.border)
        return means_of_kinds(*costs_of_kinds(ops.clip(ops.cast(y_pred, "float32"), 0.0, 1.0), kinds))

    def get_config(self):
        """Returns the constructor's arguments."""
        return {**super().get_config(), "radius": self.radius, "border": self.border, "weights": list(self.weights)}
