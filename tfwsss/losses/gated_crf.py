"""Gated CRF loss: near pixels that look alike should be predicted alike."""

from collections.abc import Sequence

import keras
import numpy as np
from keras import ops

from tfwsss.errors import UserError
from tfwsss.losses.segmentation import NORMALISERS
from tfwsss.ops.area import area_means
from tfwsss.ops.offsets import neighbours, reach
from tfwsss.ops.replicas import place_among_replicas, sum_over_replicas
from tfwsss.ops.window_kernel import Gaussian, WindowKernel, window_kernel


def gate(mask, rows, columns):
    """Brings a mask to the grid of a prediction; a cell counts only if all of it does.

        gate = m where m >= 1, else 0,   m = mean of the mask over the cell; not a number counts as 0

    Args:
        mask: `(batch, row, column)`, numbers or booleans.
        rows: int or integer scalar. Rows of the grid.
        columns: int or integer scalar. Columns of the grid.

    Returns:
        float32 `(batch, rows, columns)`. The mask that was handed in stays as it is.

    Raises:
        UserError: a size that is no whole multiple of the grid's.

    Example:

    >>> gate(ops.array([[[1.0, 1.0, 1.0, 0.0], [1.0, 1.0, 1.0, 1.0]]]), 1, 2).numpy().tolist()
    [[[1.0, 0.0]]]

    Reference: Obukhov et al., Gated CRF Loss, 2019 (released code).
    """
    mean = area_means(ops.cast(mask, "float32")[..., None], rows, columns)[..., 0]
    return ops.where(mean >= 1.0, mean, 0.0)                                 # no comparison holds for not-a-number


@keras.saving.register_keras_serializable(package="tfwsss")
class GatedCRFLoss(keras.losses.Loss):
    """Charges pairs of near pixels that look alike and are predicted differently; it needs no labels.

    A pair counts by the kernel k of place and colour (`ops.window_kernel`), and can
    be switched off by a mask of its source pixel j or of its destination pixel i.

        energy = sum_i T(i) sum_{j near i} k(i, j) S(j) (1 - sum_c y_c(i) y_c(j))
        loss = energy / Z,   Z = max(1, sum T), without T max(1, sum S), without either the number of pixels

    Both ends of a pair receive gradient. Without a source mask the cells of the window
    outside the image count too, as pixels without any class: a constant,
    which `count_outside=False` leaves out. A compatibility M of classes
    charges M_ab y_a(i) y_b(j) in place of 1 - sum_c y_c y_c, rows of M scaled to the sum C - 1.

    Cost: `2 row column class radius^2` multiplications, twice that for the
    gradient; memory of one prediction, since one offset is looked at after the other.

    Args:
        radius: int. Pairs lie in a window that is `2 radius + 1` wide.
        gaussians: terms of the kernel: weight, deviation of the place in positions, of the normalised colour.
        count_outside: bool. Whether cells outside the image add their constant.
        compatibility: `(class, class)` numbers at least 0, 0 on the diagonal; None: all different classes alike.
        normaliser: str. "batch": Z is of all images (of all replicas); "image": each image has its own.

    Inputs:
        y_true: normalised images, `(batch, row', column', channel)`, as large as the prediction or a whole multiple.
        y_pred: probabilities, `(batch, row, column, class)`, of sum 1: no logits.

    Returns:
        One value per image, float32 `(batch,)`, at least 0, whose mean over the batch is the loss.

    Raises:
        UserError: an unknown normaliser, or a compatibility that is none.

    Example:

    >>> probabilities = ops.array([[[[0.8, 0.2], [0.5, 0.5], [0.1, 0.9]]]])
    >>> loss = GatedCRFLoss(radius=1, count_outside=False)
    >>> round(float(loss(ops.zeros((1, 1, 3, 3)), probabilities)), 6)        # 2 exp(-1 / 72) (0.5 + 0.5) / 3
    0.657471

    Reference: Obukhov et al., Gated CRF Loss for Weakly Supervised Semantic Image Segmentation, 2019.
    """

    def __init__(self, radius: int = 5, gaussians: Sequence[Gaussian] = (Gaussian(),), count_outside: bool = True,
                 compatibility: Sequence[Sequence[float]] | None = None, normaliser: str = "batch",
                 name: str = "gated_crf", **kwargs):
        super().__init__(name=name, **kwargs)
        if normaliser not in NORMALISERS:
            raise UserError(f"GatedCRFLoss: normaliser is {normaliser!r}; expected one of {', '.join(NORMALISERS)}")
        self.radius, self.gaussians = radius, tuple(Gaussian(*gaussian) for gaussian in gaussians)
        self.count_outside, self.normaliser = count_outside, normaliser
        self.compatibility = None if compatibility is None else [[float(x) for x in row] for row in compatibility]
        self._charges = None if compatibility is None else _scaled(np.array(self.compatibility))

    def kernel(self, image, inside=None) -> WindowKernel:
        """Returns the kernel of normalised images on the prediction's grid, to be made once and used often."""
        return window_kernel(image, self.radius, self.gaussians, inside)

    def call(self, y_true, y_pred):
        """Returns the loss of each image."""
        image = area_means(ops.cast(y_true, "float32"), *ops.shape(y_pred)[1:3])
        return self.of_kernel(self.kernel(image), y_pred)

    def of_kernel(self, kernel: WindowKernel, y_pred, source=None, destination=None):
        """Returns the loss of each image; masks are `(batch, row, column)` as `gate` reads them, or None."""
        probabilities = ops.cast(y_pred, "float32")
        grid = ops.shape(probabilities)[1:3]
        source, destination = (None if mask is None else gate(mask, *grid) * kernel.inside
                               for mask in (source, destination))
        energy = self._energy(kernel, probabilities, source, destination)
        given = source if destination is None else destination
        counts = ops.sum(kernel.inside if given is None else given, axis=(1, 2))
        if self.normaliser == "image":
            return energy / ops.maximum(counts, 1.0)
        images = ops.cast(ops.shape(probabilities)[0] * place_among_replicas()[1], "float32")
        return images * energy / ops.maximum(sum_over_replicas(ops.sum(counts)), 1.0)

    def _energy(self, kernel, probabilities, source, destination):
        begins, ends = (_gated(kernel, *masks) for masks in ((source, destination), (destination, source)))
        if self._charges is not None:
            return _compatible_costs(probabilities, begins, ends, self._charges, kernel.offsets)
        energy = _potts_costs(probabilities, begins + ends, kernel.offsets)
        if source is not None or not self.count_outside:
            return energy
        return energy + ops.sum(kernel.outside if destination is None else kernel.outside * destination, axis=(1, 2))

    def get_config(self):
        """Returns the constructor's arguments."""
        return {**super().get_config(), "radius": self.radius, "gaussians": [list(term) for term in self.gaussians],
                "count_outside": self.count_outside, "compatibility": self.compatibility, "normaliser": self.normaliser}


def _scaled(compatibility: np.ndarray) -> np.ndarray:
    """Returns a compatibility whose rows have the sum of those of equally unlike classes."""
    square = compatibility.ndim == 2 and len(set(compatibility.shape)) == 1
    if not square or not (compatibility >= 0).all() or np.diag(compatibility).any():
        raise UserError(f"GatedCRFLoss: received the compatibility {compatibility.tolist()}; expected as many rows as "
                        "columns, numbers of at least 0, and 0 on the diagonal")
    sums = compatibility.sum(axis=1, keepdims=True)
    return ((len(compatibility) - 1) * compatibility / np.maximum(sums, np.finfo(float).tiny)).astype("float32")


def _gated(kernel: WindowKernel, there, here):
    """Returns the kernel of each pair times a mask of the neighbour and one of the position itself."""
    pairs = kernel.pairs
    if there is not None:
        pairs = pairs * ops.transpose(neighbours(there, kernel.offsets), (0, 3, 1, 2))
    return pairs if here is None else pairs * here[:, None]


def _shifted(framed, offset, span: int, size):
    """Returns what a map that is framed by `span` positions shows at an offset from each position."""
    (dy, dx), (rows, columns) = offset, size
    return framed[:, span + dy : span + dy + rows, span + dx : span + dx + columns]


def _frame(values, span: int):
    return ops.pad(values, ((0, 0), (span, span), (span, span), *((0, 0) for _ in values.shape[3:])))


def _potts_costs(probabilities, weights, offsets):
    """Sums `weight (1 - y(i) y(j))` over the pairs of each image."""
    span, size = reach(offsets), tuple(ops.shape(probabilities)[1:3])

    def received(values):
        """Sums over the partners j of each position i, both ways: weight y(j)."""
        framed, total = _frame(values, span), 0.0
        framed_weights = ops.pad(weights, ((0, 0), (0, 0), (span, span), (span, span)))
        for k, (dy, dx) in enumerate(offsets):
            total = total + weights[:, k, ..., None] * _shifted(framed, (dy, dx), span, size)
            back = _shifted(framed_weights[:, k], (-dy, -dx), span, size)
            total = total + back[..., None] * _shifted(framed, (-dy, -dx), span, size)
        return total

    @ops.custom_gradient
    def costs(values):
        def gradient(*args, upstream=None):
            upstream = args[0] if upstream is None else upstream
            return -upstream[:, None, None, None] * received(values)

        framed, total = _frame(values, span), 0.0
        for k, offset in enumerate(offsets):
            alike = ops.sum(values * _shifted(framed, offset, span, size), axis=-1)
            total = total + ops.sum(weights[:, k] * (1.0 - alike), axis=(1, 2))
        return total, gradient

    return costs(probabilities)


def _compatible_costs(probabilities, begins, ends, costs: np.ndarray, offsets):
    """Sums `weight y(i) M y(j)` over the pairs of each image, from either end with its own weight."""
    span, size = reach(offsets), tuple(ops.shape(probabilities)[1:3])
    charged = ops.matmul(probabilities, ops.convert_to_tensor(costs.T))      # sum_b M_ab y_b
    framed, framed_charged, total = _frame(probabilities, span), _frame(charged, span), 0.0
    for k, offset in enumerate(offsets):
        one = ops.sum(probabilities * _shifted(framed_charged, offset, span, size), axis=-1)
        other = ops.sum(charged * _shifted(framed, offset, span, size), axis=-1)
        total = total + ops.sum(begins[:, k] * one + ends[:, k] * other, axis=(1, 2))
    return total
