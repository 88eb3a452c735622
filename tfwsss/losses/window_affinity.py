"""Losses of the features whose likeness is the affinity of a square window: by seeds, and by the image alone."""

from collections.abc import Sequence

import keras
from keras import ops

from tfwsss.losses.affinity import costs_of_kinds, means_of_kinds, pair_kinds
from tfwsss.ops.affinity import feature_distance
from tfwsss.ops.offsets import half_window, neighbours, window
from tfwsss.ops.replicas import place_among_replicas, sum_over_replicas
from tfwsss.ops.window_kernel import WindowKernel
from tfwsss.palette import IGNORE

_NO_NEGATIVES = ((0, 0), (0, 0), (0, 0), (0, 1))


@keras.saving.register_keras_serializable(package="tfwsss")
class WindowAffinityLoss(keras.losses.Loss):
    """Asks for affinity 1 within background and within a class, and 0 between different seeds, in a square window.

    Every position is paired with all of its window: with each neighbour from both
    ends, and with itself, which counts as alike. In the released program the
    cells of the window that lie outside the map are background with features of 0;
    `mask_border` leaves them out.

        a(i, j) = exp(-mean_c |f_c(i) - f_c(j)|)
        background, foreground = sum_{pairs of the kind} -log(a + 1e-5) / (count + 1e-5)
        negative = sum_{pairs of the kind} -log(1 + 1e-5 - a) / (count + 1e-5)
        loss = sum_kinds weight term

    Each pair is reckoned once and counted twice; all cells outside are as far from a position as 0 is.
    Cost: `row column channel radius (radius + 1)` differences, twice that for the gradient.

    Args:
        radius: int. The window is `2 radius + 1` wide.
        mask_border: bool. Whether cells outside the map are left out.
        weights: three floats, of `losses.affinity.KINDS`.

    Inputs:
        y_true: int `(batch, row, column)`, 0 background, 255 unknown; only equality of the others matters.
        y_pred: features, float `(batch, row, column, channel)`.

    Returns:
        One value per image, float32 `(batch,)`, at least -1e-5, whose mean over
        the batch is the loss: an image's pairs over the batch's count, times the
        number of images. Without seeds it is 0.

    Example:

    >>> features = ops.reshape(ops.array([1.0, 2.0, 4.0]), (1, 1, 3, 1))
    >>> round(float(WindowAffinityLoss(radius=1)(ops.array([[[0, 5, 255]]]), features)), 4)
    0.3306

    Reference: Zhang et al., A2GNN, TPAMI 2021 (released code).
    """

    def __init__(self, radius: int = 3, mask_border: bool = False, weights: Sequence[float] = (0.25, 0.25, 0.5),
                 name: str = "window_affinity", **kwargs):
        super().__init__(name=name, **kwargs)
        self.radius, self.mask_border, self.weights = radius, mask_border, tuple(weights)

    def distance(self, features):
        """Returns the distance of each pair, float32 `(batch, row, column, offset)`, offsets as `half_window`."""
        return feature_distance(features, half_window(self.radius))

    def call(self, y_true, y_pred):
        """Returns the weighted sum of the terms, one value per image."""
        terms = self.terms(y_true, y_pred, self.distance(y_pred))
        return ops.matmul(terms, ops.convert_to_tensor(self.weights, "float32"))

    def terms(self, labels, features, distance):
        """Returns the three terms, `(batch, 3)` in the order of `KINDS`; their means over the batch are the terms.

        Args:
            labels: as y_true.
            features: as y_pred.
            distance: of each pair, as `distance` gives it.
        """
        labels = ops.cast(labels, "int32")
        offsets = half_window(self.radius)
        alone = ops.stack([labels == 0, (labels != 0) & (labels != IGNORE)], axis=-1)        # with itself
        costs, counts = zip(*(costs_of_kinds(ops.exp(-away), kinds) for away, kinds in (
            (distance, 2.0 * pair_kinds(labels, offsets, "full")),
            (ops.zeros_like(distance[..., :1]), ops.pad(ops.cast(alone, "float32"), _NO_NEGATIVES)[..., None, :]),
            *([] if self.mask_border else [self._beyond(labels, features)]))), strict=True)
        return means_of_kinds(sum(costs), sum(counts))

    def _beyond(self, labels, features):
        """Returns the distance of each position to the cells of its window outside the map, and how many there are."""
        whole, ones = window(self.radius), ops.ones_like(labels, dtype="float32")
        count = float(len(whole)) - ops.sum(neighbours(ones, whole), axis=-1)
        none = ops.zeros_like(count)
        known = ops.where((labels == 0) | (labels == IGNORE), none, count)
        kinds = ops.stack([ops.where(labels == 0, count, none), none, known], axis=-1)
        away = ops.mean(ops.abs(ops.cast(features, "float32")), axis=-1, keepdims=True)
        return away, kinds[..., None, :]

    def get_config(self):
        """Returns the constructor's arguments."""
        return {**super().get_config(), "radius": self.radius, "mask_border": self.mask_border,
                "weights": list(self.weights)}


def gated_distance(kernel: WindowKernel, distance):
    """Charges pairs of near positions that look alike and whose features are far apart.

        loss = sum_{i, j} k(i, j) d(i, j) / number of pairs,   both ends on the map

    Each position is paired with all of its window on the map, itself included, whose kernel is 0. The gradient
    goes into the distance only.

    Args:
        kernel: of the normalised images, of the distance's radius; where the grid is filled up, of what is inside.
        distance: float `(batch, row, column, offset)`, offsets as `kernel.offsets`.

    Returns:
        One value per image, float32 `(batch,)`, at least 0, whose mean over the batch (of all replicas) is the loss.

    Example:

    >>> from tfwsss.ops.window_kernel import window_kernel
    >>> kernel = window_kernel(ops.zeros((1, 1, 3, 3)), radius=1)
    >>> distance = feature_distance(ops.reshape(ops.array([1.0, 2.0, 4.0]), (1, 1, 3, 1)), kernel.offsets)
    >>> round(float(gated_distance(kernel, distance)[0]), 6)                 # (2 + 4) exp(-1 / 72) / 7
    0.84532

    Reference: Zhang et al., A2GNN, TPAMI 2021 (released code).
    """
    pairs = ops.transpose(kernel.pairs, (0, 2, 3, 1))                        # (batch, row, column, offset)
    met = kernel.inside[..., None] * neighbours(kernel.inside, kernel.offsets)
    sums = 2.0 * ops.sum(pairs * ops.cast(distance, "float32"), axis=(1, 2, 3))
    count = sum_over_replicas(2.0 * ops.sum(met) + ops.sum(kernel.inside))
    images = ops.cast(ops.shape(pairs)[0] * place_among_replicas()[1], "float32")
    return images * sums / ops.maximum(count, 1.0)
